"""What a server can do: its version, its kinds and in which versions each is served.

From 1.26 on one request answers for all groups (aggregated discovery, v2 or v2beta1); older
servers, and some proxies, are asked group by group.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from upid.adapters.kubernetes.client import answers
from upid.adapters.kubernetes.client.answers import Answer
from upid.adapters.kubernetes.client.asking import JSON, Asking, Question
from upid.adapters.kubernetes.client.errors import ClusterError
from upid.adapters.kubernetes.client.resources import Resource, segment

T = TypeVar("T")

_AGGREGATED = ",".join(
    [f"{JSON};g=apidiscovery.k8s.io;v={v};as=APIGroupDiscoveryList" for v in ("v2", "v2beta1")]
    + [JSON]
)
_WORDS = 64 << 10  # bytes; a version has 500, and who sends more is found out by the first answer
VERSION = Question("say its version", "/version", most=_WORDS)


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """A server's version; `major` and `minor` are numbers also where the server says `27+`."""

    major: int
    minor: int
    git_version: str
    platform: str

    def __str__(self) -> str:
        return self.git_version

    def at_least(self, major: int, minor: int) -> bool:
        """Return whether it is this version or a younger one."""
        return (self.major, self.minor) >= (major, minor)


@dataclass(frozen=True, slots=True)
class Served:
    """A kind in one version of its group, and what may be done with it at all.

    parts  its subresources, such as `resize`
    """

    resource: Resource
    kind: str
    namespaced: bool
    verbs: frozenset[str]
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Discovery:
    """Everything a server serves.

    served  in the server's own order of preference within each group
    failed  groups with version, such as `metrics.k8s.io/v1beta1`, that did not answer, and why
    """

    served: tuple[Served, ...]
    versions: tuple[str, ...]
    failed: dict[str, str]

    def serves(self, api_version: str) -> bool:
        """Return whether a group is served in a version, such as `autoscaling/v2`."""
        return api_version in self.versions

    def prefers(self, *api_versions: str) -> str | None:
        """Return the first of some group versions that is served."""
        return next((one for one in api_versions if one in self.versions), None)

    def find(self, plural: str, *api_versions: str) -> Served | None:
        """Return a kind in the first of some group versions that has it; none given: any."""
        found = [one for one in self.served if one.resource.plural == plural]
        if not api_versions:
            return found[0] if found else None
        by_version = {one.resource.api_version: one for one in reversed(found)}
        return next((by_version[one] for one in api_versions if one in by_version), None)


class _Camel(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _VersionAnswer(_Camel, frozen=True):
    major: str
    minor: str
    git_version: str
    platform: str = ""


class _KindName(_Camel, frozen=True):
    kind: str = ""


class _AggregatedPart(_Camel, frozen=True):
    subresource: str


class _AggregatedResource(_Camel, frozen=True):
    resource: str
    response_kind: _KindName | None = None
    scope: str = "Namespaced"
    verbs: list[str] | None = None
    subresources: list[_AggregatedPart] | None = None


class _AggregatedVersion(_Camel, frozen=True):
    version: str
    resources: list[_AggregatedResource] | None = None
    freshness: str = "Current"


class _Name(_Camel, frozen=True):
    name: str = ""


class _AggregatedGroup(_Camel, frozen=True):
    metadata: _Name = _Name()
    versions: list[_AggregatedVersion] | None = None


class _Aggregated(_Camel, frozen=True):
    kind: str
    items: list[_AggregatedGroup] | None = None


class _GroupVersion(_Camel, frozen=True):
    group_version: str
    version: str


class _Group(_Camel, frozen=True):
    name: str
    versions: list[_GroupVersion]
    preferred_version: _GroupVersion | None = None


class _Groups(_Camel, frozen=True):
    """Both `APIGroupList` and `APIVersions`."""

    kind: str
    groups: list[_Group] | None = None
    versions: list[str] | None = None


class _PlainResource(_Camel, frozen=True):
    name: str
    kind: str
    namespaced: bool = False
    verbs: list[str] | None = None


class _Resources(_Camel, frozen=True):
    kind: str
    resources: list[_PlainResource] | None = None


async def version(asking: Asking) -> ServerVersion:
    """Return the server's version."""
    return read_version(asking, await asking.ask(VERSION))


def read_version(asking: Asking, answer: Answer) -> ServerVersion:
    """Return the version that an answer to `VERSION` tells."""
    try:
        found = msgspec.json.decode(answer.body, type=_VersionAnswer)
        numbers = [int("".join(filter(str.isdecimal, one))) for one in (found.major, found.minor)]
    except (msgspec.MsgspecError, ValueError) as error:
        raise answers.not_kubernetes(asking.access, "JSON that is no version") from error
    return ServerVersion(numbers[0], numbers[1], found.git_version, found.platform)


async def discover(asking: Asking) -> Discovery:
    """Return what the server serves; a group that does not answer is named, the rest is there."""
    found = _Found([], [], {})
    for root in ("/api", "/apis"):
        answer = await asking.ask(Question("name its kinds", root, _AGGREGATED))
        if "APIGroupDiscoveryList" in answer.content_type:
            _aggregated(asking, answer.body, found)
        else:
            await _one_by_one(asking, root, answer.body, found)
    return Discovery(tuple(found.served), tuple(found.versions), found.failed)


@dataclass(frozen=True, slots=True)
class _Found:
    served: list[Served]
    versions: list[str]
    failed: dict[str, str]


def _aggregated(asking: Asking, body: bytes, found: _Found) -> None:
    for group in _decode(asking, body, _Aggregated).items or []:
        for one in group.versions or []:
            name = f"{group.metadata.name}/{one.version}" if group.metadata.name else one.version
            if one.freshness == "Stale":
                found.failed[name] = "the server behind it does not answer"
                continue
            found.versions.append(name)
            for kind in one.resources or []:
                resource = Resource(group.metadata.name, one.version, kind.resource)
                said = kind.response_kind.kind if kind.response_kind else ""
                scoped = kind.scope == "Namespaced"
                verbs = frozenset(kind.verbs or [])
                parts = frozenset(part.subresource for part in kind.subresources or [])
                found.served.append(Served(resource, said, scoped, verbs, parts))


async def _one_by_one(asking: Asking, root: str, body: bytes, found: _Found) -> None:
    listed = _decode(asking, body, _Groups)
    names = [("", one) for one in listed.versions or []]
    for group in listed.groups or []:
        names += [(group.name, one) for one in _preferred_first(group)]
    for group_name, one in names:
        name = f"{group_name}/{one}" if group_name else one
        path = f"{root}/{'/'.join(segment(part) for part in name.split('/'))}"
        try:
            answer = await asking.ask(Question(f"name the kinds of {name}", path))
        except ClusterError as error:
            found.failed[name] = error.message
            continue
        found.versions.append(name)
        listed_kinds = _decode(asking, answer.body, _Resources).resources or []
        found.served.extend(_kinds(group_name, one, listed_kinds))


def _kinds(group: str, version: str, listed: list[_PlainResource]) -> Iterator[Served]:
    parts: dict[str, set[str]] = {}
    for one in listed:
        plural, _, part = one.name.partition("/")
        parts.setdefault(plural, set()).update({part} if part else ())
    for one in listed:
        if "/" not in one.name:
            resource, verbs = Resource(group, version, one.name), frozenset(one.verbs or [])
            yield Served(resource, one.kind, one.namespaced, verbs, frozenset(parts[one.name]))


def _preferred_first(group: _Group) -> list[str]:
    first = group.preferred_version.version if group.preferred_version else ""
    return sorted((one.version for one in group.versions), key=lambda version: version != first)


def _decode(asking: Asking, body: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.MsgspecError as error:
        raise answers.not_kubernetes(asking.access, "JSON that names no kinds") from error
