"""The world can carry a proof: what a dozen real pods were told is what is measured of them."""

import calendar
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.world import pods
from tests.world.acting import Steered
from tests.world.api import Json
from tests.world.cluster import Cluster, namespace
from tests.world.judge import Judge, direct_pod_deletes, evictions, exactly_once, resizes
from tests.world.neighbours.metrics_server import MetricsServer
from tests.world.neighbours.neighbour import client
from tests.world.neighbours.prometheus import Prometheus
from tests.world.neighbours.queries import Queries
from tests.world.node import Node
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

MINUTE = 60  # seconds that the pods are watched
CPU_WITHIN, MEMORY_WITHIN = 0.05, 0.02  # of what they were told
_NANO = 1_000_000_000
_CLEAR = 0.1  # seconds around a scrape in which no probe may fall, so that both count the same

# A dozen pods of every shape: CPU, memory. In sum 0.8 cores, so that two cores have room.
SHAPES = {
    "steady-1": ("steady:0.05", "steady:32Mi"),
    "steady-2": ("steady:0.06", "steady:48Mi"),
    "steady-3": ("steady:0.07", "steady:64Mi"),
    "steady-4": ("steady:0.08", "steady:96Mi"),
    "steady-5": ("steady:0.05", "steady:40Mi"),
    "steady-6": ("steady:0.1", "steady:128Mi"),
    "steady-7": ("steady:0.06", "steady:56Mi"),
    "steady-8": ("steady:0.05", "steady:80Mi"),
    "day": ("diurnal:0.06,swing=0.04,period=20s", "steady:32Mi"),
    "burst": ("burst:0.2,base=0.02,every=15s,for=3s", "steady:32Mi"),
    "leak": ("steady:0.05", "steady:32Mi+leak:256Ki/s,max=64Mi"),
    "spike": ("steady:0.05+spike:0.3,for=5s", "steady:64Mi"),
}


@dataclass(frozen=True)
class Watched:
    """A dozen pods that ran for a minute, and who told them what."""

    cluster: Cluster
    actors: dict[str, Steered]
    start: float  # seconds since 1970, when all were ready
    end: float


@pytest.fixture(scope="module")
def watched(node: Node, prometheus: Prometheus, metrics_server: MetricsServer) -> Iterator[Watched]:
    """Run a dozen pods for a minute under the eyes of Prometheus and metrics-server."""
    with namespace(node.control_plane, "first") as cluster:
        for name, (cpu, memory) in SHAPES.items():
            noted = {"readinessProbe": pods.probe("/readyz", period=2, request_id="probe")}
            asked = {"requests": {"cpu": "120m"}}
            spec = pods.actor(cpu=cpu, memory=memory, probes=noted, resources=asked)
            cluster.create("pods", {"metadata": {"name": name}, "spec": spec})
        cluster.wait_ready(*SHAPES)
        addresses = {name: cluster.pod(name)["status"]["podIP"] for name in SHAPES}
        actors = {name: Steered(f"{address}:{pods.HTTP}") for name, address in addresses.items()}
        start = time.time()
        selector = f'container_cpu_usage_seconds_total{{{_of(cluster)},container="actor"}}'

        def seen_for_a_minute() -> bool:
            found = _raw(prometheus, selector, MINUTE + 30)
            spans = [
                points[-1][0] - next((at for at, _ in points if at >= start), points[-1][0])
                for points in found.values()
            ]
            return len(spans) == len(SHAPES) and min(spans) >= MINUTE

        wait_until("a minute of every pod", seen_for_a_minute, 3 * MINUTE, pause=1.0)
        yield Watched(cluster, actors, start, time.time())


def test_prometheus_measures_the_cpu_that_pods_were_told_to_take(
    watched: Watched, prometheus: Prometheus
) -> None:
    selector = f'container_cpu_usage_seconds_total{{{_of(watched.cluster)},container="actor"}}'
    for name, points in _raw(prometheus, selector, MINUTE + 60).items():
        inside = [(at, value) for at, value in points if watched.start <= at <= watched.end]
        (first, before), (last, after) = inside[0], inside[-1]
        told = _told_cpu(watched.actors[name], last) - _told_cpu(watched.actors[name], first)
        assert after - before == pytest.approx(told, rel=CPU_WITHIN), name


def test_prometheus_measures_the_memory_that_pods_were_told_to_hold(
    watched: Watched, prometheus: Prometheus
) -> None:
    selector = f'container_memory_working_set_bytes{{{_of(watched.cluster)},container="actor"}}'
    found = _raw(prometheus, selector, 30)
    assert set(found) == set(SHAPES)
    for name, points in found.items():
        at, value = points[-1]
        told = watched.actors[name].told(int(at * _NANO))["memory"]["target_bytes"]
        assert value == pytest.approx(told, rel=MEMORY_WITHIN), name


def test_metrics_server_measures_what_steady_pods_were_told(
    watched: Watched, metrics_server: MetricsServer
) -> None:
    """The rest change faster than its window of ten seconds and more."""
    usage = metrics_server.pods(watched.cluster.namespace)
    assert {name for name, _ in usage} == set(SHAPES)
    for (name, _), used in usage.items():
        if not name.startswith("steady"):
            continue
        at = _seconds(used.timestamp)
        assert watched.start < at, "its window is to lie in the minute"
        told = watched.actors[name].told(int(at * _NANO))
        assert used.cpu == pytest.approx(told["cpu"]["cores"], rel=CPU_WITHIN), name
        assert used.memory == pytest.approx(told["memory"]["target_bytes"], rel=MEMORY_WITHIN), name


def test_probes_are_counted_as_the_pods_served_them(
    watched: Watched, prometheus: Prometheus
) -> None:
    """Between two scrapes that no probe overlaps, kubelet and pod counted the same."""
    selector = f'prober_probe_total{{{_of(watched.cluster)},result="successful"}}'
    counted = _raw(prometheus, selector, MINUTE + 60)
    assert set(counted) == set(SHAPES)
    for name, points in counted.items():
        served = [
            line["received_ns"] / _NANO
            for line in watched.actors[name].served()
            if line["id"] == "probe"
        ]
        clear = [
            (at, value)
            for at, value in points
            if watched.start <= at <= watched.end
            and all(abs(at - received) > _CLEAR for received in served)
        ]
        assert len(clear) >= 2, f"{name}: no two scrapes without a probe beside them"
        (first, before), (last, after) = clear[0], clear[-1]
        assert last - first > MINUTE / 2, f"{name}: the two scrapes lie too close"
        assert after - before == sum(first < received < last for received in served), name


def test_a_resize_and_an_eviction_are_in_the_history_exactly_once(
    node: Node, cluster: Cluster, judge: Judge
) -> None:
    """As the judge reads them from the audit log and etcd, by the users who did them."""
    since = judge.now()
    cluster.run("moved", pods.actor(resources={"requests": {"cpu": "100m"}}))
    upid, path = node.control_plane.api("rival"), cluster.path("pods", "moved")
    change = {"containers": [{"name": "actor", "resources": {"requests": {"cpu": "150m"}}}]}
    upid.patch(f"{path}/resize", {"spec": change}, "strategic")

    def in_force() -> bool:
        [status] = cluster.pod("moved")["status"]["containerStatuses"]
        return bool(status.get("resources", {}).get("requests") == {"cpu": "150m"})

    wait_until("the resize to be in force", in_force, 30)
    upid.create(f"{path}/eviction", {"metadata": {"name": "moved"}})
    cluster.wait_gone("pods", "moved")

    changes = judge.changes(since, namespace=cluster.namespace, kind="Pod", name="moved")
    resized = exactly_once(resizes(changes), lambda change: change.user == "rival")
    assert [field.path for field in resized.fields] == [
        "/metadata/generation",
        "/spec/containers/0/resources/requests/cpu",
    ], judge.timeline(since, namespace=cluster.namespace)
    # an eviction writes twice: why it goes, then that it goes
    goes = "/metadata/deletionTimestamp"
    evicted = exactly_once(
        evictions(changes), lambda change: goes in [field.path for field in change.fields]
    )
    assert evicted.user == "rival"
    assert resized.revision < evicted.revision
    assert sum(change.before is None for change in changes) == 1, "it was created once"
    assert direct_pod_deletes(changes, "rival") == []


def _of(cluster: Cluster) -> str:
    return f'namespace="{cluster.namespace}"'


def _raw(
    prometheus: Prometheus, selector: str, seconds: int
) -> dict[str, list[tuple[float, float]]]:
    """Return by pod what Prometheus stored, as it was scraped: (seconds since 1970, value)."""
    with closing(client(prometheus.url)) as http:
        found = Queries(http).ask("query", {"query": f"{selector}[{seconds}s]"})
    rows: list[Json] = found["result"]
    return {
        row["metric"]["pod"]: [(float(at), float(value)) for at, value in row["values"]]
        for row in rows
    }


def _told_cpu(actor: Steered, at: float) -> float:
    return float(actor.told(int(at * _NANO))["cpu"]["told_seconds"])


def _seconds(stamp: str) -> float:
    return float(calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")))
