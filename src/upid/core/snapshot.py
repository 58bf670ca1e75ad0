"""What a cluster holds: nodes, pods, workloads and the objects that bind them, as plain facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from upid.core.units import Resources


class WorkloadKey(NamedTuple):
    """The name of the thing that a person owns and changes."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Container:
    """One container as declared. None means that nothing was declared.

    cpu_* in cores, memory_* in bytes; `probe_paths` are the HTTP paths of its probes.
    """

    name: str
    image: str = ""
    cpu_request: float | None = None
    cpu_limit: float | None = None
    memory_request: int | None = None
    memory_limit: int | None = None
    gpus: int = 0
    probe_paths: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    init: bool = False  # runs to completion before the others; never a sidecar
    sidecar: bool = False  # declared among the init containers, but runs beside the others


@dataclass(frozen=True, slots=True)
class Declared:
    """The containers of a pod from an instant on; an in-place resize starts a new one."""

    since: datetime
    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, by uid: a name that is used again is another pod.

    declared   what its containers asked for, oldest first, at least one
    node       None while it is not scheduled
    ended      when it finished or was deleted; None while it lives
    ready      whether it was ready when last seen
    """

    uid: str
    namespace: str
    name: str
    workload: WorkloadKey
    declared: tuple[Declared, ...]
    created: datetime
    node: str | None = None
    ended: datetime | None = None
    phase: str = "Running"
    ready: bool = True
    qos: str = ""
    priority_class: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()  # reasons such as CrashLoopBackOff
    terminated: tuple[str, ...] = ()  # last reasons such as OOMKilled

    @property
    def containers(self) -> tuple[Container, ...]:
        """The containers as last declared, init containers left out."""
        return tuple(c for c in self.declared[-1].containers if not c.init)


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet, DaemonSet, Job, CronJob, bare Pod or what else owns pods.

    replicas   wanted now; None where the kind has no such number
    ready      pods that are ready
    containers of its template, init containers included
    """

    key: WorkloadKey
    created: datetime
    replicas: int | None = None
    ready: int = 0
    containers: tuple[Container, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    schedule: str = ""  # of a CronJob
    suspended: bool = False
    managed_by: str = ""  # Helm, Argo CD, Flux, … where the objects tell
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accelerator:
    """GPUs of one kind on a node, as a device plugin offers them.

    resource  what a container asks for: nvidia.com/gpu, nvidia.com/mig-1g.5gb
    offered   how many can be asked for: GPUs, slices of GPUs, or time slices
    slice     such as 1g.5gb, where a GPU is cut up
    physical  GPUs of this vendor in the machine; None where no label tells
    """

    vendor: str  # nvidia, amd, intel
    resource: str
    offered: int
    slice: str = ""
    model: str = ""
    physical: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the cluster and what is known of how it is paid."""

    name: str
    uid: str
    capacity: Resources
    allocatable: Resources
    created: datetime
    ended: datetime | None = None
    provider: str = "unknown"  # aws, gcp, azure, …
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    capacity_type: str = "on-demand"  # on-demand, spot, reserved
    architecture: str = ""
    os: str = "linux"
    pool: str = ""
    gpus: int = 0
    accelerators: tuple[Accelerator, ...] = ()
    kubelet: str = ""  # version
    ready: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A Service and whether anything stands behind it. `ports` by number, with their names."""

    namespace: str
    name: str
    kind: str = "ClusterIP"  # its type
    selector: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()  # of the load balancer
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Volume:
    """A persistent volume, with the claim that holds it if one does."""

    name: str
    size: int  # bytes
    storage_class: str = ""
    phase: str = "Bound"
    claim: tuple[str, str] | None = None  # namespace, name
    created: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on a volume."""

    namespace: str
    name: str
    size: int  # bytes
    storage_class: str = ""
    volume: str = ""
    phase: str = "Bound"
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler, or a VerticalPodAutoscaler (`vertical`), and what it steers.

    utilization  target share of the request by resource name, such as {"cpu": 0.7}
    """

    namespace: str
    name: str
    target: WorkloadKey
    vertical: bool = False
    minimum: int | None = None
    maximum: int | None = None
    utilization: Mapping[str, float] = field(default_factory=dict)
    mode: str = ""  # a VPA's update mode


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """A PodDisruptionBudget, as written."""

    namespace: str
    name: str
    selector: Mapping[str, str]
    minimum: str = ""
    maximum: str = ""
    allowed: int | None = None  # disruptions allowed when last seen


@dataclass(frozen=True, slots=True)
class Bounds:
    """Container bounds of a LimitRange; None where it says nothing."""

    namespace: str
    name: str
    cpu_minimum: float | None = None
    cpu_maximum: float | None = None
    memory_minimum: int | None = None
    memory_maximum: int | None = None
    cpu_ratio: float | None = None  # limit ÷ request at most
    memory_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """A ResourceQuota: hard and used amounts by name, as written."""

    namespace: str
    name: str
    hard: Mapping[str, str]
    used: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that existed in a cluster at some time in a window.

    skipped  what could not be read, named: such as `pods/default/x: bad quantity`
    """

    at: datetime  # the latest instant it speaks of
    version: str = ""
    provider: str = "unknown"  # EKS, GKE, …
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    workloads: tuple[Workload, ...] = ()
    services: tuple[Service, ...] = ()
    volumes: tuple[Volume, ...] = ()
    claims: tuple[Claim, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    budgets: tuple[DisruptionBudget, ...] = ()
    bounds: tuple[Bounds, ...] = ()
    quotas: tuple[Quota, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # name → labels
    skipped: tuple[str, ...] = ()
