"""Level shifts and leaks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from upid.core.changes import leaks, level_shifts
from upid.core.panel import Floats

MIB = 1 << 20


@pytest.mark.parametrize(("factor", "day"), [(10.0, 5), (0.1, 4), (2.0, 10)])
def test_a_level_shift_is_found_with_its_day_and_factor(factor: float, day: int) -> None:
    daily = np.ones((1, 14))
    daily[0, day:] *= factor
    found = level_shifts(daily)
    assert found.day[0] == day
    assert found.factor[0] == pytest.approx(factor)


@pytest.mark.parametrize("first", range(7))
def test_weekends_are_not_level_shifts_whatever_day_the_window_begins(first: int) -> None:
    week = np.array([1, 1.1, 1.05, 1.1, 1, 0.2, 0.15])
    for days in (7, 14, 21):
        daily = np.array([[week[(first + i) % 7] for i in range(days)]])
        assert level_shifts(daily).day[0] == 0


def test_two_days_are_too_few_to_be_a_level() -> None:
    daily = np.ones((1, 7))
    daily[0, 5:] = 9
    assert level_shifts(daily).day[0] == 0


def test_days_without_samples_do_not_count_as_days() -> None:
    daily = np.array([[1, np.nan, np.nan, 9, 9, 9, 9.0]])
    assert level_shifts(daily).day[0] == 0


def hours(*runs: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    memory = np.concatenate(runs)[None, :] * MIB
    breaks = np.zeros(memory.shape, bool)
    at = 0
    for run in runs[:-1]:
        at += len(run)
        breaks[0, at] = True
    return memory, breaks


def test_memory_that_grows_to_every_restart_leaks() -> None:
    saw = np.linspace(200, 500, 24)
    assert leaks(*hours(saw, saw, saw)).tolist() == [True]


def test_memory_that_grows_for_two_days_on_end_leaks_without_a_restart() -> None:
    assert leaks(*hours(np.linspace(200, 400, 72))).tolist() == [True]


@pytest.mark.parametrize(
    "memory",
    [
        300 + 200 * np.sin(np.arange(168) * 2 * np.pi / 24),  # a day's rhythm
        np.repeat([200, 600], 84),  # a step
        200 + 300 * (1 - np.exp(-np.arange(168) / 8)),  # a cache that fills
        np.linspace(200, 210, 168),  # a trifle
        np.linspace(200, 600, 12),  # half a day says nothing yet
    ],
)
def test_rhythms_steps_caches_and_trifles_are_not_leaks(memory: Floats) -> None:
    assert leaks(*hours(np.asarray(memory, float))).tolist() == [False]
