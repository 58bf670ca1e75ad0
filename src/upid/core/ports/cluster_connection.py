"""A cluster that UPID stays connected to: checked, followed, and asked now and then."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from upid.core.ports.cluster_source import ObjectVersion


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """A verb on every object of a resource in all namespaces; `pods/resize` is a subresource."""

    verb: str
    group: str  # the core group is ""
    resource: str

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}"


@dataclass(frozen=True, slots=True)
class Grant:
    """Whether a cluster allows something; `why` is what it said about it."""

    permission: Permission
    allowed: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """What credentials say of themselves, before any packet is sent.

    proof               how the server will know the user: token, client certificate
    certificate_until   when the client certificate ends; None: there is none
    authority_until     when the first of the trusted authorities ends
    token_until         when the token says that it ends
    """

    server: str
    context: str
    cluster: str
    user: str
    namespace: str
    proof: str
    certificate_until: datetime | None = None
    authority_until: datetime | None = None
    token_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """What one look at a cluster found; a look that fails raises instead.

    identity    stable for one cluster, whatever it is called: from the uid of kube-system
    latency     of the quickest of its answers, connection not included
    skew        the server's clock less UPID's; None where it did not tell the time
    grants      an answer for each permission asked about
    no_usage    why the metrics API does not answer; empty: it does
    usage_age   age of the latest reading of the metrics API
    by_address  the identity where kube-system may not be seen; equal to it: it was not
    """

    at: datetime
    version: str
    platform: str
    identity: str
    latency: timedelta
    skew: timedelta | None
    grants: tuple[Grant, ...]
    no_usage: str = ""
    usage_age: timedelta | None = None
    by_address: str = ""


class Freshness(StrEnum):
    """How far what is known of a cluster can be trusted to be so now."""

    LOADING = "loading"  # the first lists are not complete
    LIVE = "live"  # every kind is followed
    STALE = "stale"  # contact is lost; what is known is as of the last contact


@dataclass(frozen=True, slots=True)
class Following:
    """How a cluster is followed just now.

    generation  rises with each change of any object; equal generations hold equal objects
    contact     when the server was last heard of; None: never
    left_out    what could not be read, a sentence each
    objects     how many there are of each kind
    relists     lists begun anew because the past was forgotten
    memory      bytes of the objects as they are kept
    mended      objects that a comparison with a list found wrong, and that were put right
    """

    freshness: Freshness
    generation: int
    contact: datetime | None
    left_out: tuple[str, ...]
    objects: dict[str, int]
    relists: int
    memory: int
    mended: int = 0


class Happened(StrEnum):
    """What became of an object."""

    ADDED = "added"
    MODIFIED = "modified"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """What became of one object since changes were last taken: first and last state only."""

    happened: Happened
    at: datetime
    before: ObjectVersion | None
    after: ObjectVersion | None


class ClusterMirror(Protocol):
    """The objects of a cluster, kept equal to it by lists and watches.

    Runs in one event loop; its objects may be read from any thread. Objects are kept without what
    could hold a secret: values of environment variables, arguments, the last applied manifest.
    """

    @abstractmethod
    async def run(self) -> None:
        """Follow the cluster until cancelled; raise an `UpidError` only where waiting is no help.

        Lost contact, throttling and forgotten history are none: it goes on by itself.
        """

    @abstractmethod
    async def loaded(self) -> None:
        """Return once every kind that may be read has been listed in full."""

    @abstractmethod
    def following(self) -> Following:
        """Return how the cluster is followed just now."""

    @abstractmethod
    def objects(self, kinds: Sequence[str] | None = None) -> Iterator[ObjectVersion]:
        """Yield the objects in a stable order, and those that are gone since not too long ago.

        `until` tells when an object went; a pod or node that came again is another object.
        """

    @abstractmethod
    def changes(self) -> tuple[ObjectChange, ...]:
        """Return what changed since it was last asked, in order; nothing of the first lists."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a ConfigMap and the size of its value in bytes; the value is not kept."""

    key: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ConfigMapFacts:
    """What is told of a ConfigMap."""

    namespace: str
    name: str
    created: datetime | None
    version: str
    entries: tuple[Entry, ...]
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """What is told of a Secret: metadata only; its content is never asked for."""

    namespace: str
    name: str
    type: str
    created: datetime | None
    version: str


@dataclass(frozen=True, slots=True)
class ContainerReading:
    """What one container used: cores over the last seconds, bytes now.

    measured  when, by the clock of its node; None: not told
    window    seconds before that which the cores are the mean of; 0: not told
    """

    namespace: str
    pod: str
    container: str
    cores: float
    memory: float
    measured: datetime | None = None
    window: float = 0.0


@dataclass(frozen=True, slots=True)
class NodeReading:
    """What one node used, the system's own part included; when, as for a container."""

    node: str
    cores: float
    memory: float
    measured: datetime | None = None
    window: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """One answer of the metrics API, read at `at`."""

    at: datetime
    containers: tuple[ContainerReading, ...]
    nodes: tuple[NodeReading, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves: API group → resources with subresources (`pods/resize`).

    failing  groups that are registered and do not answer
    """

    version: str
    groups: dict[str, tuple[str, ...]]
    failing: tuple[str, ...] = ()


class ClusterConnection(Protocol):
    """One cluster, asked as one user, within one event loop. Every failure is an `UpidError`."""

    identified: Identified

    @abstractmethod
    async def look(self, wanted: Sequence[Permission]) -> Reach:
        """Return whether the cluster answers, who it is, and which permissions it grants."""

    @abstractmethod
    async def served(self) -> Served:
        """Return what the server serves."""

    @abstractmethod
    async def usage(self) -> Usage | str:
        """Return what containers and nodes use now, or a sentence that says why it is unknown."""

    @abstractmethod
    def config_maps(self, namespace: str | None) -> AsyncIterator[Sequence[ConfigMapFacts]]:
        """Yield the ConfigMaps of a namespace, or all, page by page."""

    @abstractmethod
    def secrets(self, namespace: str | None) -> AsyncIterator[Sequence[SecretFacts]]:
        """Yield the Secrets of a namespace, or all, page by page."""

    @abstractmethod
    def mirror(self) -> ClusterMirror:
        """Return a mirror of this cluster; it does nothing until it is run."""


class ClusterConnector(Protocol):
    """Makes connections from kubeconfigs that came over the API: data from strangers (CLU-2)."""

    @abstractmethod
    def identify(self, kubeconfig: bytes, context: str = "") -> Identified:
        """Return what a kubeconfig says, with no file read, command run or packet sent.

        context  which one; else its current context
        Raises an `UpidError` that names what is refused.
        """

    @abstractmethod
    def connect(
        self, kubeconfig: bytes, context: str = ""
    ) -> AbstractAsyncContextManager[ClusterConnection]:
        """Return a connection, open within the block. Raises what `identify` raises."""
