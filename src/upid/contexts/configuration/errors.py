"""What can go wrong when a cluster's settings are changed."""

from upid.contexts.configuration.types import Section
from upid.core.errors import Kind, UpidError


class ConfigurationConflict(UpidError):
    """Somebody else changed the same settings at the same moment."""

    kind = Kind.CONFLICT
    code = "configuration_conflict"

    def __init__(self, cluster_id: str, section: Section) -> None:
        super().__init__(
            f"somebody else changed the {section.value} settings of {cluster_id!r} just now",
            hint="read them again, and send what should hold",
        )
