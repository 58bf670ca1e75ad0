"""What every context knows about one question."""

from dataclasses import dataclass

from upid.contexts.clusters import Cluster
from upid.contexts.costs import Allocation
from upid.contexts.insights import IdleReport, PodIdle
from upid.contexts.optimization.analysis.scope import Scope
from upid.contexts.optimization.types import Advice
from upid.core.snapshot import Snapshot, WorkloadKey


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that is known about a question, from each context."""

    cluster: Cluster
    allocation: Allocation
    idle: IdleReport
    advice: Advice
    scope: Scope
    within: frozenset[WorkloadKey]  # workloads of the scope
    notes: tuple[str, ...] = ()

    @property
    def inventory(self) -> Snapshot:
        """What the cluster holds."""
        return self.cluster.inventory()

    def pods_of(self, key: WorkloadKey) -> list[PodIdle]:
        """Return the judged pods of a workload."""
        return [pod for pod in self.idle.pods if pod.workload == key]
