"""How long samples are kept, and what keeps them longer (COL-5, D6, D7)."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.metricstore.conftest import Filled
from tests.adapters.metricstore.shelves import (
    CLUSTER,
    DAY,
    HOUR,
    START,
    Machine,
    at_rest,
    everything,
    opened,
    tick,
)
from upid.adapters.metricstore import StoreLimits
from upid.adapters.metricstore.inspection import verify
from upid.adapters.metricstore.tables import LevelTable, write
from upid.core import metrics as m
from upid.core.ports.metric_store import Expired
from upid.core.rollup import Level
from upid.core.samples import settled, unix_milli
from upid.core.window import Window

TICKS = 24 * 6
RESOURCE, PERFORMANCE = 2 * TICKS * 40, TICKS * 40


@pytest.fixture
def machine(tmp_path: Path, filled: Filled) -> Machine:
    """Return the clocks of a machine whose store has one day, finished."""
    machine = Machine()
    filled(tmp_path, machine, 24)
    with opened(tmp_path, machine) as store:
        machine.pass_(2 * DAY)
        store.tidy()
    return machine


def names(root: Path) -> set[tuple[str, str]]:
    """Return resolution and family of the files that there are."""
    return {(name.split("/")[0][11:], name.split("/")[3].split(".")[0]) for name in at_rest(root)
            if name.startswith("resolution")}  # fmt: skip


def test_each_class_is_kept_as_long_as_its_own_time(tmp_path: Path, machine: Machine) -> None:
    """Resource 90 days, performance 180, roll-ups of an hour and a day a year."""
    assert names(tmp_path) == {
        (resolution, family)
        for resolution in ("raw", "1h", "1d")
        for family in ("container-resource", "request-performance")
    }
    window = Window(START, START + DAY)
    with opened(tmp_path, machine) as store:
        before = store.rollup(CLUSTER, m.CPU, window, Level.HOUR)
    machine.pass_(START + DAY + 90 * DAY - machine.wall() - timedelta(seconds=1))
    with opened(tmp_path, machine) as store:
        assert "it has run evenly" in store.expire().kept[0]  # it was off for 90 days
    with opened(tmp_path, machine, StoreLimits(clock_rests=timedelta())) as store:
        assert store.expire() == Expired()
        machine.pass_(timedelta(seconds=1))
        assert store.expire() == Expired(days=1, samples=RESOURCE)
        assert everything(store, m.CPU) == {}
        assert len(everything(store, m.REQUESTS)) == PERFORMANCE
        after = store.rollup(CLUSTER, m.CPU, window, Level.HOUR)
        assert after.sums.tolist() == before.sums.tolist()
        assert after.quantiles(0.95).tolist() == before.quantiles(0.95).tolist()
        machine.pass_(90 * DAY)
        assert store.expire() == Expired(days=1, samples=PERFORMANCE)
        assert {resolution for resolution, _ in names(tmp_path)} == {"1h", "1d"}
        machine.pass_(185 * DAY)
        assert store.expire() == Expired()
        assert names(tmp_path) == set()
        assert list(tmp_path.glob("resolution=*")) == []
    assert verify(tmp_path) == ()


def test_a_roll_up_that_does_not_add_up_keeps_its_samples(tmp_path: Path, machine: Machine) -> None:
    """Raw goes only after its roll-up is verified by count and sum (D6)."""
    with opened(tmp_path, machine, StoreLimits(clock_rests=timedelta())) as store:
        shelf = store._shelf
        (listed,) = [
            one
            for place, one in shelf.of(CLUSTER).items()
            if place.resolution == Level.HOUR and place.family.name == "container-resource"
        ]
        samples = settled(np.array([1]), np.array([unix_milli(START)]), np.array([1.0]))
        table = LevelTable(listed.place, Level.HOUR, always=True)
        chunk = (np.array([1]), {m.CPU: samples})
        (wrong,) = write(tmp_path, [table], lambda: iter([chunk]))
        shelf.publish(CLUSTER, shelf.list_anew(CLUSTER, [wrong]))
        machine.pass_(100 * DAY)
        expired = store.expire()
        assert expired.days == expired.samples == 0
        assert len(expired.kept) == 1
        assert "does not add up for 'cpu'" in expired.kept[0]
        assert len(everything(store, m.CPU)) == TICKS * 40
    assert "does not add up for 'cpu'" in str(verify(tmp_path)[0])


def test_roll_ups_that_are_not_there_are_made_before_samples_go(tmp_path: Path) -> None:
    """One sample an hour: an hour's roll-up would be no shorter, and outlives them all the same."""
    machine = Machine()
    with opened(tmp_path, machine, StoreLimits(clock_rests=timedelta())) as store:
        for hour in range(24):
            machine.pass_(HOUR)
            store.append(CLUSTER, [tick(m.CPU, hour * HOUR, {7: hour / 8})])
        machine.pass_(2 * DAY)
        store.tidy()
        assert ("1h", "container-resource") not in names(tmp_path)
        machine.pass_(90 * DAY)
        assert store.expire().samples == 24
        hours = store.rollup(CLUSTER, m.CPU, Window(START, START + DAY), Level.HOUR)
        assert hours.sums.tolist() == [hour / 8 for hour in range(24)]


@pytest.mark.parametrize("jump", [-HOUR, HOUR, 91 * DAY, 4000 * DAY])
def test_a_clock_that_jumps_removes_nothing(
    tmp_path: Path, machine: Machine, jump: timedelta
) -> None:
    """Wall clock and monotonic clock disagree (D7)."""
    machine.pass_(85 * DAY)
    with opened(tmp_path, machine, StoreLimits(clock_rests=timedelta())) as store:
        before = at_rest(tmp_path)
        machine.wall.move(jump)
        expired = store.expire()
        assert expired.days == 0
        assert "the clock says" in expired.kept[0]
        assert at_rest(tmp_path) == before
        machine.wall.move(-jump)
        machine.pass_(10 * DAY)
        assert store.expire() == Expired(days=1, samples=RESOURCE)


def test_a_clock_that_jumped_while_the_program_was_down_has_to_run_evenly_first(
    tmp_path: Path, machine: Machine
) -> None:
    """No monotonic clock spans two starts; the latest trusted time is in a file."""
    machine.wall.move(91 * DAY)
    with opened(tmp_path, machine) as store:
        assert "it has run evenly" in store.expire().kept[0]
        store.tidy()  # and marks no time that is not trusted
        machine.pass_(timedelta(hours=23))
        assert store.expire().days == 0
    with opened(tmp_path, machine) as store:
        assert store.expire().days == 0
        machine.pass_(timedelta(hours=24))
        assert store.expire().days == 1
