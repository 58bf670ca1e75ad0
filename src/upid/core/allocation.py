"""Who a node's bill is for: hour by hour by share of its capacity, closed to the micro (COST-1).

A container is charged in every hour for what it asked for or took. Its cost is the node's price
times the weighted fraction of the node's capacity. What nobody is charged for is idle. The parts
are floating point until the end; then each node's bill is apportioned over them as whole micros.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from upid.core.money import Micros, apportion
from upid.core.panel import Floats, Ints

CPU, MEMORY, GPU = range(3)  # places of the resources in every array with a resource axis
RESOURCES = 3
USED, WASTED, UNMEASURED = range(3)  # places of the parts of a charge; wasted: measured, not used
CPU_WEIGHT, MEMORY_WEIGHT = 0.6, 0.4  # COST-1
GIB = 1 << 30
_TOLERANCE = 1e-9  # a node charged for its exact capacity is not reported as over-committed


class Model(StrEnum):
    """How a node's price is divided among its resources."""

    WEIGHTED = "weighted"
    PRICE_RATIO = "price-ratio"
    GPU = "gpu"


class Basis(StrEnum):
    """What is charged in an hour: the higher of request and usage, or the request alone."""

    HIGHER = "max"
    REQUEST = "request"


class Sharing(StrEnum):
    """What becomes of a node's idle cost; shared, it goes to the containers of that node."""

    APART = "apart"
    WEIGHTED = "weighted"
    EVEN = "even"


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What containers asked for and took.

    node      (c,)             index of the node, -1 where it is not known
    presence  (c, h)           share of each hour in which the container was there, 0 to 1
    request   3 × (c, h|1)     mean request while there: cores, bytes, GPUs; 0 where none
    usage     3 × (c, h|1)     mean usage while there, NaN where it was not measured
    """

    node: Ints
    presence: Floats
    request: tuple[Floats, Floats, Floats]
    usage: tuple[Floats, Floats, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Machines:
    """What nodes have and cost.

    capacity  (n, 3)  cores, bytes, GPUs
    presence  (n, h)  share of each hour in which the node was there, 0 to 1
    price     (n,)    micros an hour, fractions allowed
    """

    capacity: Floats
    presence: Floats
    price: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Every node's bill, divided.

    parts         (c, 3, 3)  micros by container, resource and USED | WASTED | UNMEASURED
    shared_idle   (c,)       micros of idle cost that the container bears
    idle          (n, 3)     micros that nobody bears, by resource
    bills         (n,)       micros; parts + shared idle + idle of a node, exactly
    scaled        node-hours in which a resource was charged beyond capacity and scaled to it
    present       container-hours on known nodes; `measured` of them had CPU and memory samples
    """

    parts: Micros
    shared_idle: Micros
    idle: Micros
    bills: Micros
    scaled: int
    present: float
    measured: float
    question: "Question"

    @property
    def allocated(self) -> Micros:
        """(c,) micros that each container is charged, shared idle left out."""
        return np.asarray(self.parts.sum(axis=(1, 2)))


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What was divided and by which rules: enough to ask what another request would cost.

    weights  (n, 3)     adding up to 1 for each node
    charged  3 × (n, h) resource-hours charged on each node before scaling
    """

    demand: Demand
    machines: Machines
    weights: Floats
    basis: Basis
    charged: tuple[Floats, Floats, Floats]

    def unit_price(self, resource: int) -> Floats:
        """(n,) micros for one core-, byte- or GPU-hour of each node; 0 where it has none."""
        capacity = self.machines.capacity[:, resource]
        price = self.machines.price * self.weights[:, resource]
        return np.divide(price, capacity, out=np.zeros_like(price), where=capacity > 0)


def model_weights(
    capacity: Floats,
    model: Model = Model.WEIGHTED,
    *,
    cpu: float = CPU_WEIGHT,
    memory: float = MEMORY_WEIGHT,
    rates: Sequence[float] | Floats = (0.0, 0.0, 0.0),
) -> Floats:
    """Return the share of each node's price that goes to CPU, memory and GPUs.

    capacity  (n, 3)       cores, bytes, GPUs
    cpu, memory            weights of `weighted` and of what `gpu` leaves
    rates     (3,)|(n, 3)  prices of a core-hour, GiB-hour and GPU-hour; only their ratio counts
    returns   (n, 3)       adding up to 1 for each node

    `price-ratio` is OpenCost's: each resource weighs what it would cost at the rates. `gpu` gives
    GPUs their share by price ratio and splits the rest by `cpu` and `memory`.
    """
    plain = np.tile([cpu, memory, 0.0], (len(capacity), 1))
    if model is not Model.WEIGHTED:
        worth = capacity / (1.0, GIB, 1.0) * np.asarray(rates, float)
        whole = worth.sum(axis=1)
        by_price = np.divide(worth, whole[:, None], out=plain.copy(), where=whole[:, None] > 0)
        if model is Model.PRICE_RATIO:
            plain = by_price
        else:
            gpu = by_price[:, GPU]
            plain *= ((1.0 - gpu) / (cpu + memory))[:, None]
            plain[:, GPU] = gpu
    weights: Floats = plain / plain.sum(axis=1, keepdims=True)
    return weights


def allocate(
    demand: Demand,
    machines: Machines,
    weights: Floats,
    *,
    basis: Basis = Basis.HIGHER,
    sharing: Sharing = Sharing.APART,
) -> Shares:
    """Divide the bills of nodes among containers (COST-1).

    weights  (n, 3)  from `model_weights`

    For each resource r and hour: charged = max(request, usage), or the request; where the charges
    on a node exceed its capacity they are scaled to it; cost = price × weight × charged ÷
    capacity. An hour without a usage sample is charged by request and counted as unmeasured.
    O(containers × hours); 10,000 × 168 takes about 0.2 s.
    """
    nodes = len(machines.price)
    exact = np.zeros((len(demand.node), RESOURCES, 3))
    over = np.zeros(machines.presence.shape, bool)
    charged: list[Floats] = []
    cells = _cells(demand.node, nodes, machines.presence.shape[1])
    for resource in range(RESOURCES):
        if not _matters(resource, demand, weights):
            charged.append(np.zeros_like(machines.presence))
            continue
        amounts = _charges(demand, resource, basis)
        total = _per_node(amounts[0], cells, machines.presence.shape)
        available = machines.capacity[:, resource, None] * machines.presence
        over |= (total > available * (1 + _TOLERANCE)) & (available > 0)
        exact[:, resource] = _summed(amounts, _scale(total, available), demand.node)
        charged.append(total)
    question = Question(demand, machines, weights, basis, (charged[0], charged[1], charged[2]))
    for resource in range(RESOURCES):
        exact[:, resource] *= _of_node(question.unit_price(resource), demand.node)[:, None]
    parts, idle, shared, bills = _closed(question, exact, sharing)
    present, measured = _coverage(demand)
    return Shares(parts, shared, idle, bills, int(over.sum()), present, measured, question)


def saved(
    shares: Shares,
    rows: Ints,
    *,
    cpu_request: Floats | None = None,
    memory_request: Floats | None = None,
) -> Micros:
    """Return what each container would have saved over the window with another request.

    rows            (k,)  containers; each is changed alone, all others stay as they were
    cpu_request     (k,)  cores, NaN leaves it as it was; None leaves all
    memory_request  (k,)  bytes, likewise
    returns         (k,)  micros; negative where it would have cost more

    Same hours, usage, prices and scaling: usage above the request it is given is still charged
    where the basis says so. Never more than what the container is charged now.
    """
    gain = np.zeros(len(rows))
    if not len(shares.question.machines.price):
        return gain.astype(np.int64)  # no node, no bill
    for resource, wanted in ((CPU, cpu_request), (MEMORY, memory_request)):
        if wanted is not None:
            gain += _gain(shares.question, rows, resource, np.asarray(wanted, float))
    return np.minimum(np.rint(gain).astype(np.int64), shares.allocated[rows])


def _gain(question: Question, rows: Ints, resource: int, wanted: Floats) -> Floats:
    """(k,) micros by which the charge for one resource falls when the request is `wanted`."""
    demand, machines = question.demand, question.machines
    node = demand.node[rows]
    presence, usage = demand.presence[rows], demand.usage[resource][rows]
    asked = demand.request[resource][rows]
    instead = np.where(np.isnan(wanted)[:, None], asked, wanted[:, None])
    before = _charge(asked, usage, question.basis) * presence
    after = _charge(instead, usage, question.basis) * presence
    known = node >= 0
    available = machines.capacity[node, resource, None] * machines.presence[node]
    total = question.charged[resource][node]
    now = before * _scale(total, available)
    then = after * _scale(np.maximum(total - before + after, after), available)
    price = np.where(known, question.unit_price(resource)[node], 0.0)
    gain: Floats = (now - then).sum(axis=1) * price
    return gain


def _matters(resource: int, demand: Demand, weights: Floats) -> bool:
    """Tell whether anything of a resource can be charged."""
    return bool(weights[:, resource].any()) and len(demand.node) > 0


def _charge(request: Floats, usage: Floats, basis: Basis) -> Floats:
    """(c, h) what is charged while the container is there."""
    if basis is Basis.REQUEST:
        return request
    return np.fmax(request, usage)


def _charges(demand: Demand, resource: int, basis: Basis) -> tuple[Floats, Floats, Floats]:
    """Return resource-hours charged, used, and charged without a sample: each (c, h)."""
    usage = demand.usage[resource]
    rate = _charge(demand.request[resource], usage, basis)
    charged = rate * demand.presence
    used = np.minimum(usage, rate) * demand.presence
    missing = np.isnan(used)
    unmeasured = np.where(missing, charged, 0.0)
    used[missing] = 0.0
    return charged, used, unmeasured


def _cells(node: Ints, nodes: int, hours: int) -> Ints:
    """(c × h,) the cell of a node's hour that each container's hour belongs to."""
    owner = np.where(node < 0, nodes, node)
    return (owner[:, None] * hours + np.arange(hours)).ravel()


def _per_node(amount: Floats, cells: Ints, shape: tuple[int, ...]) -> Floats:
    """(n, h) sums of what the containers of a node are charged."""
    nodes, hours = shape
    added = np.bincount(cells, amount.ravel(), minlength=(nodes + 1) * hours)
    found: Floats = np.asarray(added[: nodes * hours], float).reshape(nodes, hours)
    return found


def _scale(total: Floats, available: Floats) -> Floats:
    """Return the factor, at most 1, that brings charges down to what a node has."""
    return np.divide(available, total, out=np.ones_like(total), where=total > available)


def _summed(amounts: tuple[Floats, Floats, Floats], scale: Floats, node: Ints) -> Floats:
    """(c, 3) resource-hours used, wasted and unmeasured over the window, after scaling."""
    if (scale < 1).any():
        factor = np.where(node[:, None] < 0, 1.0, scale[node])
        charged, used, unmeasured = (np.einsum("ch,ch->c", a, factor) for a in amounts)
    else:
        charged, used, unmeasured = (a.sum(axis=1) for a in amounts)
    found = np.empty((len(node), 3))
    found[:, USED], found[:, UNMEASURED] = used, unmeasured
    found[:, WASTED] = np.maximum(charged - used - unmeasured, 0.0)
    return found


def _of_node(values: Floats, node: Ints) -> Floats:
    """(c,) a node's value for each container; 0 for one that is on no known node."""
    if not len(values):
        return np.zeros(len(node))
    return np.where(node < 0, 0.0, values[node])


def _closed(
    question: Question, exact: Floats, sharing: Sharing
) -> tuple[Micros, Micros, Micros, Micros]:
    """Return parts, idle, shared idle and bills in whole micros that add up node by node."""
    demand, machines = question.demand, question.machines
    nodes = len(machines.price)
    parts = np.zeros(exact.shape, np.int64)
    shared = np.zeros(len(demand.node), np.int64)
    idle = np.zeros((nodes, RESOURCES), np.int64)
    cost = machines.price * machines.presence.sum(axis=1)
    bills: Micros = np.rint(cost).astype(np.int64)
    there = demand.presence.sum(axis=1) > 0
    order = np.argsort(demand.node, kind="stable")
    bounds = np.searchsorted(demand.node[order], np.arange(nodes + 1))
    for i, (start, stop) in enumerate(pairwise(bounds.tolist())):
        rows = order[start:stop]
        left = cost[i] * question.weights[i] - exact[rows].sum(axis=(0, 2))
        weights = np.concatenate((exact[rows].ravel(), np.maximum(left, 0.0)))
        whole = apportion(int(bills[i]), weights)
        parts[rows] = whole[:-RESOURCES].reshape(-1, RESOURCES, 3)
        idle[i] = whole[-RESOURCES:]
        if sharing is not Sharing.APART:
            bearing = _bearing(parts[rows], there[rows], sharing)
            if bearing.any():
                shared[rows] = apportion(int(idle[i].sum()), bearing)
                idle[i] = 0
    return parts, idle, shared, bills


def _bearing(parts: Micros, there: NDArray[np.bool_], sharing: Sharing) -> Floats:
    """(k,) how much of a node's idle cost each of its containers bears."""
    if sharing is Sharing.EVEN:
        return there.astype(float)
    return np.asarray(parts.sum(axis=(1, 2)), float)


def _coverage(demand: Demand) -> tuple[float, float]:
    """Return container-hours on known nodes, and those of them with CPU and memory samples."""
    presence = np.where(demand.node[:, None] < 0, 0.0, demand.presence)
    missing = np.isnan(demand.usage[CPU]) | np.isnan(demand.usage[MEMORY])
    return float(presence.sum()), float(np.where(missing, 0.0, presence).sum())
