"""Which objects a path means."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.world.simulated.answers import About, refusal
from tests.world.simulated.store import Table

_SUBRESOURCES = {"", "status"}


class Unmodelled(LookupError):
    """A real server would answer this; the simulated one does not know how."""


@dataclass(frozen=True, slots=True)
class Target:
    """A collection, or with a name one object of it; `part` is a subresource such as `status`."""

    table: Table
    namespace: str
    name: str
    part: str

    @property
    def key(self) -> str:
        """Return the object's key."""
        return f"{self.namespace}/{self.name}"

    @property
    def prefix(self) -> str:
        """Return what the keys of the collection begin with; nothing for all namespaces."""
        return f"{self.namespace}/" if self.namespace else ""

    @property
    def about(self) -> About:
        """Return whom refusals are about."""
        return self.table.kind.about(self.name)


def target_of(path: str, tables: Mapping[tuple[str, str], Table]) -> Target:
    """Return what a path means.

    Raises `Unmodelled` for a subresource that is not known here (`scale`, `eviction` and apply are
    the seam for rollouts), and a 404 refusal for a collection that is not.
    """
    parts = path.strip("/").split("/")
    head = 2 if parts[0] == "api" else 3
    root, rest = "/" + "/".join(parts[:head]), parts[head:]
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, part = (*rest, "", "", "")[:3]
    table = tables.get((root, plural))
    if table is None:
        if plural == "namespaces":
            raise Unmodelled("namespaces as objects; call add_namespace")
        message = "the server could not find the requested resource"
        raise refusal(404, "NotFound", message, About())
    if part not in _SUBRESOURCES or (part and table.kind.first_status is None):
        raise Unmodelled(f"the subresource {part!r} of {plural}")
    return Target(table, namespace, name, part)
