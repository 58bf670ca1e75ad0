"""Many API servers in one process: real TLS, real HTTP, healthy or ill in known ways.

What belongs here: the wire, discovery, the metrics API, and illnesses. What objects do to lists and
watches is the simulated server's (`tests/world/simulated`), which each of these has one of.
"""

from tests.world.emulated.apart import Apart, apart
from tests.world.emulated.cluster import EmulatedCluster, Plan
from tests.world.emulated.illness import Illness
from tests.world.emulated.running import Emulated, emulating
from tests.world.emulated.way import Way, kubeconfig

__all__ = [
    "Apart",
    "Emulated",
    "EmulatedCluster",
    "Illness",
    "Plan",
    "Way",
    "apart",
    "emulating",
    "kubeconfig",
]
