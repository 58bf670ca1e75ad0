"""Windows are half-open, aware and in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.core.window import BadWindow, Window, parse_instant, parse_span, rfc3339

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
instants = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 – Hypothesis wants naive bounds
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda at: at.replace(microsecond=0))
windows = st.builds(
    lambda start, length: Window(start, start + timedelta(seconds=length)),
    instants,
    st.integers(1, 10**8),
)


@pytest.mark.parametrize(
    ("text", "length"),
    [("30m", timedelta(minutes=30)), ("24h", timedelta(days=1)), ("7d", timedelta(days=7))],
)
def test_a_span_ends_now(text: str, length: timedelta) -> None:
    assert Window.parse(text, now=NOW) == Window(NOW - length, NOW)


@given(windows)
def test_a_window_survives_being_written_and_read(window: Window) -> None:
    assert Window.parse(str(window), now=NOW) == window


def test_another_time_zone_is_the_same_instant() -> None:
    assert parse_instant("2026-03-02T02:00:00+02:00") == datetime(2026, 3, 2, tzinfo=UTC)
    berlin = timezone(timedelta(hours=1))
    assert rfc3339(datetime(2026, 3, 2, 1, tzinfo=berlin)) == "2026-03-02T00:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "d",
        "0d",
        "-7d",
        "7.5d",
        "7 days",
        "٧d",
        "9999999d",
        "/",
        "2026-03-02/2026-03-09",
        "2026-03-02T00:00:00/2026-03-09T00:00:00",
        "2026-03-09T00:00:00Z/2026-03-02T00:00:00Z",
        "2026-03-09T00:00:00Z/2026-03-09T00:00:00Z",
        "2026-03-02 00:00:00Z/2026-03-09T00:00:00Z",
        "20260302T000000Z/20260309T000000Z",
        "2026-W10-1T00:00:00Z/2026-W11-1T00:00:00Z",
        "2026-02-30T00:00:00Z/2026-03-09T00:00:00Z",
        "0001-01-01T00:00:00+14:00/2026-03-09T00:00:00Z",
    ],
)
def test_what_names_no_window_is_refused_and_named(text: str) -> None:
    with pytest.raises(BadWindow) as refused:
        Window.parse(text, now=NOW)
    assert repr(text) in str(refused.value)
    assert "7d" in refused.value.hint


@pytest.mark.parametrize("text", ["999999w", "999999d"])
def test_a_span_longer_than_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(BadWindow):
        Window.parse(text, now=NOW)


@given(windows, windows)
def test_the_overlap_is_what_both_hold(one: Window, other: Window) -> None:
    both = one.overlap(other)
    assert both == other.overlap(one)
    if both is None:
        assert one.end <= other.start or other.end <= one.start
    else:
        assert both.start >= max(one.start, other.start)
        assert both.end <= min(one.end, other.end)


@given(windows, st.integers(1, 1000))
def test_the_last_hours_end_with_the_window(window: Window, hours: int) -> None:
    last = window.last(timedelta(hours=hours))
    assert last.end == window.end
    assert last.seconds == min(window.seconds, hours * 3600)


def test_neighbours_share_no_time() -> None:
    week = Window.parse("7d", now=NOW)
    before = Window(week.start - timedelta(days=7), week.start)
    assert before.overlap(week) is None


def test_naive_or_backward_instants_are_a_mistake() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        Window(naive, NOW)
    with pytest.raises(ValueError, match="after it starts"):
        Window(NOW, NOW)


def test_hours_and_seconds_measure_the_same() -> None:
    assert Window.parse("90m", now=NOW).hours == 1.5
    assert parse_span("2w") == timedelta(days=14)


@given(windows, instants, st.integers(1, 86_400))
def test_the_steps_of_a_window_are_those_that_begin_in_it(
    window: Window, origin: datetime, seconds: int
) -> None:
    cadence = timedelta(seconds=seconds)
    found = window.steps(origin, cadence)
    first = origin + -((origin - window.start) // cadence) * cadence
    assert window.start <= first < window.start + cadence
    if first >= window.end:
        assert found is None
        return
    assert found is not None
    assert found.start == first
    assert window.end <= found.end < window.end + cadence
    assert (found.end - found.start) % cadence == timedelta()
