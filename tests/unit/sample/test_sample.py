"""The sample recording that ships: its shape, its secrets, and that it can be built again."""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fixtures.sample.build import build, objects, pods
from tests.fixtures.sample.calendar import END, START, STEPS
from tests.fixtures.sample.company import COMPANY
from tests.fixtures.sample.labels import truth
from tests.fixtures.sample.placement import asked
from tests.fixtures.sample.words import Work, web
from tests.quality.sample_labels import LABELS, agreement
from tests.quality.sample_labels import truth as truth_of
from upid.adapters.recordings import Recording, open_recording
from upid.contexts.clusters.logic.inventory import read_inventory
from upid.core.metrics import CPU, ERRORS, METRICS, OOM_KILLS, REQUESTS, THROTTLED, Entity
from upid.core.panel import sums
from upid.core.ports.cluster_source import Catalogue
from upid.core.snapshot import Snapshot

SAMPLE = Path(str(files("upid") / "sample.upid"))
LARGEST = 8_000_000  # bytes
Labels = dict[str, dict[str, Any]]
NOISE = ("kube-probe/", "Prometheus/", "ELB-HealthChecker/", "Blackbox Exporter/")
PART = tuple(work for work in COMPANY if work.namespace in ("payments", "tools"))
BUILD_PART = """
import sys
from pathlib import Path
from typing import Any
from tests.fixtures.sample.build import build
from tests.fixtures.sample.company import COMPANY
build(Path(sys.argv[1]), [work for work in COMPANY if work.namespace in ("payments", "tools")])
"""


@pytest.fixture(scope="module")
def recording() -> Recording:
    return open_recording(SAMPLE)


@pytest.fixture(scope="module")
def inventory(recording: Recording) -> Snapshot:
    return read_inventory(recording.objects(), recording.facts().window)


@pytest.fixture(scope="module")
def labels() -> Labels:
    found: Labels = json.loads(truth())
    return found


def business(catalogue: Catalogue) -> NDArray[np.bool_]:
    agents = catalogue.labels["agent"]
    return np.array([not str(agent).startswith(NOISE) for agent in agents])


def words(body: object) -> Iterator[str]:
    if isinstance(body, dict):
        for key, value in body.items():
            yield key
            yield from words(value)
    elif isinstance(body, list):
        for value in body:
            yield from words(value)
    elif isinstance(body, str):
        yield body


def workload_of(inventory: Snapshot) -> dict[str, str]:
    return {pod.uid: str(pod.workload) for pod in inventory.pods}


def test_the_sample_is_small_and_covers_three_weeks_from_a_monday(recording: Recording) -> None:
    """COL-9."""
    facts = recording.facts()
    assert SAMPLE.stat().st_size < LARGEST
    assert (facts.window.start, facts.window.end) == (START, END)
    assert facts.window.start.weekday() == 0
    assert (facts.window.end - facts.window.start).days == 21
    assert facts.cadence.total_seconds() == 300
    assert facts.metrics == frozenset(METRICS)


def test_the_sample_is_a_whole_cluster_without_anything_unreadable(inventory: Snapshot) -> None:
    """CLU-3."""
    living = [node for node in inventory.nodes if node.ended is None]
    assert inventory.provider == "EKS"
    assert 10 <= len(living) <= 16
    assert len({node.pool for node in living}) == 3
    assert {node.capacity_type for node in living} == {"on-demand", "spot"}
    assert all(node.region == "us-east-1" and node.gpus == 0 for node in inventory.nodes)
    assert 60 <= len(inventory.workloads) <= 90
    assert 200 <= len(inventory.pods) <= 300
    assert inventory.skipped == ()


def test_what_pods_ask_for_fits_their_nodes_at_every_instant() -> None:
    lives, offered = pods()
    room = {machine.name: machine.allocatable for machine in offered}
    changes: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    for life in lives:
        begin, end = life.span
        cpu, memory = asked(life)
        changes[life.node] += [(begin, 1, cpu, memory), (end, 0, -cpu, -memory)]
    for node, events in changes.items():
        cpu = memory = 0
        for _, _, more_cpu, more_memory in sorted(events):
            cpu, memory = cpu + more_cpu, memory + more_memory
            assert cpu <= room[node][0]
            assert memory <= room[node][1]


def test_every_pod_leads_to_its_workload_and_every_workload_has_a_label(
    inventory: Snapshot, labels: Labels
) -> None:
    known = {str(workload.key) for workload in inventory.workloads}
    assert known == set(labels)
    assert {str(pod.workload) for pod in inventory.pods} <= known


def test_no_truth_is_in_the_recording(recording: Recording, labels: Labels) -> None:
    facts = {fact for label in labels.values() for fact in label["facts"]}
    secrets = {"idle", "blocked", "busy", "verdict", "facts", "tale", *facts}
    harmless = {"hpa", "batch", "spot", "helm", "job", "java", "demo", "daily", "preview"}

    for version in recording.objects():
        found = set(words(json.loads(version.body)))
        assert not found & (secrets - harmless), version.name


def test_idle_workloads_have_no_business_request_in_the_last_two_weeks(
    recording: Recording, inventory: Snapshot, labels: Labels
) -> None:
    """IDL-2: only probes, checkers and scrapes reach them."""
    catalogue = recording.catalogue(Entity.REQUEST)
    late = (STEPS * 2) // 3
    matrix = recording.panel(REQUESTS).matrix()
    asks = business(catalogue)
    owner = workload_of(inventory)
    for row in range(len(matrix)):
        if asks[row] and labels[owner[catalogue.labels["pod_uid"][row]]]["verdict"] == "idle":
            assert np.nansum(matrix[row, -late:]) == 0


def test_enough_workloads_are_idle_for_recall_to_mean_something(labels: Labels) -> None:
    verdicts = Counter(label["verdict"] for label in labels.values())
    assert verdicts["idle"] >= 10
    assert verdicts["blocked"] >= 1


def test_the_essential_service_answers_twenty_requests_a_day_among_thousands(
    recording: Recording,
) -> None:
    """IDL-2."""
    catalogue = recording.catalogue(Entity.REQUEST)
    mine = np.array([str(pod).startswith("settlement-api-") for pod in catalogue.labels["pod"]])
    panel = recording.panel(REQUESTS)
    counts = sums(panel.values, panel.offsets)
    asks = business(catalogue)
    assert 15 * 21 <= counts[mine & asks].sum() <= 25 * 21
    assert counts[mine & ~asks].sum() > 2000 * 21


def test_the_quiet_service_used_to_call_what_is_down_now(
    recording: Recording, inventory: Snapshot
) -> None:
    """IDL-5."""
    catalogue = recording.catalogue(Entity.REQUEST)
    panel = recording.panel(REQUESTS)
    from_it = catalogue.labels["source"] == "fulfilment/Deployment/shipping-quotes"
    assert {str(pod).rsplit("-", 2)[0] for pod in catalogue.labels["pod"][from_it]} == {
        "carrier-gateway"
    }
    assert sums(panel.values, panel.offsets)[from_it].sum() > 1000
    down = [w for w in inventory.workloads if w.key.name == "carrier-gateway"]
    assert [(w.replicas, w.ready) for w in down] == [(2, 0)]
    waiting = [pod.waiting for pod in inventory.pods if pod.workload == down[0].key]
    assert waiting == [("CrashLoopBackOff",)] * 2


def test_leaks_throttling_and_errors_are_measured(recording: Recording) -> None:
    """COL-2."""
    for metric, least in ((OOM_KILLS, 8), (THROTTLED, 100), (ERRORS, 10)):
        assert recording.panel(metric).values.sum() >= least


def test_two_builds_of_a_part_are_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    build(tmp_path / "one.upid", PART)
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(
        [sys.executable, "-c", BUILD_PART, str(tmp_path / "two.upid")],
        check=True, env=environment, cwd=Path(__file__).resolve().parents[3],
    )  # fmt: skip
    assert (tmp_path / "one.upid").read_bytes() == (tmp_path / "two.upid").read_bytes()


@pytest.mark.slow
def test_the_shipped_sample_is_what_the_builder_builds(
    recording: Recording, tmp_path: Path
) -> None:
    build(tmp_path / "again.upid")
    again = open_recording(tmp_path / "again.upid")
    lives, offered = pods()
    assert len(list(objects(COMPANY, lives, offered))) == len(list(recording.objects()))
    assert list(again.objects()) == list(recording.objects())
    for metric in METRICS.values():
        ours, theirs = again.panel(metric), recording.panel(metric)
        assert np.array_equal(ours.offsets, theirs.offsets)
        assert np.array_equal(ours.values, theirs.values)
    assert len(recording.panel(CPU)) > 200


@pytest.mark.parametrize(("cpu", "memory"), [(16000, 64), (100, 62 * 1024)])
def test_a_pod_that_fits_no_node_is_refused(cpu: int, memory: int) -> None:
    huge = Work("x", "huge", (web("huge", cpu, memory, 5, 64),), team="x")
    with pytest.raises(RuntimeError, match="no room for x/Deployment/huge"):
        pods((huge,))


def test_pods_that_do_not_fit_together_are_kept_apart() -> None:
    wide = Work("x", "wide", (web("wide", 9000, 64, 5, 64),), replicas=6, team="x")
    lives, _ = pods((wide,))
    assert len({life.node for life in lives}) == 6
    with pytest.raises(RuntimeError, match="no room"):
        pods((replace(wide, replicas=7),))


def test_agreement_counts_what_is_wrong_and_what_is_missed(labels: Labels) -> None:
    known = truth_of()
    assert agreement(known).precision == agreement(known).recall == 1.0
    idle = sorted(key for key, verdict in known.items() if verdict == "idle")
    told = {**known, idle[0]: "busy", "storefront/Deployment/web": "idle"}
    found = agreement(told)
    assert found.missed == (idle[0],)
    assert found.wrong == ("storefront/Deployment/web",)
    assert found.recall == (len(idle) - 1) / len(idle)
    assert "internal/Deployment/license-server" in labels
    assert "internal/Deployment/license-server" not in known


def test_the_labels_beside_the_quality_table_are_the_builders() -> None:
    assert LABELS.read_text() == truth()
