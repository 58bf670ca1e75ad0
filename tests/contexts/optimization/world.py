"""Small clusters for advice: objects and samples by hand, answered by the real services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from tests.fixtures.memory_source import CADENCE, START, MemorySource, facts_of, version_of
from upid.adapters.pricelist import ShippedPrices
from upid.contexts.clusters import ClusterService
from upid.contexts.costs import Allocation, CostService, CostSettings
from upid.contexts.insights import InsightService, InsightSettings
from upid.contexts.metrics import PanelService
from upid.contexts.optimization import Advice, OptimizationSettings, RecommendationService
from upid.core.metrics import (
    CPU,
    MEMORY,
    NETWORK_RX,
    OOM_KILLS,
    REQUESTS,
    RESTARTS,
    THROTTLED,
    Entity,
    Metric,
)
from upid.core.panel import Floats
from upid.core.ports.cluster_source import NodePrice, ObjectVersion, PriceSheet

MIB = 1 << 20
DAY = timedelta(days=1)
OLD = START - 30 * DAY
_API = {"CronJob": "batch/v1", "Job": "batch/v1", "Pod": "v1"}
Body = dict[str, object]


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class World:
    """A cluster of one large node; workloads, usage and other objects are added to it."""

    days: float = 7
    busy: bool = True  # people's requests reach its pods, not only probes
    objects: list[ObjectVersion] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    pods: list[tuple[str, ...]] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    samples: dict[Metric, list[Floats]] = field(default_factory=dict)

    @property
    def _traffic(self) -> Floats:
        """Bytes a second as a busy service receives them, so that nothing here looks idle."""
        return np.random.default_rng(7).gamma(2.0, 50_000.0, self.span) * self.busy

    @property
    def span(self) -> int:
        return round(self.days * DAY / CADENCE)

    def add(self, kind: str, name: str, namespace: str = "shop", **body: object) -> None:
        """Add any object."""
        metadata = {"name": name, "namespace": namespace, "uid": f"{kind}-{namespace}-{name}"}
        metadata["creationTimestamp"] = stamp(OLD)
        given = body.pop("metadata", {})
        assert isinstance(given, Mapping)
        version = _API.get(kind, "v1")
        whole = {"apiVersion": version, "kind": kind, "metadata": {**metadata, **given}, **body}
        self.objects.append(version_of(whole, since=OLD))

    def workload(
        self,
        name: str = "web",
        *,
        kind: str = "Deployment",
        resources: Mapping[str, Mapping[str, str]] | None = None,
        cpu: Sequence[Floats | float] = (0.18,),
        memory: Sequence[Floats | float] = (410.0 * MIB,),
        throttled: float | None = None,
        events: Mapping[Metric, Mapping[int, int]] | None = None,
        image: str = "web:1",
        created: datetime = OLD,
        metadata: Mapping[str, object] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Add a workload with one pod for each CPU series; floats are flat usage."""
        asked = {"requests": {"cpu": "2", "memory": "4Gi"}} if resources is None else resources
        container = {"name": "main", "image": image, "resources": asked}
        words = {"app": name, **(labels or {})}
        template = {"metadata": {"labels": words}, "spec": {"containers": [container]}}
        spec: Body = {"replicas": len(cpu), "template": template}
        if kind == "CronJob":
            spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
        about = {"creationTimestamp": stamp(created), **(metadata or {})}
        ready = {"readyReplicas": len(cpu)}
        self.add(kind, name, metadata=about, spec=spec, status=ready)
        owner = {"kind": kind, "name": name, "uid": f"{kind}-shop-{name}", "controller": True}
        for i, (used, held) in enumerate(zip(cpu, memory, strict=True)):
            pod = f"{name}-{i}"
            self.add(
                "Pod",
                pod,
                metadata={
                    "ownerReferences": [owner],
                    "labels": words,
                    "creationTimestamp": stamp(created),
                },
                spec={"nodeName": "n1", "containers": [container]},
                status={"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            )
            self.rows.append(("shop", pod, f"Pod-shop-{pod}", "main"))
            self.pods.append(("shop", pod, f"Pod-shop-{pod}"))
            self._sample(NETWORK_RX, self._traffic)
            path, agent = ("/orders", "curl/8") if self.busy else ("/healthz", "kube-probe/1.31")
            self.asked.append(("shop", pod, f"Pod-shop-{pod}", path, agent, ""))
            self._sample(REQUESTS, 30.0)
            self._sample(CPU, used)
            self._sample(MEMORY, held)
            self._sample(THROTTLED, np.nan if throttled is None else throttled)
            for metric in (RESTARTS, OOM_KILLS):
                counts = np.zeros(self.span)
                for step, count in (events or {}).get(metric, {}).items():
                    counts[step] = count
                self._sample(metric, counts)

    def _sample(self, metric: Metric, values: Floats | float) -> None:
        self.samples.setdefault(metric, []).append(np.broadcast_to(values, (self.span,)).copy())

    def services(self, **settings: object) -> tuple[RecommendationService, CostService]:
        """Return the real services over this world."""
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "n1", "uid": "n1", "creationTimestamp": stamp(OLD)},
            "status": {
                "capacity": {"cpu": "16", "memory": "64Gi"},
                "allocatable": {"cpu": "15", "memory": "60Gi"},
            },
        }
        source = MemorySource(
            facts_of(hours=self.days * 24),
            [version_of(node, since=OLD), *self.objects],
            {
                Entity.CONTAINER: self.rows,
                Entity.POD: self.pods,
                Entity.REQUEST: self.asked,
            },
            {metric: np.array(rows) for metric, rows in self.samples.items()},
            PriceSheet(nodes=(NodePrice("n1", 1.0, "bill"),)),
        )
        clusters, panels = ClusterService(), PanelService()
        clusters.attach(source)
        costs = CostService(clusters, panels, ShippedPrices(), CostSettings())
        insights = InsightService(clusters, panels, costs, InsightSettings())
        chosen = OptimizationSettings.model_validate(settings)
        return RecommendationService(clusters, panels, costs, insights, chosen), costs

    def advice(self, **settings: object) -> Advice:
        """Return what is advised for this world."""
        return self.services(**settings)[0].recommend()

    def allocation(self) -> Allocation:
        """Return what this world costs."""
        return self.services()[1].allocation()
