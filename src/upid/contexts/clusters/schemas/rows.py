"""What a cluster holds, a row each."""

from upid.contexts.clusters.schemas.shared import Amounts, Part


class OwnerRow(Part, frozen=True, kw_only=True):
    """What a person owns and changes: the topmost owner of a pod."""

    kind: str
    name: str


class ContainerRow(Part, frozen=True, kw_only=True):
    """A container as declared; `role` is main, init or sidecar."""

    name: str
    image: str
    role: str
    requests: Amounts
    limits: Amounts
    gpus: int


class NodeRow(Part, frozen=True, kw_only=True):
    """A machine of the cluster, and what the pods on it ask for."""

    name: str
    ready: bool
    schedulable: bool
    capacity: Amounts
    allocatable: Amounts
    requested: Amounts
    pods: int
    provider: str
    region: str
    zone: str
    instance_type: str
    capacity_type: str
    architecture: str
    os: str
    pool: str
    gpus: int
    kubelet: str
    created: str | None
    taints: list[str]
    labels: dict[str, str]


class NamespaceRow(Part, frozen=True, kw_only=True):
    """A namespace, and what its pods ask for."""

    name: str
    labels: dict[str, str]
    workloads: int
    pods: int
    requested: Amounts


class WorkloadRow(Part, frozen=True, kw_only=True):
    """A Deployment, StatefulSet, DaemonSet, Job, … that nothing else owns.

    `managed_by` is the tool that looks after it: Argo CD, Flux, Helm, …
    """

    namespace: str
    kind: str
    name: str
    replicas: int | None
    ready: int
    suspended: bool
    schedule: str | None
    managed_by: str | None
    containers: list[ContainerRow]
    created: str | None
    labels: dict[str, str]


class PodRow(Part, frozen=True, kw_only=True):
    """A pod. `waiting` and `terminated` are reasons such as CrashLoopBackOff and OOMKilled."""

    namespace: str
    name: str
    uid: str
    phase: str
    ready: bool
    node: str | None
    owner: OwnerRow
    managed_by: str | None
    qos: str | None
    priority_class: str | None
    requests: Amounts
    limits: Amounts
    containers: list[ContainerRow]
    waiting: list[str]
    terminated: list[str]
    claims: list[str]
    created: str | None
    labels: dict[str, str]


class PortRow(Part, frozen=True, kw_only=True):
    """A port of a Service."""

    port: int
    name: str | None


class ServiceRow(Part, frozen=True, kw_only=True):
    """A Service; `addresses` are those of its load balancer."""

    namespace: str
    name: str
    type: str
    selector: dict[str, str]
    ports: list[PortRow]
    addresses: list[str]
    created: str | None
    labels: dict[str, str]


class EntryRow(Part, frozen=True, kw_only=True):
    """A key of a ConfigMap and the size of its value; the value is not read."""

    key: str
    bytes: int


class ConfigMapRow(Part, frozen=True, kw_only=True):
    """A ConfigMap, without its values."""

    namespace: str
    name: str
    entries: list[EntryRow]
    bytes: int
    immutable: bool
    created: str | None
    version: str


class SecretRow(Part, frozen=True, kw_only=True):
    """A Secret's metadata; its content is never asked for."""

    namespace: str
    name: str
    type: str
    created: str | None
    version: str


class Listed(Part, frozen=True, kw_only=True):
    """What every list says of itself.

    as_of      when the cluster was like that
    freshness  live, stale (contact is lost), or recorded
    left_out   what could not be read, a sentence each
    """

    cluster_id: str
    as_of: str
    freshness: str
    left_out: list[str]
    next_cursor: str | None


class NodeRows(Listed, frozen=True, kw_only=True):
    """Nodes, by name."""

    items: list[NodeRow]


class NamespaceRows(Listed, frozen=True, kw_only=True):
    """Namespaces, by name."""

    items: list[NamespaceRow]


class WorkloadRows(Listed, frozen=True, kw_only=True):
    """Workloads, by namespace, kind and name."""

    items: list[WorkloadRow]


class PodRows(Listed, frozen=True, kw_only=True):
    """Pods, by namespace and name."""

    items: list[PodRow]


class ServiceRows(Listed, frozen=True, kw_only=True):
    """Services, by namespace and name."""

    items: list[ServiceRow]


class ConfigMapRows(Listed, frozen=True, kw_only=True):
    """ConfigMaps, by namespace and name."""

    items: list[ConfigMapRow]


class SecretRows(Listed, frozen=True, kw_only=True):
    """Secrets' metadata, by namespace and name."""

    items: list[SecretRow]
