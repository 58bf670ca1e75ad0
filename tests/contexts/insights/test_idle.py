"""Small worlds and what is said of them, through the face of the context."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.memory_source import START, MemorySource, facts_of, version_of
from upid.contexts.clusters import ClusterService
from upid.contexts.costs import NothingInWindow
from upid.contexts.insights import (
    InsightService,
    InsightSettings,
    PodIdle,
    Verdict,
    WorkloadIdle,
)
from upid.contexts.metrics import PanelService
from upid.core.explain import Explained, Unknown
from upid.core.metrics import CPU, REQUESTS, Entity
from upid.core.panel import Floats
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.window import Window

Stream = tuple[tuple[str, str, str], "Floats | float"]

DAYS = 21
HOURLY = timedelta(hours=1)
PROBE = ("/healthz", "kube-probe/1.31", "10.0.0.1")
SCRAPE = ("/metrics", "Prometheus/2.53.0", "10.0.0.2")
PERSON = ("/orders", "okhttp/4.12", "10.0.0.3")


class World:
    """A cluster of three weeks with hourly samples, put together workload by workload."""

    def __init__(self, hours: int = DAYS * 24) -> None:
        self.hours = hours
        self.objects: list[ObjectVersion] = []
        self.containers: list[tuple[str, ...]] = []
        self.streams: list[tuple[str, ...]] = []
        self.cpu: list[Floats] = []
        self.requests: list[Floats] = []
        self.serve("shop", "Deployment", "checkout", [(PERSON, 60.0), (PROBE, 360.0)])

    def serve(
        self,
        namespace: str,
        kind: str,
        name: str,
        streams: Sequence[Stream] = (),
        *,
        cpu: Floats | float = 0.005,
        service: bool = True,
        ready: bool = True,
        created: datetime = START,
        phase: str = "Running",
    ) -> None:
        """Add a workload of one pod; numbers may be one for all hours or one an hour."""
        uid = f"uid-{namespace}-{name}"
        labels, pod = {"app": name}, f"{name}-0"
        meta = {"namespace": namespace, "creationTimestamp": created.isoformat()}
        owner = {"kind": kind, "name": name, "uid": f"owner-{uid}", "controller": True}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "x"}]},
        }
        self._add(
            {
                "kind": kind,
                "apiVersion": "apps/v1",
                "metadata": {**meta, "name": name, "uid": f"owner-{uid}"},
                "spec": {"replicas": 1, "template": template, "selector": {"matchLabels": labels}},
                "status": {"readyReplicas": int(ready)},
            }
        )
        self._add(
            {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {
                    **meta, "name": pod, "uid": uid, "labels": labels, "ownerReferences": [owner]
                },
                "spec": {"containers": [{"name": "main", "image": "x"}], "nodeName": "n1"},
                "status": {
                    "phase": phase,
                    "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                },
            }
        )  # fmt: skip
        if service:
            self._add(
                {
                    "kind": "Service",
                    "apiVersion": "v1",
                    "metadata": {**meta, "name": name, "uid": f"svc-{uid}"},
                    "spec": {"selector": labels, "type": "ClusterIP"},
                }
            )
        self.containers.append((namespace, pod, uid, "main"))
        self.cpu.append(self._hourly(cpu))
        for labels_of_stream, number in streams:
            self.streams.append((namespace, pod, uid, *labels_of_stream))
            self.requests.append(self._hourly(number))

    def _add(self, body: dict[str, object]) -> None:
        self.objects.append(version_of(body))

    def _hourly(self, number: Floats | float) -> Floats:
        return np.broadcast_to(np.asarray(number, float), (self.hours,)).copy()

    def insights(self, settings: InsightSettings | None = None) -> InsightService:
        samples = {CPU: np.array(self.cpu)}
        if self.streams:
            samples[REQUESTS] = np.array(self.requests)
        source = MemorySource(
            facts_of(hours=self.hours, cadence=HOURLY),
            self.objects,
            {Entity.CONTAINER: self.containers, Entity.REQUEST: self.streams},
            samples,
        )
        clusters = ClusterService()
        clusters.attach(source)
        return InsightService(clusters, PanelService(), None, settings or InsightSettings())

    def judged(self, name: str, window: Window | None = None) -> WorkloadIdle:
        report = self.insights().idle(window=window)
        return next(w for w in report.workloads if w.key.name == name)

    def pod(self, name: str) -> PodIdle:
        return next(p for p in self.insights().idle().pods if p.workload.name == name)


@pytest.fixture
def world() -> World:
    return World()


def sure(figure: Explained) -> float:
    """Return a figure that has to be known."""
    assert not isinstance(figure.value, Unknown)
    return figure.value


def hours(predicate: Callable[[int, int], bool], number: float, count: int = DAYS * 24) -> Floats:
    """Return a number in the hours for which the predicate of (weekday, hour) holds."""
    return np.array([number if predicate(h // 24 % 7, h % 24) else 0 for h in range(count)])


def test_a_forgotten_preview_that_only_probes_and_scrapes_reach_is_idle(world: World) -> None:
    """IDL-1, IDL-2, IDL-8."""
    world.serve("preview", "Deployment", "web", [(PROBE, 360), (SCRAPE, 120)])
    pod = world.pod("web")
    assert pod.verdict is Verdict.IDLE
    assert sure(pod.probability) >= 95
    assert pod.reasons == ("business", "resource", "temporal")
    assert pod.idle_periods == ("all the time",)
    assert pod.sentence == (
        "No business request in 7 days, only 60,480 health probes, 20,160 metrics scrapes; "
        "the 14 days before expect none either."
    )
    business = pod.factors[0]
    assert business.evidence["requests_total"] == 80_640
    assert business.evidence["health_probes"] == 60_480
    assert sum(factor.weight for factor in pod.factors) == pytest.approx(1, abs=1e-5)
    assert pod.factors[3].weight == 0
    assert isinstance(pod.factors[3].value, Unknown)


def test_a_low_traffic_service_that_matters_is_not_idle(world: World) -> None:
    """IDL-2: 20 requests a day among 8,640 probes."""
    day = hours(lambda _, hour: 8 <= hour < 18, 2)
    world.serve("pay", "Deployment", "settle", [(PERSON, day), (PROBE, 360)])
    found = world.judged("settle")
    assert found.verdict is Verdict.BUSY
    assert "140 business requests in the evidence" in found.counter_evidence


def test_nights_and_weekends_are_named_but_are_not_idle(world: World) -> None:
    """IDL-8."""
    day = hours(lambda weekday, hour: weekday < 5 and 6 <= hour < 20, 50)
    world.serve("shop", "Deployment", "office", [(PERSON, day), (PROBE, 360)])
    found = world.judged("office")
    assert found.verdict is Verdict.BUSY
    assert found.idle_periods == ("Mon–Fri 20:00–06:00", "all weekend")


@pytest.mark.parametrize("streams", [[], [(PROBE, 360), (SCRAPE, 120)]])
@pytest.mark.parametrize("service", [True, False])
def test_a_weekly_job_is_not_idle(world: World, streams: list[Stream], service: bool) -> None:
    """IDL-7."""
    weekly = 0.004 + hours(lambda weekday, hour: weekday == 6 and hour == 3, 0.5)
    world.serve("batch", "Deployment", "ledger", streams, cpu=weekly, service=service)
    assert world.judged("ledger").verdict is Verdict.BUSY


@pytest.mark.parametrize("service", [True, False])
def test_a_queue_worker_without_requests_is_not_idle(world: World, service: bool) -> None:
    """IDL-2, IDL-7: also when a Service and scrapes make it look like a server."""
    work = 0.01 + hours(lambda _, hour: hour % 3 == 0, 0.4)
    world.serve("jobs", "Deployment", "mailer", [(SCRAPE, 120)], cpu=work, service=service)
    pod = world.pod("mailer")
    assert pod.verdict is Verdict.BUSY
    assert isinstance(pod.factors[0].value, Unknown)
    assert sure(pod.confidence) <= 75
    assert any("ZER-1" in text for text in pod.missing)


def dependent(world: World, *, ready: bool) -> None:
    quiet = np.r_[np.full(14 * 24, 30.0), np.zeros(7 * 24)]
    call = ("/quote", "okhttp/4.12", "ship/Deployment/quotes")
    world.serve("ship", "Deployment", "quotes", [(PERSON, quiet), (PROBE, 360)])
    world.serve("ship", "Deployment", "carrier", [(call, quiet)], ready=ready)


def test_a_quiet_service_whose_dependency_is_down_is_blocked(world: World) -> None:
    """IDL-5."""
    dependent(world, ready=False)
    found = world.judged("quotes")
    assert found.verdict is Verdict.BLOCKED
    assert "ship/Deployment/carrier wants 1 replica and has none ready" in found.sentence
    assert world.pod("quotes").factors[3].value == 0
    assert "dependency" in found.reasons


def test_the_same_service_is_idle_while_its_dependency_is_well(world: World) -> None:
    """IDL-5."""
    dependent(world, ready=True)
    found = world.judged("quotes")
    assert found.verdict is Verdict.IDLE
    assert world.pod("quotes").factors[3].value == 100


def test_a_workload_that_is_down_itself_is_blocked_not_idle(world: World) -> None:
    dependent(world, ready=False)
    assert world.judged("carrier").verdict is Verdict.BLOCKED


def test_who_scrapes_a_workload_does_not_depend_on_it(world: World) -> None:
    """IDL-5."""
    scrape = ("/metrics", "Prometheus/2.53.0", "monitoring/Deployment/prometheus")
    world.serve("shop", "Deployment", "broken", [(scrape, 120)], ready=False)
    world.serve("monitoring", "Deployment", "prometheus", [(PERSON, 5)])
    assert world.judged("prometheus").verdict is Verdict.BUSY


def test_a_steady_daemon_without_requests_is_not_idle(world: World) -> None:
    """IDL-7."""
    world.serve("kube-system", "DaemonSet", "agent", cpu=0.05, service=False)
    found = world.judged("agent")
    assert found.verdict is Verdict.UNKNOWN
    assert "may be work" in found.sentence


def test_a_pod_of_an_hour_is_unknown(world: World) -> None:
    late = START + timedelta(days=DAYS) - HOURLY
    world.serve("shop", "Deployment", "fresh", [(PROBE, 360)], created=late)
    found = world.judged("fresh")
    assert found.verdict is Verdict.UNKNOWN
    assert isinstance(found.probability, Unknown)


def test_a_completed_pod_is_not_judged(world: World) -> None:
    world.serve("batch", "Job", "once", phase="Succeeded", service=False)
    report = world.insights().idle()
    assert report.completed == 1
    assert [w.key.name for w in report.workloads] == ["checkout"]


def test_without_request_data_the_report_says_what_is_missing() -> None:
    """IDL-7."""
    world = World()
    world.streams, world.requests = [], []
    world.serve("shop", "Deployment", "quiet")
    report = world.insights().idle()
    assert any("request data" in text for text in report.missing)
    pod = next(p for p in report.pods if p.workload.name == "quiet")
    assert pod.verdict is Verdict.IDLE
    assert sure(pod.confidence) <= 75


def test_the_weights_are_settings(world: World) -> None:
    """IDL-1."""
    world.serve("preview", "Deployment", "web", [(PROBE, 360)])
    settings = InsightSettings(
        business_weight=0, resource_weight=0.3, temporal_weight=0.7, dependency_weight=0
    )
    report = world.insights(settings).idle()
    pod = next(p for p in report.pods if p.workload.name == "web")
    assert pod.probability.value == pytest.approx(0.3 * 100 + 0.7 * 90)
    with pytest.raises(ValueError, match="add up to 1"):
        InsightSettings(business_weight=0.9)


def test_monitoring_networks_are_settings() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        InsightSettings(monitoring_sources=("not-a-network",))


def test_a_shorter_window_keeps_the_history_before_it(world: World) -> None:
    """IDL-4."""
    world.serve("preview", "Deployment", "web", [(PROBE, 360)])
    end = START + timedelta(days=DAYS)
    report = world.insights().idle(window=Window(end - timedelta(days=1), end))
    assert report.evidence.hours == 24
    assert report.history == timedelta(days=20)


def test_a_window_outside_the_source_is_refused(world: World) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(NothingInWindow):
        world.insights().idle(window=Window(long_ago, long_ago + HOURLY))


def test_the_same_world_gives_the_same_answer(world: World) -> None:
    dependent(world, ready=False)
    world.serve("preview", "Deployment", "web", [(PROBE, 360)])
    assert world.insights().idle() == world.insights().idle()
    turned = world.insights()
    names = [(p.namespace, p.name) for p in turned.idle().pods]
    assert names == sorted(names)


def test_every_real_back_end_is_told_right(shared: Path) -> None:
    """IDL-2: eight back ends of a real NGINX, business and health checks counted apart.

    One that is only checked, or not used at all, is idle; one with business is not. Its 43
    minutes stand for every hour of three weeks.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(shared / "data/timeseries/nginxplus_upstreams_5s.parquet")
    rows = sorted(table.to_pylist(), key=lambda row: row["ts_ms"])
    peers = sorted({(row["upstream"], row["peer"]) for row in rows})
    world, truth = World(), {}
    for upstream, peer in peers:
        own = [r for r in rows if (r["upstream"], r["peer"]) == (upstream, peer)]
        business = own[-1]["business_requests_total"] - own[0]["business_requests_total"]
        checks = own[-1]["health_checks_total"] - own[0]["health_checks_total"]
        name = f"{upstream.replace('_', '-')}-{peer}"
        truth[name] = business > 0
        check = ("/", "nginx/health-check", "10.0.0.9")
        world.serve("real", "Deployment", name, [(PERSON, business), (check, checks)])
    report = world.insights().idle()
    found = {p.workload.name: p.verdict for p in report.pods if p.namespace == "real"}
    assert len(found) == len(truth) == 8
    assert {n: v is Verdict.BUSY for n, v in found.items()} == truth
