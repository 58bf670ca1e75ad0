"""What a cluster costs and who the money is for.

Here: prices of nodes, volumes and load balancers in order of trust, bills divided among
containers, breakdowns that add up, and what another request would cost. Not here: whether the
money is well spent (insights), what should change (optimization).
"""

from upid.contexts.costs.errors import NothingInWindow, UnknownBreakdown
from upid.contexts.costs.service import CostService
from upid.contexts.costs.settings import CostSettings
from upid.contexts.costs.types import (
    Allocation,
    ContainerRow,
    ControlPlaneCost,
    CostLine,
    LoadBalancerCost,
    NodeCost,
    VolumeCost,
)

__all__ = [
    "Allocation",
    "ContainerRow",
    "ControlPlaneCost",
    "CostLine",
    "CostService",
    "CostSettings",
    "LoadBalancerCost",
    "NodeCost",
    "NothingInWindow",
    "UnknownBreakdown",
    "VolumeCost",
]
