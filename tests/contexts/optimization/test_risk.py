"""Risk = likelihood × impact: the matrix, the points, and that worse evidence never lowers it."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contexts.optimization.world import MIB, World
from upid.contexts.optimization import AdviceType, Recommendation, Risk
from upid.contexts.optimization.logic.risk import (
    MATRIX,
    Evidence,
    asleep,
    judged,
    likelihood,
    orphaned,
)
from upid.core.metrics import OOM_KILLS, RESTARTS

SHARE = st.floats(0.0, 1.0)
LEVEL = st.integers(0, 3)
ORDER = list(Risk)
SEEN = st.builds(
    Evidence,
    cut=st.floats(0.01, 1.0),
    days=st.floats(1.0, 60.0),
    runs=st.none(),
    coverage=SHARE,
    confidence=st.floats(1.0, 99.0),
    over_request=SHARE,
    throttled=SHARE,
    memory_over=SHARE,
    memory_growth=st.floats(1.0, 5.0),
    restarts=st.floats(0.0, 50.0),
    oom_kills=st.floats(0.0, 50.0),
    shifted=st.booleans(),
    leaking=st.booleans(),
)
HELPS = {"days", "coverage", "confidence"}  # more of these is better evidence
HURTS = {f.name for f in fields(Evidence)} - HELPS - {"cut", "runs", "less_cpu", "less_memory"}


def worse(name: str, first: float, second: float) -> float:
    return min(first, second) if name in HELPS else max(first, second)


@given(SEEN, SEEN, st.sets(st.sampled_from(sorted(HELPS | HURTS))), LEVEL, LEVEL)
def test_worse_evidence_never_lowers_the_risk(
    seen: Evidence, other: Evidence, names: set[str], impact: int, more: int
) -> None:
    """SAF-3: each fact alone, any of them together, and a higher impact."""
    changed: dict[str, Any] = {
        n: worse(n, getattr(seen, n), getattr(other, n)) for n in sorted(names)
    }
    poorer = replace(seen, **changed)
    before = judged((impact, ""), likelihood(seen)).risk
    after = judged((max(impact, more), ""), likelihood(poorer)).risk
    assert ORDER.index(after) >= ORDER.index(before)


@given(st.integers(1, 50), st.integers(0, 49))
def test_fewer_runs_never_lower_the_risk(runs: int, fewer: int) -> None:
    seen = Evidence(cut=0.5, days=20.0, runs=runs, coverage=0.01, confidence=90.0)
    assert likelihood(replace(seen, runs=max(0, runs - fewer)))[0] >= likelihood(seen)[0]


@given(st.floats(0, 60), st.floats(0, 99), st.floats(0, 60), st.floats(0, 99))
def test_what_sleeps_on_poorer_evidence_is_never_less_likely_to_be_missed(
    days: float, sure: float, fewer: float, less: float
) -> None:
    assert asleep(min(days, fewer), min(sure, less))[0] >= asleep(days, sure)[0]
    for destroys in (True, False):
        few = ORDER.index(orphaned(min(days, fewer), destroys=destroys).risk)
        assert few >= ORDER.index(orphaned(days, destroys=destroys).risk)


def test_the_matrix_rises_with_both() -> None:
    for row in MATRIX:
        assert [ORDER.index(r) for r in row] == sorted(ORDER.index(r) for r in row)
    for column in zip(*MATRIX, strict=True):
        assert [ORDER.index(r) for r in column] == sorted(ORDER.index(r) for r in column)


def rightsized(
    days: float = 21,
    *,
    kind: str = "Deployment",
    **more: Any,  # noqa: ANN401 - what a world's workload takes
) -> Recommendation:
    """Return the advice on a workload that uses 180m of 2 CPU and 410Mi of 4Gi."""
    world = World(days=days)
    world.workload(kind=kind, **{"cpu": (0.18, 0.18), "memory": (410.0 * MIB,) * 2, **more})
    (found,) = (r for r in world.advice().recommendations if r.type is AdviceType.RIGHTSIZING)
    return found


def critical() -> dict[str, Any]:
    return {"metadata": {"labels": {"app.kubernetes.io/component": "critical"}}}


def test_a_large_cut_that_three_weeks_show_harmless_is_low_on_two_replicas() -> None:
    """SAF-3: 91 % less CPU, never missed in the past, is a safe first step."""
    found = rightsized()
    assert found.risk is Risk.LOW
    impact, odds = found.risk_parts
    assert impact == "impact minor (criticality normal: nothing marks it as more or less)"
    assert odds == (
        "likelihood rare (takes away up to 90%; 21 days of history; replayed: CPU above it in "
        "0.0% of the worst week, memory never above it)"
    )


@pytest.mark.parametrize(
    ("kind", "replicas", "more", "risk"),
    [
        ("Deployment", 1, {}, Risk.LOW),
        ("StatefulSet", 2, {}, Risk.LOW),
        ("StatefulSet", 1, {}, Risk.MEDIUM),
        ("Deployment", 2, critical(), Risk.MEDIUM),
        ("Deployment", 1, critical(), Risk.HIGH),
        ("DaemonSet", 2, critical(), Risk.HIGH),
        ("Deployment", 1, {"labels": {"env": "preview"}}, Risk.LOW),
    ],
)
def test_the_same_cut_is_riskier_where_a_restart_is_felt(
    kind: str, replicas: int, more: dict[str, Any], risk: Risk
) -> None:
    """SAF-1, SAF-3: by criticality, state, replicas and reach."""
    cpu, memory = (0.18,) * replicas, (410.0 * MIB,) * replicas
    assert rightsized(kind=kind, cpu=cpu, memory=memory, **more).risk is risk


@pytest.mark.parametrize(("days", "risk"), [(21, Risk.LOW), (9, Risk.LOW), (3, Risk.MEDIUM)])
def test_a_short_history_raises_the_risk(days: float, risk: Risk) -> None:
    """SAF-3: three days show no weekend and leave doubt about everything else."""
    assert rightsized(days).risk is risk


def test_restarts_and_kills_raise_the_risk_of_taking_cpu_away() -> None:
    """SAF-3: what is killed and restarted is not calm enough for a large cut."""
    often = dict.fromkeys(range(100, 6000, 200), 1)
    found = rightsized(memory=(410.0 * MIB,) * 2, events={RESTARTS: often, OOM_KILLS: {500: 1}})
    assert found.risk is Risk.MEDIUM
    assert "restarts a pod and week +1; " in found.risk_parts[1]
    assert "OOM kills +1" in found.risk_parts[1]


def test_what_only_gives_is_never_more_than_medium() -> None:
    """SAF-3: its risk is that of the rollout."""
    small = {"requests": {"cpu": "100m", "memory": "480Mi"}}
    found = rightsized(3, resources=small, cpu=(0.5,), memory=(410.0 * MIB,), **critical())
    assert found.risk is Risk.MEDIUM
    assert "it takes nothing away" in found.risk_parts[1]


def test_a_preview_that_only_probes_reach_may_sleep_at_low_risk() -> None:
    """SAF-3: three weeks without a request in an environment marked as preview."""
    world = World(days=21, busy=False)
    world.add("Service", "web", spec={"selector": {"app": "web"}})
    world.workload(cpu=(0.002,), labels={"env": "preview"})
    (found,) = world.advice().recommendations
    assert found.type is AdviceType.IDLE
    assert found.risk is Risk.LOW
    assert found.risk_parts[0].startswith(
        "impact moderate (criticality low: environment preview; all"
    )


def test_deleting_a_volume_is_high_and_an_address_medium() -> None:
    """SAF-3: what is destroyed does not come back, however long nobody missed it."""
    assert orphaned(21.0, destroys=True).risk is Risk.HIGH
    assert orphaned(5.0, destroys=True).risk is Risk.CRITICAL
    assert orphaned(21.0, destroys=False).risk is Risk.MEDIUM


def test_what_nothing_marks_as_a_preview_sleeps_at_medium_risk() -> None:
    """SAF-3: all of it stops, and three weeks do not show who asks once a quarter."""
    world = World(days=21, busy=False)
    world.add("Service", "web", spec={"selector": {"app": "web"}})
    world.workload(cpu=(0.002,))
    (found,) = world.advice().recommendations
    assert found.type is AdviceType.IDLE
    assert found.risk is Risk.MEDIUM
