"""What a cluster costs: rows of containers, nodes, volumes, and lines that add up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from upid.core import allocation as core
from upid.core.explain import Unknown
from upid.core.money import Micros
from upid.core.panel import Floats, Ints
from upid.core.ports.prices import PriceSource
from upid.core.snapshot import WorkloadKey
from upid.core.window import MONTH, Window

MONTH_HOURS = MONTH.total_seconds() / 3600  # 720


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """One container of one pod; `node` is the place in `Allocation.nodes`, -1 where unknown."""

    pod_uid: str
    namespace: str
    pod: str
    container: str
    workload: WorkloadKey
    node: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeCost:
    """One node's bill over the window, in micros, and where its price comes from.

    hourly  price while it is there, in units of the currency
    hours   for which it was there within the window
    idle    part of the bill that nobody bears; by resource in `idle_cpu`, `idle_memory`, …
    """

    name: str
    pool: str
    instance_type: str
    region: str
    capacity_type: str
    hourly: float
    hours: float
    bill: int
    idle: int
    idle_cpu: int
    idle_memory: int
    idle_gpu: int
    price: PriceSource


@dataclass(frozen=True, slots=True)
class VolumeCost:
    """A persistent volume's cost over the window, in micros.

    unused  why nothing uses it (such as `no claim`), empty where something does
    owner   the workload whose pods mount it, if one is known
    """

    name: str
    namespace: str
    claim: str
    size: int  # bytes
    storage_class: str
    hours: float
    cost: int
    unused: str
    owner: WorkloadKey | None
    pod_uid: str
    price: PriceSource


@dataclass(frozen=True, slots=True)
class LoadBalancerCost:
    """A load balancer's cost over the window, in micros, traffic not included.

    backed  whether pods stand behind it; Unknown where its Service selects none by label
    """

    namespace: str
    name: str
    hours: float
    cost: int
    backed: bool | Unknown
    owner: WorkloadKey | None
    price: PriceSource


@dataclass(frozen=True, slots=True)
class ControlPlaneCost:
    """The fee for a managed control plane over the window, in micros."""

    hours: float
    cost: int
    price: PriceSource


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of a breakdown; amounts in micros over the window.

    allocated     compute charged to containers = used + wasted = cpu + memory + gpu
    unmeasured    the part of `wasted` that nobody measured
    idle          node cost that nobody bears, in lines that are for nodes
    shared_idle   idle cost that the containers bear, where it is shared
    efficiency    used ÷ allocated
    instance_type and the like: empty where the line has none or several
    """

    key: str
    hours: float
    instance_type: str = ""
    region: str = ""
    capacity_type: str = ""
    pods: int = 0
    cpu: int = 0
    memory: int = 0
    gpu: int = 0
    used: int = 0
    unmeasured: int = 0
    shared_idle: int = 0
    idle: int = 0
    storage: int = 0
    load_balancers: int = 0
    control_plane: int = 0

    @property
    def allocated(self) -> int:
        """Compute charged to containers."""
        return self.cpu + self.memory + self.gpu

    @property
    def wasted(self) -> int:
        """Charged and not used; includes what was not measured."""
        return self.allocated - self.used

    @property
    def total(self) -> int:
        """Everything on this line; the totals of a breakdown add up to the cluster's."""
        around = self.shared_idle + self.idle + self.storage + self.load_balancers
        return self.allocated + around + self.control_plane

    @property
    def hourly(self) -> int:
        """Micros an hour, on average over the window."""
        return round(self.total / self.hours)

    @property
    def daily(self) -> int:
        """Micros a day at this rate."""
        return round(self.total * 24 / self.hours)

    @property
    def monthly(self) -> int:
        """Micros a month of 720 hours at this rate."""
        return round(self.total * MONTH_HOURS / self.hours)

    @property
    def efficiency(self) -> float | Unknown:
        """Used ÷ allocated, 0 to 1."""
        if not self.allocated:
            return Unknown("nothing was allocated")
        if self.unmeasured == self.allocated:
            return Unknown("no usage was measured")
        return self.used / self.allocated


@dataclass(frozen=True, slots=True, eq=False)
class Allocation:
    """Everything a cluster cost over a window, and who it was for; amounts in micros.

    Arrays are by container, in the order of `containers`; used + wasted = allocated.
    coverage  share of container-hours with CPU and memory samples
    notes     what a reader has to know about how it was computed, in plain sentences
    """

    cluster_id: str
    cluster_name: str
    window: Window
    hours: float
    currency: str
    model: core.Model
    basis: core.Basis
    sharing: core.Sharing
    containers: tuple[ContainerRow, ...]
    nodes: tuple[NodeCost, ...]
    volumes: tuple[VolumeCost, ...]
    load_balancers: tuple[LoadBalancerCost, ...]
    control_plane: ControlPlaneCost | None
    coverage: float | Unknown
    notes: tuple[str, ...]
    shares: core.Shares
    rows: Mapping[tuple[str, str], int]  # (pod uid, container name) → place in the arrays

    @property
    def allocated(self) -> Micros:
        """(c,) compute charged to each container: CPU, memory and GPU."""
        return self.shares.allocated

    @property
    def cpu_allocated(self) -> Micros:
        """(c,) charged for CPU."""
        return self._of(core.CPU)

    @property
    def memory_allocated(self) -> Micros:
        """(c,) charged for memory."""
        return self._of(core.MEMORY)

    @property
    def gpu_allocated(self) -> Micros:
        """(c,) charged for GPUs."""
        return self._of(core.GPU)

    @property
    def cpu_used(self) -> Micros:
        """(c,) part of the charge for CPU that was really taken."""
        return self.shares.parts[:, core.CPU, core.USED]

    @property
    def memory_used(self) -> Micros:
        """(c,) part of the charge for memory that was really taken."""
        return self.shares.parts[:, core.MEMORY, core.USED]

    @property
    def gpu_used(self) -> Micros:
        """(c,) part of the charge for GPUs that was really taken."""
        return self.shares.parts[:, core.GPU, core.USED]

    @property
    def unmeasured(self) -> Micros:
        """(c,) part of what was not used that nobody measured."""
        found: Micros = self.shares.parts[:, :, core.UNMEASURED].sum(axis=1)
        return found

    @property
    def shared_idle(self) -> Micros:
        """(c,) idle cost that each container bears; zero where idle is shown apart."""
        return self.shares.shared_idle

    @property
    def node_total(self) -> int:
        """All nodes' bills."""
        return sum(node.bill for node in self.nodes)

    @property
    def idle_total(self) -> int:
        """Node cost that nobody bears."""
        return sum(node.idle for node in self.nodes)

    @property
    def total(self) -> int:
        """Nodes, volumes, load balancers and the control plane."""
        around = sum(v.cost for v in self.volumes) + sum(b.cost for b in self.load_balancers)
        fee = self.control_plane.cost if self.control_plane else 0
        return self.node_total + around + fee

    def monthly(self, micros: int) -> int:
        """Return an amount over this window as micros a month of 720 hours."""
        return round(micros * MONTH_HOURS / self.hours)

    def saved(
        self,
        rows: Ints,
        *,
        cpu_request: Floats | None = None,
        memory_request: Floats | None = None,
    ) -> Micros:
        """Return what each row would have saved with other requests: `core.allocation.saved`."""
        return core.saved(self.shares, rows, cpu_request=cpu_request, memory_request=memory_request)

    def _of(self, resource: int) -> Micros:
        found: Micros = self.shares.parts[:, resource].sum(axis=1)
        return found
