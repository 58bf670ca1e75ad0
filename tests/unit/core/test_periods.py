"""Hours of the week in plain words (IDL-8)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upid.core.activity import Bools
from upid.core.periods import ALWAYS, named_periods


def week(*ranges: tuple[int, int, int]) -> Bools:
    """Return a week that is quiet in the given (day, from, to) ranges."""
    quiet = np.zeros((7, 24), bool)
    for day, first, stop in ranges:
        quiet[day, first:stop] = True
    return quiet.ravel()


def test_nights_and_weekends_are_said_as_people_say_them() -> None:
    """IDL-8."""
    nights = [(d, 20, 24) for d in range(5)] + [(d, 0, 6) for d in range(5)]
    assert named_periods(week(*nights, (5, 0, 24), (6, 0, 24))) == (
        "Mon–Fri 20:00–06:00",
        "all weekend",
    )


def test_a_week_without_activity_is_all_the_time_and_a_full_one_nothing() -> None:
    assert named_periods(np.ones(168, bool)) == (ALWAYS,)
    assert named_periods(np.zeros(168, bool)) == ()


def test_every_night_is_every_day() -> None:
    assert named_periods(week(*[(d, 1, 5) for d in range(7)])) == ("every day 01:00–05:00",)


def test_two_quiet_hours_are_too_short_for_a_name() -> None:
    assert named_periods(week((0, 3, 5))) == ()
    assert named_periods(week((6, 22, 24), (0, 0, 1))) == ("Mon 00:00–01:00", "Sun 22:00–00:00")


def test_days_without_a_pattern_name_only_what_every_day_shares() -> None:
    ragged = week(*[(d, 2, 8 + d) for d in range(7)])
    assert named_periods(ragged) == ("every day 02:00–08:00",)


@given(st.lists(st.booleans(), min_size=168, max_size=168))
def test_any_week_has_words(hours: list[bool]) -> None:
    assert all(text.strip() for text in named_periods(np.array(hours)))
