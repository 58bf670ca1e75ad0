"""What the API answers about the settings of clusters; what it takes is in `sections`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from upid.contexts.configuration.types import Configured, Revision, Section, Setting
from upid.kit.pagination import Page

Value = bool | int | float | str | list[str]
Tree = dict[str, Any]

_AS_SENT = "What was set for this cluster, as it is sent by PUT; nothing of the defaults."


class SettingRead(BaseModel):
    """One setting with the value that holds for the cluster."""

    name: str = Field(description="Dotted where it is one of a group, such as idle.on.")
    value: Value = Field(description="What holds.")
    own: Value | None = Field(description="What was set for this cluster; null: nothing.")
    default: Value = Field(description="What holds where a cluster has nothing of its own.")
    origin: str = Field(
        description="`cluster`, `default`, or the variable, flag or file that sets it for all."
    )
    meaning: str
    least: float | None = Field(description="Lower bound of a number.")
    most: float | None = Field(description="Upper bound of a number.")

    @classmethod
    def of(cls, setting: Setting) -> Self:
        """Return a setting as the API shows it."""
        return cls.model_validate(setting, from_attributes=True)


class ConfigurationRead(BaseModel):
    """A section of a cluster's settings."""

    cluster_id: str
    section: Section
    version: int = Field(description="Counts from 1; 0 while nothing was ever set.")
    changed: datetime | None = Field(description="When something was last set.")
    changed_by: str | None = Field(description="Who did.")
    own: Tree = Field(description=_AS_SENT)
    settings: list[SettingRead]

    @classmethod
    def of(cls, found: Configured) -> Self:
        """Return a section as the API shows it."""
        revision = found.revision
        return cls(
            cluster_id=revision.cluster_id,
            section=revision.section,
            version=revision.version,
            changed=revision.at,
            changed_by=revision.by,
            own=dict(revision.own),
            settings=[SettingRead.of(one) for one in found.settings],
        )


class RevisionRead(BaseModel):
    """One version of a section. Sending its `own` again brings it back."""

    version: int
    own: Tree = Field(description=_AS_SENT)
    before: Tree = Field(description="What the version before it had set.")
    at: datetime | None
    by: str | None

    @classmethod
    def of(cls, revision: Revision) -> Self:
        """Return a version as the API shows it."""
        return cls.model_validate(revision, from_attributes=True)


class RevisionPage(BaseModel):
    """Versions of a section, the newest first."""

    items: Sequence[RevisionRead]
    next_cursor: str | None = Field(description="Cursor of the next page; null at the end.")

    @classmethod
    def of(cls, page: Page[Revision]) -> Self:
        """Return a page as the API shows it."""
        return cls(items=[RevisionRead.of(one) for one in page.items], next_cursor=page.next)
