"""Registered clusters: what is sent, and what is shown of them. Credentials go in only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from upid.contexts.clusters.logic.naming import endings
from upid.contexts.clusters.registered import Registered
from upid.contexts.clusters.registry import Wanted
from upid.kit.pagination import Page

_NAME = 253  # letters; the longest name that Kubernetes gives anything
_KUBECONFIG = 256 << 10  # letters; what is read of a stranger's kubeconfig at most
_LABELS = 64
_WORD = 320  # letters of a label's key

Name = Annotated[str, Field(min_length=1, max_length=_NAME)]
Labels = Annotated[
    dict[Annotated[str, Field(max_length=_WORD)], Annotated[str, Field(max_length=63)]],
    Field(max_length=_LABELS),
]
Kubeconfig = Annotated[str, Field(min_length=1, max_length=_KUBECONFIG)]
_ABOUT_KUBECONFIG = (
    "A kubeconfig that holds everything: server, certificate-authority-data, and a token or client "
    "certificate as data. Files, commands and providers in it are refused."
)


class ClusterRegistration(BaseModel):
    """A cluster to register, and how to reach it."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    kubeconfig: Kubeconfig = Field(repr=False, description=_ABOUT_KUBECONFIG)
    context: str | None = Field(
        default=None, max_length=_NAME, description="Of the kubeconfig; default: its current one."
    )
    labels: Labels = Field(default_factory=dict)

    def wanted(self) -> Wanted:
        """Return it as the registry takes it."""
        return Wanted(self.name, self.labels, self.kubeconfig.encode(), self.context or "")


class ClusterChange(BaseModel):
    """What a registered cluster should be from now on."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    labels: Labels = Field(default_factory=dict)
    kubeconfig: Kubeconfig | None = Field(
        default=None,
        repr=False,
        description=f"Without one, the stored credentials stay. {_ABOUT_KUBECONFIG}",
    )
    context: str | None = Field(default=None, max_length=_NAME)

    def wanted(self) -> Wanted:
        """Return it as the registry takes it."""
        given = None if self.kubeconfig is None else self.kubeconfig.encode()
        return Wanted(self.name, self.labels, given, self.context or "")


class Ending(BaseModel):
    """A part of the credentials that ends."""

    what: str = Field(description="client certificate, certificate authority, token")
    until: datetime
    warning: str | None = Field(description="What to do; null while there are over 30 days.")


class ClusterRead(BaseModel):
    """A registered cluster; its credentials are never shown."""

    id: str = Field(description="`cl_` and 16 hex digits, the same for the same cluster.")
    name: str
    labels: dict[str, str]
    server: str = Field(description="The API server's address.")
    context: str
    user: str = Field(description="The name that the kubeconfig gives the credentials.")
    proof: str = Field(description="How the cluster knows UPID: token, client certificate.")
    version: str = Field(description="Of the server, when the credentials were given.")
    endings: list[Ending]
    created: datetime
    updated: datetime

    @classmethod
    def of(cls, cluster: Registered, now: datetime) -> Self:
        """Return a cluster as the API shows it."""
        return cls(
            id=cluster.id,
            name=cluster.name,
            labels=dict(cluster.labels),
            server=cluster.server,
            context=cluster.context,
            user=cluster.user,
            proof=cluster.proof,
            version=cluster.version,
            endings=[
                Ending(what=what, until=until, warning=warning or None)
                for what, until, warning in endings(cluster, now)
            ],
            created=cluster.created,
            updated=cluster.updated,
        )


class ClusterPage(BaseModel):
    """Registered clusters, by name."""

    items: Sequence[ClusterRead]
    next_cursor: str | None = Field(description="Cursor of the next page; null at the end.")

    @classmethod
    def of(cls, page: Page[Registered], now: datetime) -> Self:
        """Return a page as the API shows it."""
        return cls(items=[ClusterRead.of(one, now) for one in page.items], next_cursor=page.next)
