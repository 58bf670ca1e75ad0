"""Writing to a cluster: the one way, with what was seen as a condition of every write.

Only the composition root may see who implements it. Until rollouts exist there is one mode, and
it stores nothing: no value of a type that is here makes a cluster change.
"""

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

Json: TypeAlias = Any  # as an encoder takes it

_OPERATION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
_ANY_STATE = frozenset({"", "0"})


@dataclass(frozen=True, slots=True)
class DryRun:
    """The mode in which the server checks everything, answers as for a write, and stores nothing.

    It is the only mode that there is.
    """


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an object lives, whichever it is: `apps/v1`, Deployment, deployments, shop, web."""

    api_version: str
    kind: str
    resource: str
    namespace: str  # "" for what belongs to the whole cluster
    name: str

    def __post_init__(self) -> None:
        if not (self.api_version and self.kind and self.resource and self.name):
            raise ValueError("a place has an API version, a kind, a resource and a name")

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


@dataclass(frozen=True, slots=True)
class Target:
    """One object in one state, as it was seen: a write goes to exactly this, or nowhere.

    uid      another object of the same name is not it
    version  its resourceVersion; whatever happened since makes the write void
    """

    place: Place
    uid: str
    version: str

    def __post_init__(self) -> None:
        if not self.uid or self.version in _ANY_STATE:
            raise ValueError("a target has the UID and the resourceVersion that were seen")


@dataclass(frozen=True, slots=True)
class Operation:
    """What a write belongs to; it stands in the object and in the cluster's audit log.

    id  at most 40 letters, digits, dots, dashes and underscores
    """

    id: str

    def __post_init__(self) -> None:
        if not _OPERATION.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is no id of an operation")

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as etcd had it when it was asked for; `body` is its JSON."""

    target: Target
    body: bytes


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a server would have stored.

    body  JSON: after a patch the object as it would be, after an eviction or a deletion what the
          server answers to one, which is a Status or the object as it would begin to end
    """

    target: Target
    body: bytes


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one container asks for and is limited to, by resource: `{"cpu": "250m"}`.

    What is not named stays as it is.
    """

    requests: Mapping[str, str]
    limits: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.requests and not self.limits:
            raise ValueError("there is nothing to change")


class Leaving(StrEnum):
    """What becomes of the objects that a deleted one owns."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


class ClusterWriter(Protocol):
    """Writes to one cluster, as one user. Every failure is an `UpidError`.

    A refusal says who or what refused: another object or state than was seen, a field of somebody
    else, a right, a quota, a webhook or policy, a disruption budget, or a value that is not valid.
    """

    @abstractmethod
    async def read(self, place: Place) -> Seen:
        """Return an object as etcd has it now, not as a cache remembers it."""

    @abstractmethod
    async def apply(
        self, target: Target, fields: Mapping[str, Json], operation: Operation
    ) -> Rehearsed:
        """Declare fields of an object, such as `{"spec": {…}}`; what others own is not taken.

        Fields that UPID declared before and does not name are given up.
        """

    @abstractmethod
    async def scale(self, target: Target, replicas: int, operation: Operation) -> Rehearsed:
        """Set how many replicas are wanted; the answer is the object's Scale."""

    @abstractmethod
    async def resize(
        self, target: Target, containers: Mapping[str, Amounts], operation: Operation
    ) -> Rehearsed:
        """Change what the containers of a running pod ask for, by name, without replacing it."""

    @abstractmethod
    async def evict(self, target: Target, operation: Operation) -> Rehearsed:
        """Ask for a pod to go, as far as its disruption budgets let it."""

    @abstractmethod
    async def delete(self, target: Target, leaving: Leaving, operation: Operation) -> Rehearsed:
        """Delete an object."""
