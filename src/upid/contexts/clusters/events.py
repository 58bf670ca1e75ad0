"""What is told of registered clusters, and of what happens in them (EVT-1)."""

from dataclasses import dataclass
from typing import ClassVar

from upid.contexts.clusters.logic.tidings import Facts, Tiding
from upid.kit.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEvent(Event):
    """Something about one registered cluster; those about the same one come in order."""

    topic: ClassVar[str] = "cluster"

    cluster_id: str

    @property
    def key(self) -> str:
        """What it is kept in order by."""
        return self.cluster_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRegistered(ClusterEvent):
    """A cluster was registered and answered."""

    topic: ClassVar[str] = "cluster.registered"

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterUpdated(ClusterEvent):
    """A cluster got another name, other labels or other credentials; `changed` names which."""

    topic: ClassVar[str] = "cluster.updated"

    name: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDeleted(ClusterEvent):
    """A cluster is no longer registered; its credentials are gone."""

    topic: ClassVar[str] = "cluster.deleted"

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent(ClusterEvent):
    """Something that happened to an object of a registered cluster.

    before, after  what of it changed; cores and bytes
    """

    topic: ClassVar[str] = "object"

    namespace: str
    name: str
    uid: str
    before: Facts
    after: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAdded(ObjectEvent):
    """A node joined."""

    topic: ClassVar[str] = "node.added"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRemoved(ObjectEvent):
    """A node is gone."""

    topic: ClassVar[str] = "node.removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCordoned(ObjectEvent):
    """A node takes no more pods."""

    topic: ClassVar[str] = "node.cordoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCreated(ObjectEvent):
    """A Service came."""

    topic: ClassVar[str] = "service.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUpdated(ObjectEvent):
    """A Service's type, selector or ports changed."""

    topic: ClassVar[str] = "service.updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDeleted(ObjectEvent):
    """A Service is gone."""

    topic: ClassVar[str] = "service.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCreated(ObjectEvent):
    """A pod came."""

    topic: ClassVar[str] = "pod.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUpdated(ObjectEvent):
    """A pod's phase, node, readiness or requests changed."""

    topic: ClassVar[str] = "pod.updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDeleted(ObjectEvent):
    """A pod is gone."""

    topic: ClassVar[str] = "pod.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFailed(ObjectEvent):
    """A pod ended in failure."""

    topic: ClassVar[str] = "pod.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentScaled(ObjectEvent):
    """A Deployment wants another number of pods."""

    topic: ClassVar[str] = "deployment.scaled"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentUpdated(ObjectEvent):
    """A Deployment's images, requests or limits changed."""

    topic: ClassVar[str] = "deployment.updated"


_OF_OBJECTS: dict[str, type[ObjectEvent]] = {
    kind.topic: kind
    for kind in (
        NodeAdded,
        NodeRemoved,
        NodeCordoned,
        ServiceCreated,
        ServiceUpdated,
        ServiceDeleted,
        PodCreated,
        PodUpdated,
        PodDeleted,
        PodFailed,
        DeploymentScaled,
        DeploymentUpdated,
    )
}


def object_event(cluster_id: str, told: Tiding) -> ObjectEvent:
    """Return the event of what happened to an object of a cluster."""
    return _OF_OBJECTS[told.topic](
        at=told.at,
        cluster_id=cluster_id,
        namespace=told.namespace,
        name=told.name,
        uid=told.uid,
        before=told.before,
        after=told.after,
    )
