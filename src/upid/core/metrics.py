"""The metrics UPID keeps (COL-2): of what, in which unit, and how they are written down.

A sample belongs to the step that starts at its time and lasts one cadence. *Level* metrics hold
the mean over the step, *count* metrics hold what happened within it (a counter's increase).
"""

from dataclasses import dataclass
from enum import StrEnum

LARGEST_SAMPLE = float(1 << 63)
"""No sample of any metric is above it: a whole cluster's bytes in a count of 64 bits. Beyond,
sums would overflow and amounts become infinite."""


class Entity(StrEnum):
    """What a series is a series of; each has its own labels (`LABELS`)."""

    CONTAINER = "container"
    POD = "pod"
    REQUEST = "request"
    NODE = "node"
    VOLUME = "volume"


class Shape(StrEnum):
    """How samples add up over time."""

    LEVEL = "level"
    COUNT = "count"


LABELS: dict[Entity, tuple[str, ...]] = {
    Entity.CONTAINER: ("namespace", "pod", "pod_uid", "container"),
    Entity.POD: ("namespace", "pod", "pod_uid"),
    # One stream of requests that a pod served: to which path, by which agent, from whom.
    # `source` is `namespace/Kind/name` of a calling workload, an IP address, or empty.
    Entity.REQUEST: ("namespace", "pod", "pod_uid", "path", "agent", "source"),
    Entity.NODE: ("node",),
    Entity.VOLUME: ("namespace", "claim"),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is measured.

    unit   of the values in a panel
    scale  stored whole numbers are value × scale; what does not fit exactly is kept as float64
    """

    name: str
    entity: Entity
    shape: Shape
    unit: str
    scale: float
    about: str


CPU = Metric("cpu", Entity.CONTAINER, Shape.LEVEL, "cores", 1e6, "CPU used")
MEMORY = Metric(
    "memory",
    Entity.CONTAINER,
    Shape.LEVEL,
    "bytes",
    1 / 1024,
    "working set, the highest in the step",
)
THROTTLED = Metric(
    "throttled",
    Entity.CONTAINER,
    Shape.LEVEL,
    "ratio",
    1e4,
    "share of CFS periods that were throttled",
)
RESTARTS = Metric("restarts", Entity.CONTAINER, Shape.COUNT, "restarts", 1, "container restarts")
OOM_KILLS = Metric(
    "oom_kills", Entity.CONTAINER, Shape.COUNT, "kills", 1, "kills for want of memory"
)
NETWORK_RX = Metric("network_rx", Entity.POD, Shape.LEVEL, "bytes/s", 1, "network received")
NETWORK_TX = Metric("network_tx", Entity.POD, Shape.LEVEL, "bytes/s", 1, "network sent")
REQUESTS = Metric("requests", Entity.REQUEST, Shape.COUNT, "requests", 1, "requests answered")
ERRORS = Metric("errors", Entity.REQUEST, Shape.COUNT, "requests", 1, "requests answered with 5xx")
NODE_CPU = Metric("node_cpu", Entity.NODE, Shape.LEVEL, "cores", 1e6, "CPU used on the node")
NODE_MEMORY = Metric(
    "node_memory", Entity.NODE, Shape.LEVEL, "bytes", 1 / 1024, "working set on the node"
)
VOLUME_USED = Metric("volume_used", Entity.VOLUME, Shape.LEVEL, "bytes", 1 / 1024, "space used")

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        CPU, MEMORY, THROTTLED, RESTARTS, OOM_KILLS, NETWORK_RX, NETWORK_TX,
        REQUESTS, ERRORS, NODE_CPU, NODE_MEMORY, VOLUME_USED,
    )
}  # fmt: skip
