"""Clusters as nobody would draw them: each gets an answer whose parts add up, or a clear error."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from upid.adapters.recordings import create
from upid.client.api import Api
from upid.client.types import ClusterAnalysis, Line, Parts

START = datetime(2026, 3, 2, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
Json: TypeAlias = dict[str, Any]
Row: TypeAlias = tuple[str, str, object, str, str, str, str]
HEAD = ("time", "metric", "value", "namespace", "pod", "container", "node")


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def node(name: str = "n1", cpu: str = "4", memory: str = "16Gi", **metadata: object) -> Json:
    there = {"cpu": cpu, "memory": memory}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": f"node-{name}", **metadata},
        "spec": {"providerID": "aws:///us-east-1a/i-1"},
        "status": {"capacity": there, "allocatable": there},
    }


def pod(name: str = "p", on: str | None = "n1", **requests: object) -> Json:
    asked = requests or {"cpu": "500m", "memory": "1Gi"}
    container = {"name": "c", "image": "img:1", "resources": {"requests": asked}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "a", "uid": f"pod-{name}"},
        "spec": {"nodeName": on, "containers": [container]},
        "status": {"phase": "Running"},
    }


def owned(found: Json, kind: str, name: str) -> Json:
    owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": True}
    return {**found, "metadata": {**found["metadata"], "ownerReferences": [owner]}}


def replica_set(name: str) -> Json:
    metadata = {"name": name, "namespace": "a", "uid": name}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": {}}


def used(
    metric: str, value: object, steps: Sequence[int] = range(288), cadence: timedelta = FIVE_MINUTES
) -> Iterator[Row]:
    where = ("", "", "", "n1") if metric.startswith("node_") else ("a", "p", "c", "")
    return ((stamp(START + i * cadence), metric, value, *where) for i in steps)


def usual(cadence: timedelta = FIVE_MINUTES, steps: int = 288) -> list[Row]:
    every = range(steps)
    return [*used("cpu", 0.1, every, cadence), *used("memory", 3e8, every, cadence)]


NODE_ONLY = list(used("node_cpu", 1))
NO_LIFE = {"creationTimestamp": "9999-12-31T23:59:59Z"}
CLUSTERS: dict[str, tuple[list[Json], list[Row]]] = {
    "no nodes": ([pod()], usual()),
    "no pods": ([node()], NODE_ONLY),
    "no containers": ([node(), {**pod(), "spec": {"nodeName": "n1", "containers": []}}], usual()),
    "no specification": ([node(), {**pod(), "spec": None, "status": None}], usual()),
    "nodes of no capacity": ([node(cpu="0", memory="0"), pod()], usual()),
    "nodes of less than none": ([node(cpu="-4", memory="-1Gi"), pod()], usual()),
    "nodes from the future": ([node(**NO_LIFE), pod()], usual()),
    "nodes beyond measure": ([node(cpu="1e18", memory="1e30"), pod()], usual()),
    "requests beyond measure": ([node(), pod(cpu="1e400", memory="1e400")], usual()),
    "requests of 10^18 bytes": ([node(), pod(cpu="9e15", memory=10**18)], usual()),
    "requests of less than none": ([node(), pod(cpu="-1", memory="-1Gi")], usual()),
    "requests that are none": ([node(), pod(cpu=True, memory=[]), pod("q", cpu="NaN")], usual()),
    "pods on unknown nodes": (
        [node(), pod(on="ghost"), pod("q", on=""), pod("r", on=None)],
        usual(),
    ),
    "only unknown nodes": ([pod(on="ghost")], usual()),
    "owners in a ring": (
        [
            node(),
            owned(pod(), "ReplicaSet", "r1"),
            owned(replica_set("r1"), "ReplicaSet", "r2"),
            owned(replica_set("r2"), "ReplicaSet", "r1"),
        ],
        usual(),
    ),
    "no samples of pods": ([node(), pod()], NODE_ONLY),
    "only CPU": ([node(), pod()], list(used("cpu", 0.1))),
    "only memory": ([node(), pod()], list(used("memory", 3e8))),
    "nothing but zeros": ([node(), pod()], [*used("cpu", 0), *used("memory", 0)]),
    "samples with gaps": (
        [node(), pod()],
        [*used("cpu", 1, range(0, 288, 7)), *used("memory", 9, [3])],
    ),
    "samples beyond measure": (
        [node(), pod()],
        [*used("cpu", 9e18), *used("memory", 9e18, range(99)), *used("memory", 1e308, [200])],
    ),
    "a window of two steps": ([node(), pod()], usual(steps=2)),
    "seven minutes": ([node(), pod()], usual(timedelta(minutes=7), 500)),
    "a second": ([node(), pod()], usual(timedelta(seconds=1), 100)),
    "two hours": ([node(), pod()], usual(timedelta(hours=2), 84)),
    "a day": ([node(), pod()], usual(timedelta(days=1), 30)),
}  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[[list[Json], list[Row]], str]:
    """Make a recording of objects and rows, as anybody can; return its path."""

    def made(objects: list[Json], rows: list[Row]) -> str:
        (tmp_path / "objects").mkdir()
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        (tmp_path / "objects" / "all.json").write_text(json.dumps(listed))
        with (tmp_path / "usage.csv").open("w", newline="") as file:
            csv.writer(file).writerows([HEAD, *rows])
        out = tmp_path / "odd.upid"
        create(
            tmp_path / "objects", tmp_path / "usage.csv",
            out=out, name="odd", created=START, writer="a test",
        )  # fmt: skip
        return str(out)

    return made


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CLUSTERS)
def test_an_odd_cluster_gets_an_answer_whose_parts_add_up(
    name: str, recorded: Callable[[list[Json], list[Row]], str]
) -> None:
    """COST-2, COL-9: nothing that a recording can hold is a bug of ours."""
    with Api.of_recordings([recorded(*CLUSTERS[name])]) as api:
        found = api.analyze_cluster(options={"time_range": "30d", "limit": 50})
        page = api.every_recommendation(
            found.cluster_id, {"time_range": "30d", "confidence_threshold": 0}
        )
    closes(found)
    assert page.total == len(page.items)


def closes(found: ClusterAnalysis) -> None:
    """Every rate, and every breakdown, is the sum of its parts; no part is less than nothing."""
    money = found.money
    for rate in (money.window, money.hourly, money.daily, money.monthly):
        parts = [getattr(rate, name) for name in Parts.__struct_fields__ if name != "total"]
        assert min(parts) >= 0
        assert sum(parts) == pytest.approx(rate.total, abs=1e-5)
    lists: tuple[list[Line], ...] = (
        found.cost_breakdown.namespaces,
        found.cost_breakdown.kinds,
        found.cost_breakdown.pools,
    )
    for lines in lists:
        assert sum(line.total for line in lines) == pytest.approx(money.monthly.total, abs=1e-4)
