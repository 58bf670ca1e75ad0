"""The log: what was acknowledged is read again, what changed is named (D1, D9)."""

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.metricstore.shelves import (
    CLUSTER,
    HOUR,
    START,
    Machine,
    batch,
    everything,
    folder,
    opened,
    tick,
)
from upid.adapters.metricstore import StoreLimits, StoreLocked
from upid.adapters.metricstore.frames import FILE_MAGIC, Scan, framed, frames
from upid.core import metrics as m

RECORDS = [bytes([number]) * (50 * number) for number in range(8)]
LOG = FILE_MAGIC + b"".join(framed(record, number) for number, record in enumerate(RECORDS))


def read(raw: bytes) -> tuple[list[bytes], Scan]:
    scan = Scan()
    return [frame.payload for frame in frames(raw, scan)], scan


def test_what_was_written_is_read_again() -> None:
    found, scan = read(LOG)
    assert found == RECORDS
    assert (scan.whole, scan.torn, scan.damaged) == (len(LOG), 0, [])


@given(st.integers(0, len(LOG)))
def test_a_log_cut_anywhere_gives_its_whole_records_and_calls_nothing_damaged(length: int) -> None:
    """A crash in the middle of a record is no damage: nobody was promised that record."""
    found, scan = read(LOG[:length])
    assert found == RECORDS[: len(found)]
    assert not scan.damaged
    assert scan.whole + scan.torn == length
    assert read(LOG[: scan.whole])[1].torn == 0


@given(st.integers(0, len(LOG) * 8 - 1))
def test_a_flipped_bit_is_named_and_costs_its_own_record_only(place: int) -> None:
    raw = bytearray(LOG)
    raw[place // 8] ^= 1 << place % 8
    found, scan = read(bytes(raw))
    assert scan.damaged
    assert len(found) >= len(RECORDS) - 1
    assert [record for record in RECORDS if record in found] == found


@pytest.mark.slow
@pytest.mark.full
def test_each_of_ten_thousand_flipped_bits_is_named() -> None:
    random = np.random.default_rng(9)
    for place in random.integers(0, len(LOG) * 8, 10_000).tolist():
        raw = bytearray(LOG)
        raw[place // 8] ^= 1 << place % 8
        assert read(bytes(raw))[1].damaged


@given(st.binary(max_size=400), st.integers(0, len(LOG)))
def test_no_bytes_whatever_end_the_reading_otherwise(junk: bytes, place: int) -> None:
    found, _ = read(LOG[:place] + junk + LOG[place:])
    assert set(found) <= set(RECORDS)


def test_zeroes_that_a_power_cut_left_are_no_damage() -> None:
    found, scan = read(LOG + bytes(5000))
    assert found == RECORDS
    assert (scan.torn, scan.damaged) == (5000, [])


# ── in a store ───────────────────────────────────────────────────────────────────────────────────

SMALL = StoreLimits(segment_bytes=1500)


def written(root: Path, machine: Machine, ticks: int = 30) -> dict[tuple[int, int], float]:
    """Put ticks into a store with small segments; return its samples."""
    machine.pass_(HOUR)
    with opened(root, machine, SMALL) as store:
        for minute in range(ticks):
            values = {series: (series * 7 + minute) / 1e6 for series in range(40)}
            store.append(CLUSTER, [tick(m.CPU, timedelta(minutes=minute), values)])
        return everything(store, m.CPU)


def test_a_store_that_is_opened_again_has_what_was_acknowledged(tmp_path: Path) -> None:
    machine = Machine()
    before = written(tmp_path, machine)
    assert len(list(tmp_path.glob("wal/*.wal"))) > 1
    with opened(tmp_path, machine, SMALL) as store:
        assert store.recovered.records == 30
        assert everything(store, m.CPU) == before


@settings(max_examples=20)
@given(st.data())
def test_a_torn_end_is_cut_and_a_damaged_middle_is_named(data: st.DataObject) -> None:
    with folder() as root:
        machine = Machine()
        before = written(root, machine)
        paths = sorted(root.glob("wal/*.wal"))
        path = data.draw(st.sampled_from(paths))
        size = path.stat().st_size
        last = path == paths[-1]
        if last and data.draw(st.booleans()):
            os.truncate(path, data.draw(st.integers(8, size)))
            damaged = 0
        else:
            raw = bytearray(path.read_bytes())
            raw[data.draw(st.integers(0, size - 1))] ^= 1 << data.draw(st.integers(0, 7))
            path.write_bytes(raw)
            damaged = 1
        with opened(root, machine, SMALL) as store:
            after = everything(store, m.CPU)
            assert after.items() <= before.items()
            assert bool(store.damaged) == bool(damaged)
            assert all(path.name in why for why in store.damaged[:1])
            machine.pass_(2 * HOUR)
            store.tidy()
            assert everything(store, m.CPU) == after
        assert len(list(root.glob("quarantine/*"))) == damaged
        with opened(root, machine, SMALL) as store:
            assert everything(store, m.CPU) == after
            assert store.damaged == ()


def test_a_segment_goes_only_when_all_its_samples_are_in_files(tmp_path: Path) -> None:
    """A sample of the present hour keeps the log file that it shares with older ones."""
    machine = Machine(START + HOUR)
    with opened(tmp_path, machine) as store:
        store.append(CLUSTER, [batch(m.CPU, [(1, 0, 1.0), (1, 3_600_000, 2.0)])])
        store.tidy()
        assert len(list(tmp_path.glob("wal/*.wal"))) == 1
        machine.pass_(HOUR)
        store.tidy()
        assert list(tmp_path.glob("wal/*.wal")) == []
        assert everything(store, m.CPU) == {(1, 0): 1.0, (1, 3_600_000): 2.0}


def test_a_store_has_one_writer(tmp_path: Path) -> None:
    with opened(tmp_path, Machine()), pytest.raises(StoreLocked, match=str(tmp_path)):
        opened(tmp_path, Machine())
    opened(tmp_path, Machine()).close()
