"""Advice on small clusters, through the real services."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta

import numpy as np
import pytest

from tests.contexts.optimization.world import MIB, World
from tests.fixtures.memory_source import START
from upid.contexts.optimization import (
    Advice,
    AdviceType,
    Code,
    Priority,
    Recommendation,
    Risk,
    Saving,
)
from upid.core.explain import Unknown
from upid.core.metrics import CPU, MEMORY, OOM_KILLS, RESTARTS, Metric
from upid.core.rightsizing import Ask

DAY = 288  # steps


def only(advice: Advice) -> Recommendation:
    found = [r for r in advice.recommendations if r.type is AdviceType.RIGHTSIZING]
    assert len(found) == 1
    return found[0]


def left(advice: Advice) -> dict[str, tuple[Code, str]]:
    names = [x.target.name for x in advice.left_alone]
    assert len(names) == len(set(names))
    return {x.target.name: (x.code, x.reason) for x in advice.left_alone}


def proposed(advice: Advice) -> Ask:
    return only(advice).changes[0].proposed


def test_an_oversized_workload_is_told_what_it_uses_and_what_to_ask_for() -> None:
    """OPT-4: the sentence, the amounts, the saving and the patch of the simplest case."""
    world = World()
    world.workload(cpu=(0.18, 0.15), memory=(410.0 * MIB, 300.0 * MIB))
    found = only(world.advice())
    assert found.reason == "uses 180m of 2 CPU at P95 and at most 410Mi of 4Gi"
    assert found.changes[0].proposed == Ask(0.21, None, 480 * MIB, None)
    assert found.saving.month > 0
    assert found.expires == START + timedelta(days=14)
    assert found.id.startswith("rec_")
    assert found.priority in (Priority.HIGH, Priority.MEDIUM)
    assert found.patch is not None
    assert '-            cpu: "2"\n' in found.patch.diff
    assert "+            cpu: 210m\n" in found.patch.diff


def test_a_saving_is_the_difference_of_two_allocations() -> None:
    """OPT-4: allocated now less allocated as advised, over all pods, to the micro."""
    before, after = World(), World()
    before.workload(cpu=(0.18, 0.15), memory=(410.0 * MIB, 300.0 * MIB))
    wanted = {"requests": {"cpu": "210m", "memory": "480Mi"}}
    after.workload(resources=wanted, cpu=(0.18, 0.15), memory=(410.0 * MIB, 300.0 * MIB))
    difference = int(before.allocation().allocated.sum() - after.allocation().allocated.sum())
    saving = only(before.advice()).saving
    assert saving.hour == pytest.approx(difference / 168, abs=1)
    assert saving.month == pytest.approx(difference / 168 * 720, abs=10)


def test_advice_taken_is_not_given_again() -> None:
    world = World()
    wanted = {"requests": {"cpu": "210m", "memory": "480Mi"}}
    world.workload(resources=wanted, memory=(410.0 * MIB,))
    assert left(world.advice())["web"][0] is Code.FITS


def test_each_saving_is_counted_once_and_the_parts_add_up() -> None:
    """OPT-5: no workload twice, totals are sums, every charge splits exactly."""
    world = World()
    for i in range(4):
        world.workload(f"web{i}", cpu=(0.1 * (i + 1),))
    advice = world.advice()
    targets = [r.target[:3] for r in advice.recommendations]
    assert len(targets) == len(set(targets)) == 4
    assert advice.totals.saving == sum((r.saving for r in advice.recommendations), Saving())
    assert sum(advice.totals.by_type.values(), Saving()) == advice.totals.saving
    charged = int(world.allocation().allocated.sum())
    assert sum(h.charged for h in advice.headroom) == charged
    for h in advice.headroom:
        assert h.used + h.headroom + h.over + h.unknown == h.charged
        assert min(h.used, h.headroom, h.over, h.unknown) >= 0
    months = [r.saving.month for r in advice.recommendations]
    assert months == sorted(months, reverse=True)


@pytest.mark.parametrize("seed", range(5))
def test_no_advice_would_have_killed_anything_in_the_recorded_past(seed: int) -> None:
    """OPT-4: replayed on the past, no proposed limit is below any memory sample."""
    rng = np.random.default_rng(seed)
    world = World()
    for i in range(6):
        usage = rng.gamma(2, 60 * MIB, world.span)
        limits = {"memory": "4Gi", **({"cpu": "4"} if i % 2 else {})}
        asked = {"requests": {"cpu": "2", "memory": f"{1 + i % 4}Gi"}, "limits": limits}
        cpu = rng.gamma(2, 0.05, world.span)
        world.workload(f"web{i}", resources=asked, cpu=(cpu,), memory=(usage,))
    changes = [c for r in world.advice().recommendations for c in r.changes]
    assert len(changes) == 6
    for change in changes:
        assert change.replay.memory_over_limit == 0
        assert change.replay.memory_over_request == 0
        assert not isinstance(change.replay.cpu_over_request, Unknown)
        assert change.replay.cpu_over_request <= 0.05


def test_an_idle_workload_is_put_to_sleep_and_not_rightsized_as_well() -> None:
    """OPT-5: everything it is charged is saved, once."""
    world = World(days=21, busy=False)
    world.add("Service", "web", spec={"selector": {"app": "web"}})
    world.workload(cpu=(0.002,))
    advice = world.advice()
    (found,) = advice.recommendations
    assert found.type is AdviceType.IDLE
    charged = int(world.allocation().allocated.sum())
    assert found.saving == Saving.over(charged, 21 * 24)
    assert found.patch is not None
    assert found.patch.manifest is not None
    assert found.patch.manifest["spec"] == {"replicas": 0}
    assert advice.headroom[0].headroom == advice.headroom[0].unknown == 0


def test_the_neediest_pod_decides_not_the_crowd() -> None:
    """OPT-1: a leader among 29 followers, less than 5 % of the samples, keeps what it needs."""
    world = World()
    world.workload(cpu=(0.9, *[0.01] * 29), memory=(200.0 * MIB,) * 30)
    assert proposed(world.advice()).cpu_request == 1.05


def test_a_level_shift_makes_the_recent_days_decide() -> None:
    """OPT-1: ten times less for four days: the days before no longer count for CPU."""
    world = World(days=14)
    cpu = np.full(world.span, 1.0)
    cpu[10 * DAY :] = 0.1
    world.workload(cpu=(cpu,))
    found = only(world.advice())
    assert found.changes[0].proposed.cpu_request == 0.12
    assert "10.0 times lower since 2026-03-12" in found.notes[0]
    assert "level_shift" in found.confidence_parts


def test_a_start_up_spike_is_left_out_of_the_request_but_not_of_the_limit() -> None:
    """OPT-1: restarts every two hours, each with a spike to 1.9 cores in its first step."""
    world = World()
    cpu = np.full(world.span, 0.1)
    restarts = dict.fromkeys(range(12, world.span, 12), 1)  # 8 % of samples are spikes
    cpu[list(restarts)] = 1.9
    asked = {"requests": {"cpu": "2", "memory": "500Mi"}, "limits": {"cpu": "4"}}
    world.workload(cpu=(cpu,), resources=asked, events={RESTARTS: restarts})
    spiky = World()
    spiky.workload(cpu=(cpu,), resources=asked)
    change = only(world.advice()).changes[0]
    assert change.proposed.cpu_request is not None
    assert change.proposed.cpu_limit is not None
    assert change.proposed.cpu_request < 0.5
    assert change.proposed.cpu_limit >= 1.9
    assert spiky.advice().recommendations == ()  # the same spikes without restarts are its work


def test_a_leak_is_left_alone_and_said() -> None:
    """OPT-1: memory that grows to an OOM kill each day is not made smaller."""
    world = World()
    memory = np.tile(np.linspace(100, 500, DAY), 7) * MIB
    kills = dict.fromkeys(range(DAY, 7 * DAY, DAY), 1)
    asked = {"requests": {"cpu": "210m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    world.workload(resources=asked, memory=(memory,), events={OOM_KILLS: kills, RESTARTS: kills})
    code, reason = left(world.advice())["web"]
    assert code is Code.LEAK
    assert "leak" in reason


def test_an_oom_kill_at_the_limit_raises_it_to_twelve_tenths() -> None:
    world = World()
    asked = {"requests": {"cpu": "210m", "memory": "500Mi"}, "limits": {"memory": "500Mi"}}
    world.workload(resources=asked, events={OOM_KILLS: {900: 1}})
    ask = proposed(world.advice())
    assert ask.memory_request == ask.memory_limit == 608 * MIB
    assert "OOM-killed once" in only(world.advice()).reason


def test_an_hpa_on_cpu_keeps_the_request_and_memory_is_still_sized() -> None:
    """OPT-1: where an HPA owns replicas, its set point is not moved."""
    world = World()
    world.workload()
    target = {"type": "Utilization", "averageUtilization": 70}
    world.add(
        "HorizontalPodAutoscaler",
        "web",
        spec={
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    )
    found = only(world.advice())
    assert found.changes[0].proposed == Ask(2.0, None, 480 * MIB, None)
    assert "the HPA 'web' scales at 70% of the CPU request, so it stays" in found.notes[0]


@pytest.mark.parametrize(("mode", "advised"), [("Auto", False), ("Off", True)])
def test_a_vpa_that_acts_is_left_to_act(mode: str, advised: bool) -> None:
    world = World()
    world.workload()
    reference = {"kind": "Deployment", "name": "web"}
    policy = {"updateMode": mode}
    spec = {"targetRef": reference, "updatePolicy": policy}
    world.add("VerticalPodAutoscaler", "web", spec=spec)
    advice = world.advice()
    assert bool(advice.recommendations) is advised
    spared = left(advice).get("web")
    assert (spared is not None and spared[0] is Code.VPA) is not advised


@pytest.mark.parametrize(
    "annotations", [{"upid.io/ignore": "true"}, {"upid.io/mode": "off"}, {"upid.io/mode": "Ignore"}]
)
def test_a_workload_may_opt_out_by_annotation(annotations: Mapping[str, str]) -> None:
    """SAF-4."""
    world = World()
    world.workload(metadata={"annotations": annotations})
    advice = world.advice()
    assert advice.recommendations == ()
    assert left(advice)["web"][0] is Code.OPTED_OUT


def test_a_guaranteed_pod_stays_guaranteed_and_its_limit_covers_the_peak() -> None:
    world = World()
    cpu = np.full(world.span, 0.1)
    cpu[::500] = 0.8
    asked = {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}}
    world.workload(resources=asked, cpu=(cpu,))
    ask = proposed(world.advice())
    assert ask.cpu_request == ask.cpu_limit == 0.8
    assert ask.memory_request == ask.memory_limit == 480 * MIB


def test_a_workload_without_requests_is_given_them_and_that_is_said() -> None:
    world = World()
    world.workload(resources={})
    found = only(world.advice())
    assert found.changes[0].proposed == Ask(0.21, None, 480 * MIB, None)
    assert found.saving.month <= 0
    assert "quality of service becomes Burstable (was BestEffort)" in found.notes


@pytest.mark.parametrize(("hours", "advised"), [(20, False), (30, True)])
def test_less_than_a_day_of_samples_is_too_little(hours: int, advised: bool) -> None:
    """OPT-1: left alone with the reason, and its money is unknown, not idle."""
    world = World()
    cpu = np.full(world.span, np.nan)
    cpu[-hours * 12 :] = 0.1
    memory = np.where(np.isnan(cpu), np.nan, 100.0 * MIB)
    created = START + timedelta(days=7) - timedelta(hours=hours)
    world.workload(cpu=(cpu,), memory=(memory,), created=created)
    advice = world.advice()
    assert bool(advice.recommendations) is advised
    if not advised:
        code, reason = left(advice)["web"]
        assert code is Code.TOO_LITTLE_DATA
        assert "20 h of samples, 24 h are needed" in reason
        assert advice.headroom[0].over == advice.headroom[0].headroom == 0
        assert advice.headroom[0].unknown > 0


def test_samples_for_less_than_half_of_the_time_are_too_few() -> None:
    world = World()
    cpu = np.full(world.span, np.nan)
    cpu[::3] = 0.1
    memory = np.where(np.isnan(cpu), np.nan, 100.0 * MIB)
    world.workload(cpu=(cpu,), memory=(memory,))
    assert "cover 33% of its time" in left(world.advice())["web"][1]


@pytest.mark.parametrize(("runs", "advised"), [(2, False), (3, True)])
def test_a_cron_job_needs_three_runs(runs: int, advised: bool) -> None:
    world = World()
    series = []
    for i in range(runs):
        cpu = np.full(world.span, np.nan)
        cpu[i * DAY : i * DAY + 12] = 0.5 + i / 10
        series.append(cpu)
    held = [np.where(np.isnan(c), np.nan, 100.0 * MIB) for c in series]
    world.workload(kind="CronJob", cpu=series, memory=held)
    advice = world.advice()
    if advised:
        assert proposed(advice).cpu_request == 0.85  # the neediest run: 0.7, and 15 %
        patch = only(advice).patch
        assert patch is not None
        assert "jobTemplate" in str(patch.manifest)
    else:
        assert left(advice)["web"][0] is Code.FEW_RUNS


def test_work_of_one_morning_a_week_keeps_its_request() -> None:
    world = World(days=14)
    cpu = np.full(world.span, 0.001)
    for week in (0, 7):
        cpu[week * DAY + 96 : week * DAY + 132] = 1.0
    world.workload(cpu=(cpu,))
    assert (proposed(world.advice()).cpu_request or 0) >= 0.9


def test_a_jvm_is_advised_with_less_confidence_and_a_hint() -> None:
    plain, jvm = World(), World()
    plain.workload()
    jvm.workload(image="registry.example/shop/api:21-jre")
    found = only(jvm.advice())
    assert found.confidence < only(plain.advice()).confidence
    assert any("MaxRAMPercentage" in note for note in found.notes)


def test_an_increase_that_a_quota_has_no_room_for_is_said() -> None:
    world = World()
    world.workload(resources={"requests": {"cpu": "100m", "memory": "480Mi"}}, cpu=(0.5,))
    world.add(
        "ResourceQuota",
        "small",
        status={"hard": {"requests.cpu": "300m"}, "used": {"requests.cpu": "100m"}},
    )
    assert "the quota 'small' has no room for the increase in requests.cpu" in (
        only(world.advice()).notes
    )


def test_what_no_node_could_hold_is_left_alone() -> None:
    world = World()
    world.workload(resources={"requests": {"cpu": "14", "memory": "480Mi"}}, cpu=(14.5,))
    code, reason = left(world.advice())["web"]
    assert code is Code.TOO_LARGE
    assert "largest node allots 15" in reason


def test_risk_follows_criticality_and_exposure() -> None:
    """SAF-1: the same change on a critical single replica and on a preview."""
    labels = {"app.kubernetes.io/component": "critical"}
    critical, preview = World(), World()
    critical.workload(metadata={"labels": labels})
    preview.workload(cpu=(0.18, 0.18), memory=(400.0 * MIB,) * 2, labels={"env": "preview"})
    assert only(critical.advice()).risk is Risk.HIGH
    assert only(preview.advice()).risk is Risk.LOW


def test_who_manages_the_object_decides_effort_and_the_way() -> None:
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    by_hand, helm = World(), World()
    by_hand.workload()
    helm.workload(metadata={"labels": labels})
    assert only(helm.advice()).effort_minutes > only(by_hand.advice()).effort_minutes
    assert "Helm values" in only(helm.advice()).apply_by


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (CPU, "uses at most 410Mi of 4Gi; CPU was not measured"),
        (MEMORY, "uses 180m of 2 CPU at P95; memory was not measured"),
    ],
)
def test_what_was_not_measured_is_unknown_and_never_zero(metric: Metric, said: str) -> None:
    world = World()
    world.workload()
    del world.samples[metric]
    found = only(world.advice())
    assert found.reason == said
    usage = found.changes[0].usage
    for field in fields(usage):
        if field.name.startswith(metric.name):
            assert isinstance(getattr(usage, field.name), Unknown), field.name


def test_an_id_follows_from_the_target_not_from_its_figures() -> None:
    quiet, busy = World(), World()
    quiet.workload("a")
    busy.workload("a", cpu=(0.5,))
    assert only(quiet.advice()).id == only(busy.advice()).id
    assert only(quiet.advice()).saving != only(busy.advice()).saving


def test_the_same_world_gives_the_same_advice_byte_for_byte() -> None:
    """OPT-6."""

    def text() -> str:
        world = World()
        for i in range(3):
            world.workload(f"web{i}", cpu=(np.random.default_rng(i).gamma(2, 0.05, world.span),))
        advice = world.advice()
        return repr((advice, [one.patch and one.patch.diff for one in advice.recommendations]))

    assert text() == text()
