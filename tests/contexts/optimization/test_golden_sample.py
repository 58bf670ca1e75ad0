"""The advice on the sample: as reviewed, whole, and much the same from two weeks as from three."""

from datetime import timedelta

import pytest

from tests.contexts.optimization import golden
from upid.contexts.optimization import Advice, AdviceType, Code, Recommendation, Saving
from upid.core.explain import Unknown
from upid.core.rightsizing import Ask
from upid.core.window import Window


@pytest.fixture(scope="module")
def advice() -> Advice:
    return golden.advice()


def test_the_advice_is_what_was_reviewed(advice: Advice) -> None:
    """OPT-4: every recommendation with reason, risk, confidence and saving.

    After a change that is meant: `python -m tests.contexts.optimization.golden`, then review.
    """
    assert golden.report(advice) == golden.WRITTEN.read_text(encoding="utf-8")


def test_every_workload_is_answered_once(advice: Advice) -> None:
    """OPT-5: advised or left alone, never both, never twice."""
    advised = [r.target[:3] for r in advice.recommendations]
    spared = [x.target[:3] for x in advice.left_alone]
    assert len(set(advised)) == len(advised)
    assert len(set(spared)) == len(spared)
    assert not set(advised) & set(spared)


def test_the_sure_part_is_of_what_is_saved(advice: Advice) -> None:
    """OPT-5: confidence above 90, and nothing of what costs more."""
    sure = [r.saving for r in advice.recommendations if r.confidence > 90]
    assert advice.totals.high_confidence == sum((s for s in sure if s.month > 0), Saving())
    assert any(s.month < 0 for s in sure)


def test_what_is_wasted_has_a_way_out_or_a_reason(advice: Advice) -> None:
    """COST-2: over-request is what advice takes away, or would but for what is said."""
    advised = {r.target[:3] for r in advice.recommendations}
    hindered = {x.target[:3]: x.code for x in advice.left_alone}
    for row in advice.headroom:
        if row.over > 0 and row.target[:3] not in advised:
            assert hindered[row.target[:3]] not in (Code.FITS, Code.TOO_LITTLE_DATA)
    for key, code in hindered.items():
        if code is Code.FITS:
            assert sum(row.over for row in advice.headroom if row.target[:3] == key) == 0


def test_nothing_would_have_been_killed_or_held_back_by_less(advice: Advice) -> None:
    """SAF-3: no smaller memory request or limit lies below any sample of three weeks."""
    for one in advice.recommendations:
        for change in one.changes:
            assert change.replay.memory_over_limit == 0
            if (change.proposed.memory_request or 0) < (change.current.memory_request or 0):
                assert change.replay.memory_over_request == 0
            assert isinstance(change.usage.oom_kills, int)  # a source that counts them says none
            if change.current.cpu_limit is None:
                assert isinstance(change.usage.throttled, Unknown)


def far(first: Ask, second: Ask) -> bool:
    """Tell whether one request is a third above the other, or more."""
    pairs = (
        (first.cpu_request, second.cpu_request),
        (first.memory_request, second.memory_request),
    )
    return any(x and y and max(x, y) > 4 / 3 * min(x, y) for x, y in pairs)


@pytest.mark.parametrize("late", [False, True])
def test_two_weeks_give_the_advice_of_three(advice: Advice, late: bool) -> None:
    """OPT-1: what differs has moved to another level, or runs too rarely to be seen."""
    whole = advice.window
    two = timedelta(days=14)
    part = Window(whole.end - two, whole.end) if late else Window(whole.start, whole.start + two)
    shorter = golden.advice(part)
    before = {r.target[:3]: r for r in shorter.recommendations}
    after = {r.target[:3]: r for r in advice.recommendations}
    flipped = {k for k in set(before) ^ set(after) if k[1] != "CronJob"}
    assert not flipped
    for key in sorted(set(before) & set(after)):
        assert before[key].type is after[key].type
        if differs(before[key], after[key]):
            assert key[1] == "CronJob" or "level_shift" in after[key].confidence_parts


def differs(first: Recommendation, second: Recommendation) -> bool:
    """Tell whether an amount above what rounding and minimums decide differs by a third."""
    if first.type is not AdviceType.RIGHTSIZING:
        return False
    of = {change.name: change.proposed for change in second.changes}
    return any(
        far(change.proposed, of[change.name]) and (of[change.name].cpu_request or 0.0) > 0.02
        for change in first.changes
        if change.name in of
    )
