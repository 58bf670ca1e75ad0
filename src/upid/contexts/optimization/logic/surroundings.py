"""What stands around a workload and binds its advice: autoscalers, budgets, bounds, owners."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from upid.core.quantity import BadQuantity, format_cpu, parse_quantity
from upid.core.rightsizing import Ask
from upid.core.snapshot import (
    Autoscaler,
    Bounds,
    Container,
    DisruptionBudget,
    Pod,
    Quota,
    Snapshot,
    Workload,
    WorkloadKey,
)
from upid.core.units import NOTHING, Resources

IGNORE = "upid.io/ignore"  # annotation or label; "true" opts out (SAF-4)
MODE = "upid.io/mode"  # annotation or label
_SILENT_MODES = ("off", "ignore", "disabled")
_CRITICALITY = "upid.io/criticality"  # annotation: critical, high, normal, low
_PASSIVE_VPA = "Off"  # a VPA that only recommends changes nothing
_ENVIRONMENT = ("app.kubernetes.io/environment", "environment", "env", "stage")
_PRODUCTION = ("prod", "production", "live")
_TRIAL = ("dev", "development", "test", "testing", "staging", "stage", "preview", "sandbox", "qa")
_TIERS = ("frontend", "api", "database", "backend-api", "db")
LEVELS = ("low", "normal", "high", "critical")

# Words in image names and labels that tell a runtime; the last path element decides.
_RUNTIMES = {
    "JVM": ("java", "jdk", "jre", "temurin", "corretto", "spring", "tomcat", "keycloak", "kafka",
            "elasticsearch", "opensearch", "cassandra", "zookeeper", "jenkins", "quarkus", "jvm"),
    "Go": ("golang",),
    "Node.js": ("node", "nodejs"),
}  # fmt: skip
_RUNTIME_LABELS = ("upid.io/runtime", "runtime", "language", "app.kubernetes.io/runtime")
HINTS = {
    "JVM": "a JVM does not give heap back by itself: what it holds may be more than it needs; "
    "set -XX:MaxRAMPercentage so that the heap follows the limit before lowering memory further",
    "Go": "Go: set GOMEMLIMIT to about 90 % of the memory limit, so that the collector knows it",
    "Node.js": "Node.js: set --max-old-space-size below the memory limit, so that the heap fits",
}


_Thing = TypeVar("_Thing", Bounds, Quota, DisruptionBudget)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that binds the advice for one workload.

    pods       its pods that live at the end of the window
    autoscaler the HPA that owns its replicas, if one does
    vertical   the VPA that changes its requests, if one does
    tight      PodDisruptionBudgets that allow no disruption, by name
    """

    workload: Workload
    pods: tuple[Pod, ...]
    autoscaler: Autoscaler | None
    vertical: Autoscaler | None
    bounds: tuple[Bounds, ...]
    quotas: tuple[Quota, ...]
    tight: tuple[str, ...]
    largest: Resources
    namespace_labels: Mapping[str, str]

    @property
    def replicas(self) -> int:
        """Pods that a change would reach: those wanted, or those that live."""
        return self.workload.replicas if self.workload.replicas is not None else len(self.pods)

    @property
    def containers(self) -> tuple[Container, ...]:
        """The containers of the template, init containers left out."""
        return tuple(c for c in self.workload.containers if not c.init)

    def opted_out(self) -> str:
        """Return which annotation or label asks UPID to stay away, or nothing (SAF-4)."""
        for words in (self.workload.annotations, self.workload.labels, self.namespace_labels):
            if words.get(IGNORE, "").lower() == "true":
                return f'{IGNORE}: "true"'
            if words.get(MODE, "").lower() in _SILENT_MODES:
                return f"{MODE}: {words[MODE]}"
        for pod in self.pods:
            if pod.annotations.get(IGNORE, "").lower() == "true":
                return f'{IGNORE}: "true" on its pods'
        return ""

    def criticality(self) -> tuple[int, str]:
        """Return the place in `LEVELS` and the fact that decided it (SAF-1)."""
        labels = {**self.namespace_labels, **self.workload.pod_labels, **self.workload.labels}
        said = self.workload.annotations.get(_CRITICALITY, "").lower()
        priority = next((p.priority_class for p in self.pods if p.priority_class), "")
        component = labels.get("app.kubernetes.io/component", "").lower()
        environment = next((labels[k].lower() for k in _ENVIRONMENT if k in labels), "")
        tier = labels.get("tier", component).lower()
        urgent = "critical" in priority or "high" in priority
        found = (
            (said in LEVELS, LEVELS.index(said) if said in LEVELS else 0, f"annotation {said!r}"),
            (component == "critical", 3, "label app.kubernetes.io/component: critical"),
            (priority.startswith("system-"), 3, f"priority class {priority}"),
            (environment in _PRODUCTION and tier in _TIERS, 2, f"production {tier}"),
            (urgent, 2, f"priority class {priority}"),
            (environment in _TRIAL, 0, f"environment {environment}"),
            (True, 1, "nothing marks it as more or less"),
        )
        return next((level, why) for holds, level, why in found if holds)

    def runtime(self, container: Container) -> str:
        """Return JVM, Go or Node.js where labels or the image tell, else nothing."""
        words = [self.workload.pod_labels.get(label, "").lower() for label in _RUNTIME_LABELS]
        image = container.image.split("@")[0].rsplit("/", 1)[-1].lower()
        words += image.replace(":", "-").replace("_", "-").replace(".", "-").split("-")
        for runtime, marks in _RUNTIMES.items():
            if any(word in marks for word in words) or runtime.lower() in words:
                return runtime
        return ""

    def current(self, container: Container) -> Ask:
        """Return what a container asks for: its template, and defaults that its pods were given."""
        given = next((c for p in self.pods for c in p.containers if c.name == container.name), None)
        sources = (container, given or container)

        def first(name: str) -> float | int | None:
            return next((v for c in sources if (v := getattr(c, name)) is not None), None)

        memory_request, memory_limit = first("memory_request"), first("memory_limit")
        return Ask(
            first("cpu_request"),
            first("cpu_limit"),
            None if memory_request is None else int(memory_request),
            None if memory_limit is None else int(memory_limit),
        )


def surroundings(inventory: Snapshot) -> dict[WorkloadKey, Surroundings]:
    """Return what stands around each workload, in their order."""
    living: dict[WorkloadKey, list[Pod]] = defaultdict(list)
    for pod in inventory.pods:
        if pod.ended is None:
            living[pod.workload].append(pod)
    autoscalers = {a.target: a for a in inventory.autoscalers if not a.vertical}
    verticals = {
        a.target: a for a in inventory.autoscalers if a.vertical and a.mode != _PASSIVE_VPA
    }
    bounds = _by_namespace(inventory.bounds)
    quotas = _by_namespace(inventory.quotas)
    budgets = _by_namespace(b for b in inventory.budgets if _allows_nothing(b))
    largest = _largest(inventory)
    return {
        workload.key: Surroundings(
            workload=workload,
            pods=tuple(living.get(workload.key, ())),
            autoscaler=autoscalers.get(workload.key),
            vertical=verticals.get(workload.key),
            bounds=tuple(bounds.get(workload.key.namespace, ())),
            quotas=tuple(quotas.get(workload.key.namespace, ())),
            tight=tuple(
                b.name
                for b in budgets.get(workload.key.namespace, ())
                if b.selector and b.selector.items() <= workload.pod_labels.items()
            ),
            largest=largest,
            namespace_labels=inventory.namespaces.get(workload.key.namespace, {}),
        )
        for workload in inventory.workloads
    }


def over_quota(around: Surroundings, grown: Mapping[str, float]) -> tuple[str, ...]:
    """Return a sentence for each ResourceQuota that the increase would not fit.

    grown  quota name (`requests.cpu`, `limits.memory`, …) → increase of all pods together
    """
    found = []
    for quota in around.quotas:
        for name, increase in sorted(grown.items()):
            short = name.removeprefix("requests.")
            hard = quota.hard.get(name, quota.hard.get(short))
            if hard is None or increase <= 0:
                continue
            try:
                used = parse_quantity(quota.used.get(name, quota.used.get(short, "0")))
                room = float(parse_quantity(hard) - used)
            except BadQuantity:
                continue
            if increase > room:
                found.append(f"the quota {quota.name!r} has no room for the increase in {name}")
    return tuple(found)


def set_point(autoscaler: Autoscaler, request: float | None, wanted: float | None) -> str:
    """Return why an HPA's CPU target keeps the request as it is, with the equal alternative."""
    target = autoscaler.utilization["cpu"]
    said = f"the HPA {autoscaler.name!r} scales at {target:.0%} of the CPU request, so it stays"
    if request and wanted and wanted < request:
        point = target * request
        said += f" (the scale point of {format_cpu(round(point, 3))} a pod would move with it)"
    return said


def _allows_nothing(budget: DisruptionBudget) -> bool:
    return budget.allowed == 0 or budget.maximum in ("0", "0%") or budget.minimum == "100%"


def _largest(inventory: Snapshot) -> Resources:
    """Return the largest CPU and the largest memory that one node can allot."""
    rooms = [n.allocatable for n in inventory.nodes if n.ended is None] or [NOTHING]
    return Resources(max(r.cpu for r in rooms), max(r.memory for r in rooms))


def _by_namespace(things: Iterable[_Thing]) -> dict[str, list[_Thing]]:
    found: dict[str, list[_Thing]] = defaultdict(list)
    for thing in things:
        found[thing.namespace].append(thing)
    return found
