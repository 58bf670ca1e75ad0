"""Kinds of objects, as paths of the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

_PLAIN = ":"  # RBAC's names, such as system:node, have it


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object in one version of its group; the core group's name is empty."""

    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """Return group and version as objects name them: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the path of a collection or of one object; None: of all namespaces."""
        parts = ["apis" if self.group else "api", *self.api_version.split("/")]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        return "".join(f"/{segment(part)}" for part in parts)


def resource(api_version: str, plural: str) -> Resource:
    """Return a resource by names as in a manifest: `resource("apps/v1", "deployments")`."""
    group, _, version = api_version.rpartition("/")
    return Resource(group, version, plural)


def segment(name: str) -> str:
    """Return a name as one segment of a path, whatever is in it."""
    if name in {"", ".", ".."}:
        raise ValueError(f"{name!r} is no name")
    return quote(name, safe=_PLAIN)


def with_query(path: str, query: Mapping[str, object]) -> str:
    """Return a path with those parameters that have a value."""
    chosen = {key: str(value) for key, value in query.items() if value is not None}
    return f"{path}?{urlencode(chosen)}" if chosen else path
