"""Looking after a store: snapshots, removal, verification, repair (COL-5, D9)."""

import threading
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
from upid.adapters.metricstore import (
    SnapshotRefused,
    StoreDamaged,
    StoreIsNewer,
    StoreLocked,
)
from upid.adapters.metricstore.inspection import inspect, verify
from upid.adapters.metricstore.repair import repair
from upid.core import metrics as m
from upid.core.rollup import Level
from upid.core.window import Window

WINDOW = Window(START, START + 4 * DAY)


@pytest.fixture
def machine(tmp_path: Path, filled: Filled) -> Machine:
    """Return the clocks of a machine whose store has a day, some hours, and a log."""
    machine = Machine()
    filled(tmp_path / "store", machine, 30)
    return machine


# ── snapshots ────────────────────────────────────────────────────────────────────────────────────


def test_a_snapshot_is_a_store_of_its_own_and_stays_as_it_was(
    tmp_path: Path, machine: Machine
) -> None:
    root, target = tmp_path / "store", tmp_path / "kept" / "today"
    with opened(root, machine) as store:
        before = everything(store, m.CPU)
        store.snapshot(str(target))
        store.append(CLUSTER, [tick(m.CPU, timedelta(hours=30), {1: 9.0})])
        machine.pass_(3 * DAY)
        store.tidy()
        store.remove(CLUSTER)
    assert verify(target) == ()
    with opened(target, machine) as copy:
        assert everything(copy, m.CPU) == before
        copy.tidy()
        assert everything(copy, m.CPU) == before
    shared = [path for path in target.glob("resolution=*/*/*/*") if path.stat().st_nlink > 1]
    assert shared == []  # the store removed its own names since; the bytes stayed


def test_a_snapshot_takes_no_room(tmp_path: Path, machine: Machine) -> None:
    with opened(tmp_path / "store", machine) as store:
        store.snapshot(str(tmp_path / "copy"))
        names = list((tmp_path / "copy").glob("resolution=*/*/*/*"))
        assert names
        assert all(path.stat().st_nlink == 2 for path in names)


def test_a_snapshot_is_refused_where_something_is(tmp_path: Path, machine: Machine) -> None:
    with opened(tmp_path / "store", machine) as store:
        with pytest.raises(SnapshotRefused, match="something is there"):
            store.snapshot(str(tmp_path))
        if Path("/proc/self").exists():
            with pytest.raises(SnapshotRefused, match="/proc/copy"):
                store.snapshot("/proc/copy")


# ── removal ──────────────────────────────────────────────────────────────────────────────────────


def test_a_removed_cluster_is_gone_from_memory_log_and_files(
    tmp_path: Path, machine: Machine
) -> None:
    """No byte that speaks of it stays (its name stands in every place that does)."""
    root = tmp_path / "store"
    with opened(root, machine) as store:
        store.append("cl_other", [tick(m.CPU, timedelta(hours=30), {1: 9.0})])
        store.remove(CLUSTER)
        assert everything(store, m.CPU) == {}
        kept = store.panel("cl_other", m.CPU, WINDOW)
        assert kept.values.tolist() == [9.0]
    for path in (path for path in root.rglob("*") if path.is_file()):
        assert CLUSTER not in str(path)
        assert CLUSTER.encode() not in path.read_bytes()
    assert not any(CLUSTER in path.name for path in root.rglob("*"))
    with opened(root, machine) as store:
        assert everything(store, m.CPU) == {}
        assert store.panel("cl_other", m.CPU, WINDOW).values.tolist() == [9.0]
        at = timedelta(hours=30)
        store.append(CLUSTER, [tick(m.CPU, at, {1: 2.0})])
        assert list(everything(store, m.CPU).values()) == [2.0]


def test_a_removal_that_a_crash_ended_is_finished_at_the_next_start(
    tmp_path: Path, machine: Machine
) -> None:
    root = tmp_path / "store"
    with opened(root, machine) as store:
        shelf = store._shelf
        store._shelf = None  # type: ignore[assignment]  # it dies before the files are removed
        with pytest.raises(AttributeError):
            store.remove(CLUSTER)
        store._shelf = shelf
    assert list(root.glob("resolution=*"))
    with opened(root, machine) as store:
        assert everything(store, m.CPU) == {}
    assert list(root.glob("resolution=*/*")) == []
    with opened(root, machine) as store:
        assert everything(store, m.CPU) == {}


# ── damage ───────────────────────────────────────────────────────────────────────────────────────


def test_a_whole_store_is_found_whole(tmp_path: Path, machine: Machine) -> None:
    assert verify(tmp_path / "store") == ()
    with opened(tmp_path / "store", machine) as store:
        machine.pass_(2 * DAY)
        store.tidy()
        assert verify(tmp_path / "store") == ()


def test_every_flipped_bit_in_a_file_is_found_and_named(tmp_path: Path, machine: Machine) -> None:
    """10,000 flips in the full size; by the checksums that reading compares as well (D9)."""
    root = tmp_path / "store"
    random = np.random.default_rng(6)
    paths = [root / name for name in at_rest(root)]
    for path in paths:
        raw = path.read_bytes()
        flipped = bytearray(raw)
        place = int(random.integers(0, len(raw) * 8))
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        found = verify(root)
        assert [one.path for one in found if one.path == path.relative_to(root).as_posix()]
        path.write_bytes(raw)
    assert verify(root) == ()


def test_reading_a_damaged_file_names_it_and_reads_the_others(
    tmp_path: Path, machine: Machine
) -> None:
    root = tmp_path / "store"
    (path,) = root.glob("resolution=raw/*/day=2026-03-02/container-resource.day.*")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)
    with opened(root, machine) as store:
        with pytest.raises(StoreDamaged, match=path.name):
            store.panel(CLUSTER, m.CPU, WINDOW)
        assert len(store.panel(CLUSTER, m.REQUESTS, WINDOW)) == 40
        later = Window(START + DAY, START + 2 * DAY)
        assert len(store.panel(CLUSTER, m.CPU, later)) == 40


def test_repair_sets_damage_aside_and_lists_what_is_whole(tmp_path: Path, machine: Machine) -> None:
    root = tmp_path / "store"
    with opened(root, machine) as store:
        before = everything(store, m.REQUESTS)
        with pytest.raises(StoreLocked):
            repair(root)
    assert repair(root) == ()
    (path,) = root.glob("resolution=raw/*/day=2026-03-02/container-resource.day.*")
    path.write_bytes(path.read_bytes()[:-1])
    (manifest,) = root.glob("manifest/*/*.json")
    manifest.write_bytes(manifest.read_bytes().replace(b"size", b"Size", 1))
    (path.parent / "container-resource.beside").write_bytes(b"half")
    with pytest.raises(StoreDamaged, match=manifest.name):
        opened(root, machine)
    done = repair(root)
    assert len(done) >= 4
    assert verify(root) == ()
    aside = {path.name for path in root.glob("quarantine/*")}
    assert aside >= {path.name, f"{CLUSTER}.{manifest.name}"}
    with opened(root, machine) as store:
        assert everything(store, m.REQUESTS) == before
        assert everything(store, m.CPU)  # of the second day
        hours = store.rollup(CLUSTER, m.CPU, WINDOW, Level.HOUR)
        assert len(hours) == 30 * 40  # those of the first day have their own files


def test_a_damaged_hour_does_not_keep_memory_from_files(tmp_path: Path, machine: Machine) -> None:
    root = tmp_path / "store"
    (path,) = root.glob("resolution=raw/*/day=2026-03-03/container-resource.02.*")
    path.write_bytes(b"PAR1")
    with opened(root, machine) as store:
        store.append(CLUSTER, [tick(m.CPU, timedelta(hours=26, minutes=1), {1: 5.0})])
        machine.pass_(HOUR)
        store.tidy()
        assert len(store.damaged) == 1
        assert path.name in store.damaged[0]
        assert everything(store, m.CPU)[1, 26 * 3_600_000 + 60_000] == 5.0
    assert [one.name for one in root.glob("quarantine/*")] == [path.name]


def test_what_a_store_holds_is_told_without_opening_it(tmp_path: Path, machine: Machine) -> None:
    with opened(tmp_path / "store", machine):
        found = inspect(tmp_path / "store")
    raw = [one for one in found.holdings if one.resolution == "raw"]
    assert [(one.cluster, one.first, one.last) for one in raw] == [
        (CLUSTER, "2026-03-02", "2026-03-03")
    ]
    total = 30 * 6 * 3 * 40
    assert raw[0].samples < total <= raw[0].samples + found.logged
    assert found.set_aside == ()


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text('{"format":"upid-metric-store","version":2}')
    with pytest.raises(StoreIsNewer, match="version 2"):
        opened(tmp_path, Machine())
    (tmp_path / "store.json").write_text("{}")
    with pytest.raises(StoreDamaged, match=r"store\.json"):
        opened(tmp_path, Machine())


# ── readers and the writer ───────────────────────────────────────────────────────────────────────


def test_readers_see_every_sample_while_hours_and_days_become_files(tmp_path: Path) -> None:
    """Two threads read all the time; no answer is ever short of what was acknowledged before."""
    machine = Machine()
    acked, stop, wrong = [0], threading.Event(), []

    with opened(tmp_path, machine) as store:

        def read() -> None:
            while not stop.is_set():
                before = acked[0]
                found = store.panel(CLUSTER, m.CPU, WINDOW, cadence=timedelta(minutes=20))
                if not before <= found.values.size <= acked[0] + 20:
                    wrong.append((before, found.values.size, acked[0]))

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(3 * 24 * 3):
            at = number * timedelta(minutes=20)
            machine.pass_(START + at - machine.wall())
            store.append(CLUSTER, [tick(m.CPU, at, dict.fromkeys(range(20), 0.5))])
            acked[0] += 20
            store.tidy()
        stop.set()
        for reader in readers:
            reader.join(30)
        assert wrong == []
        assert acked[0] == len(everything(store, m.CPU))
