"""What is told of the settings of single clusters."""

from dataclasses import dataclass
from typing import ClassVar

from upid.kit.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChanged(Event):
    """Something else holds for a cluster from now on; `changed` names what differs."""

    topic: ClassVar[str] = "configuration.changed"

    cluster_id: str
    section: str
    version: int
    changed: tuple[str, ...]

    @property
    def key(self) -> str:
        """What it is kept in order by."""
        return self.cluster_id
