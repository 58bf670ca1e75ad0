"""Groups costs into lines that add up to the total exactly (COST-2)."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from upid.contexts.costs.errors import UnknownBreakdown
from upid.contexts.costs.types import (
    Allocation,
    ContainerRow,
    CostLine,
    LoadBalancerCost,
    NodeCost,
    VolumeCost,
)
from upid.core.snapshot import WorkloadKey

IDLE = "__idle__"
STORAGE = "__storage__"
LOAD_BALANCERS = "__load-balancers__"
CONTROL_PLANE = "__control-plane__"
UNLABELLED = "__unlabelled__"
UNPLACED = "__no-node__"
POOLLESS = "__no-pool__"

_LABEL = "label:"
_AMOUNTS = (
    "cpu", "memory", "gpu", "used", "unmeasured", "shared_idle",
    "idle", "storage", "load_balancers", "control_plane",
)  # fmt: skip
_BY_ROW: dict[str, Callable[[ContainerRow], str]] = {
    "namespace": lambda row: row.namespace,
    "workload": lambda row: str(row.workload),
    "kind": lambda row: row.workload.kind,
    "pod": lambda row: f"{row.namespace}/{row.pod}",
    "pod-uid": lambda row: row.pod_uid,  # apart from an earlier pod of the same name
    "container": lambda row: f"{row.namespace}/{row.pod}/{row.container}",
}
_BY_NODE: dict[str, Callable[[NodeCost], str]] = {
    "node": lambda node: node.name,
    "pool": lambda node: node.pool or POOLLESS,
}
KNOWN = (*_BY_ROW, *_BY_NODE, "cluster")


def breakdown(allocation: Allocation, by: str) -> tuple[CostLine, ...]:
    """Return one line for each group, the most expensive first.

    by  a name in `KNOWN`, or `label:NAME` of pods

    What belongs to no group has a line of its own, named `__idle__`, `__storage__`,
    `__load-balancers__` or `__control-plane__`, so that the totals add up to the cluster's.
    """
    keys = _row_keys(allocation, by)
    groups: dict[str, dict[str, int]] = {}
    for key, field, amount in _amounts(allocation, by, keys):
        group = groups.setdefault(key, dict.fromkeys(_AMOUNTS, 0))
        group[field] += amount
    pods = _pods(allocation.containers, keys)
    nodes = _nodes(allocation, by, keys)
    lines = [
        _line(key, allocation.hours, nodes.get(key, []), pods.get(key, 0), amounts)
        for key, amounts in groups.items()
    ]
    worth = (line for line in lines if line.total or line.pods)
    return tuple(sorted(worth, key=lambda line: (-line.total, line.key)))


def _line(
    key: str, hours: float, nodes: Sequence[NodeCost], pods: int, amounts: dict[str, int]
) -> CostLine:
    instance_type, region, capacity_type = _about(nodes)
    return CostLine(key, hours, instance_type, region, capacity_type, pods, **amounts)


def _row_keys(allocation: Allocation, by: str) -> list[str]:
    """Return the group of each container."""
    rows = allocation.containers
    if by == "cluster":
        return [allocation.cluster_name] * len(rows)
    if by in _BY_ROW:
        return [_BY_ROW[by](row) for row in rows]
    if by in _BY_NODE:
        names = [_BY_NODE[by](node) for node in allocation.nodes]
        return [names[row.node] if row.node >= 0 else UNPLACED for row in rows]
    if by.startswith(_LABEL) and len(by) > len(_LABEL):
        label = by.removeprefix(_LABEL)
        return [row.labels.get(label, UNLABELLED) for row in rows]
    raise UnknownBreakdown(by, KNOWN)


def _amounts(
    allocation: Allocation, by: str, keys: Sequence[str]
) -> Iterator[tuple[str, str, int]]:
    """Yield (group, field, micros) for everything that costs."""
    yield from _of_containers(allocation, keys)
    for node in allocation.nodes:
        yield _node_key(allocation, by, node), "idle", node.idle
    pod_keys = {row.pod_uid: key for row, key in zip(allocation.containers, keys, strict=True)}
    for volume in allocation.volumes:
        yield _volume_key(allocation, by, volume, pod_keys), "storage", volume.cost
    for balancer in allocation.load_balancers:
        yield _balancer_key(allocation, by, balancer), "load_balancers", balancer.cost
    if allocation.control_plane is not None:
        key = allocation.cluster_name if by == "cluster" else CONTROL_PLANE
        yield key, "control_plane", allocation.control_plane.cost


def _of_containers(allocation: Allocation, keys: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    names = list(dict.fromkeys(keys))
    place = {name: i for i, name in enumerate(names)}
    index = np.array([place[key] for key in keys], np.int64)
    columns = {
        "cpu": allocation.cpu_allocated,
        "memory": allocation.memory_allocated,
        "gpu": allocation.gpu_allocated,
        "used": allocation.cpu_used + allocation.memory_used + allocation.gpu_used,
        "unmeasured": allocation.unmeasured,
        "shared_idle": allocation.shared_idle,
    }
    for field, amounts in columns.items():
        grouped = np.zeros(len(names), np.int64)
        np.add.at(grouped, index, amounts)
        yield from ((name, field, int(v)) for name, v in zip(names, grouped, strict=True))


def _node_key(allocation: Allocation, by: str, node: NodeCost) -> str:
    if by == "cluster":
        return allocation.cluster_name
    return _BY_NODE[by](node) if by in _BY_NODE else IDLE


def _volume_key(
    allocation: Allocation, by: str, volume: VolumeCost, pod_keys: dict[str, str]
) -> str:
    """Return the group of a volume: that of its claim's namespace, or of the pod that mounts it."""
    if by == "cluster":
        return allocation.cluster_name
    if by == "namespace":
        return volume.namespace or STORAGE
    if by == "container" or by in _BY_NODE:
        return STORAGE
    return pod_keys.get(volume.pod_uid, STORAGE)


def _balancer_key(allocation: Allocation, by: str, balancer: LoadBalancerCost) -> str:
    if by == "cluster":
        return allocation.cluster_name
    if by == "namespace":
        return balancer.namespace
    owned: dict[str, Callable[[WorkloadKey], str]] = {"workload": str, "kind": lambda k: k.kind}
    if by in owned and balancer.owner is not None:
        return owned[by](balancer.owner)
    return LOAD_BALANCERS


def _pods(rows: Sequence[ContainerRow], keys: Sequence[str]) -> dict[str, int]:
    """Return how many pods each group has."""
    found: dict[str, int] = {}
    for key, _ in dict.fromkeys((k, row.pod_uid) for k, row in zip(keys, rows, strict=True)):
        found[key] = found.get(key, 0) + 1
    return found


def _nodes(allocation: Allocation, by: str, keys: Sequence[str]) -> dict[str, list[NodeCost]]:
    """Return the nodes that each group is on."""
    met = dict.fromkeys(
        (key, row.node)
        for key, row in zip(keys, allocation.containers, strict=True)
        if row.node >= 0
    )
    if by in _BY_NODE or by == "cluster":
        met |= dict.fromkeys(
            (_node_key(allocation, by, node), i) for i, node in enumerate(allocation.nodes)
        )
    found: dict[str, list[NodeCost]] = {}
    for key, i in met:
        found.setdefault(key, []).append(allocation.nodes[i])
    return found


def _about(nodes: Sequence[NodeCost]) -> tuple[str, str, str]:
    """Return instance type, region and capacity type; empty where the nodes differ."""
    facts = ((n.instance_type, n.region, n.capacity_type) for n in nodes)
    columns = [set(column) for column in zip(*facts, strict=True)]
    kind, region, capacity = (c.pop() if len(c) == 1 else "" for c in columns or [set()] * 3)
    return kind, region, capacity
