"""A live cluster as a source: one short window that ends with the last reading."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upid.adapters.kubernetes.live import Held, LiveSource
from upid.adapters.kubernetes.live.source import CADENCE
from upid.core.metrics import CPU, MEMORY, NODE_CPU, REQUESTS, Entity
from upid.core.ports.cluster_connection import ContainerReading, NodeReading, Usage
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.window import Window

AT = datetime(2026, 11, 2, 12, 0, 30, tzinfo=UTC)


def _held(*pods: str, left_out: tuple[str, ...] = ()) -> Held:
    objects = tuple(
        ObjectVersion("Pod", "shop", name, f"uid-{name}", AT - timedelta(days=1), None, b"{}")
        for name in pods
    )
    return Held("0123456789abcdef" * 4, "v1.36.3", objects, left_out)


def _usage(at: datetime, cores: float, *pods: str) -> Usage:
    used = tuple(ContainerReading("shop", name, "app", cores, cores * 1e9) for name in pods)
    return Usage(at, used, (NodeReading("node-1", 2 * cores, 4e9),))


def test_one_reading_is_one_step_that_ends_with_it() -> None:
    source = LiveSource(_held("web"), "prod", [_usage(AT, 0.25, "web")], AT)
    facts = source.facts()
    assert facts.window == Window(AT - CADENCE, AT)
    assert facts.id == "cl_0123456789abcdef"
    assert facts.sources == ("metrics-server",)
    assert source.panel(CPU).values.tolist() == [0.25]
    assert source.panel(NODE_CPU).values.tolist() == [0.5]


def test_without_usage_there_are_objects_and_no_metric() -> None:
    """Unknown usage is not zero usage."""
    source = LiveSource(_held("web", left_out=("usage is unknown",)), "prod", [], AT)
    assert source.facts().metrics == frozenset()
    assert source.facts().notes == ("usage is unknown",)
    assert len(source.catalogue(Entity.CONTAINER)) == 0
    assert source.panel(CPU).values.size == 0
    assert [one.name for one in source.objects(["Pod"])] == ["web"]
    assert list(source.objects(["Node"])) == []


def test_a_pod_that_came_after_the_list_was_read_is_not_measured() -> None:
    """Its uid is not known, and a sample under a name may be another pod's."""
    source = LiveSource(_held("web"), "prod", [_usage(AT, 0.1, "web", "newcomer")], AT)
    assert source.catalogue(Entity.CONTAINER).labels["pod"].tolist() == ["web"]


def test_series_carry_the_uid_of_their_pod() -> None:
    source = LiveSource(_held("a", "b"), "prod", [_usage(AT, 0.1, "b", "a")], AT)
    labels = source.catalogue(Entity.CONTAINER).labels
    assert labels["pod_uid"].tolist() == ["uid-a", "uid-b"]
    assert labels["container"].tolist() == ["app", "app"]


def test_two_readings_of_one_minute_leave_the_last_cpu_and_the_highest_memory() -> None:
    early = _usage(AT - timedelta(seconds=20), 0.9, "web")
    source = LiveSource(_held("web"), "prod", [early, _usage(AT, 0.2, "web")], AT)
    assert source.panel(CPU).values.tolist()[-1] == 0.2
    assert source.panel(MEMORY).values.tolist()[-1] == 0.9e9


def test_each_minute_has_the_reading_that_was_made_in_it() -> None:
    usages = [
        _usage(AT + minutes * CADENCE, cores, "web")
        for minutes, cores in ((0, 0.1), (1, 0.2), (3, 0.4))
    ]
    panel = LiveSource(_held("web"), "prod", usages, AT).panel(CPU)
    assert panel.values.tolist() == [0.1, 0.2, 0.4]
    assert panel.steps is not None
    assert panel.steps.tolist() == [0, 1, 3]  # the third minute has none


@given(seconds=st.lists(st.integers(0, 3600), min_size=1, max_size=20))
def test_every_reading_lies_in_the_window_and_in_one_step(seconds: list[int]) -> None:
    usages = [_usage(AT + timedelta(seconds=s), 0.1, "web") for s in sorted(seconds)]
    source = LiveSource(_held("web"), "prod", usages, AT)
    facts, panel = source.facts(), source.panel(CPU)
    assert facts.window.end == usages[-1].at
    assert facts.window.start <= usages[0].at
    assert panel.span * CADENCE == facts.window.end - facts.window.start
    assert 1 <= panel.values.size <= len(seconds)
    assert not np.isnan(panel.values).any()


def test_what_was_not_measured_or_lies_beside_the_reading_has_no_sample() -> None:
    source = LiveSource(_held("web"), "prod", [_usage(AT, 0.1, "web")], AT)
    before = Window(AT - timedelta(hours=2), AT - timedelta(hours=1))
    assert source.panel(CPU, before).values.size == 0
    assert source.panel(REQUESTS).values.size == 0


def test_a_cluster_does_not_know_what_it_costs() -> None:
    assert LiveSource(_held(), "prod", [], AT).prices() is None
