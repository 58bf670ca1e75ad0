"""The files: what is in them, who can read them, what they take (COL-5, COL-6)."""

from datetime import UTC, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.metricstore.conftest import Filled
from tests.adapters.metricstore.shelves import (
    BASE,
    CLUSTER,
    DAY,
    HOUR,
    START,
    Machine,
    batch,
    everything,
    folder,
    opened,
    tick,
)
from upid.adapters.metricstore.layout import FAMILIES
from upid.core import metrics as m
from upid.core.ports.metric_store import Batch
from upid.core.rollup import Level
from upid.core.samples import unix_milli
from upid.core.window import Window

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "metric-files.md"


def a_store(root: Path, filled: Filled) -> Machine:
    """Make a store with two whole days of grids, gaps, odd times and odd values."""
    machine = Machine()
    filled(root, machine, 48)
    with opened(root, machine) as store:
        at = 47 * 3_600_000
        odd = [
            (1, at + 17, 0.25),
            (1, at + 90, 1 / 3),
            (200, at, 3.5),
            (200, at + 7, 1.0),
            (300, at, 1 / 3),
        ]
        store.append(CLUSTER, [batch(m.CPU, odd)])
        machine.pass_(3 * DAY)
        store.tidy()
    return machine


def queries() -> list[str]:
    """Return the queries of the page that people read."""
    text = PAGE.read_text(encoding="utf-8")
    return [part.split("```", 1)[0] for part in text.split("```sql\n")[1:]]


def test_duckdb_reads_every_sample_by_the_documented_query(tmp_path: Path, filled: Filled) -> None:
    machine = a_store(tmp_path, filled)
    with opened(tmp_path, machine) as store:
        ours = everything(store, m.CPU)
    query = queries()[0].replace("/var/lib/upid/metrics", str(tmp_path))
    with duckdb.connect() as db:
        rows = db.execute(query).fetchall()
    found = {
        (series, unix_milli(time.replace(tzinfo=UTC)) - BASE): cpu for series, time, cpu in rows
    }
    assert len(rows) == len(ours) > 10_000
    assert found == ours


def test_duckdb_reads_roll_ups_by_the_documented_query(tmp_path: Path, filled: Filled) -> None:
    machine = a_store(tmp_path, filled)
    with opened(tmp_path, machine) as store:
        ours = store.rollup(CLUSTER, m.CPU, Window(START, START + 2 * DAY), Level.HOUR)
    query = queries()[1].replace("/var/lib/upid/metrics", str(tmp_path))
    with duckdb.connect() as db:
        rows = db.execute(query).fetchall()
    found = {
        (series, unix_milli(time.replace(tzinfo=UTC))): (count, total, lowest, highest)
        for series, time, count, total, lowest, highest in rows
    }
    keys = zip(ours.series().tolist(), ours.times.tolist(), strict=True)
    cells = zip(
        ours.counts.tolist(), ours.sums.tolist(), ours.lowest.tolist(), ours.highest.tolist(),
        strict=True,
    )  # fmt: skip
    expected = dict(zip(keys, cells, strict=True))
    assert found.keys() == expected.keys()
    for key, cell in expected.items():
        assert found[key] == pytest.approx(cell, rel=1e-12)


def test_every_page_query_is_run_by_a_test() -> None:
    assert len(queries()) == 2


def test_a_day_is_one_file_a_family_with_small_row_groups_and_a_row_a_series(
    tmp_path: Path,
) -> None:
    """Delta-packed whole numbers and zstd, at most 128 rows a group, sorted by series."""
    machine = Machine()
    with opened(tmp_path, machine) as store:
        for number in range(24):
            values = {series: (series + number) / 1e6 for series in range(300)}
            machine.pass_(HOUR)
            store.append(CLUSTER, [tick(m.CPU, number * HOUR, values)])
        machine.pass_(2 * HOUR)
        store.tidy()
    (path,) = tmp_path.glob("resolution=raw/*/*/*")
    assert path.name.startswith("container-resource.day.")
    found = pq.read_metadata(path)
    assert [found.row_group(i).num_rows for i in range(found.num_row_groups)] == [128, 128, 44]
    for leaf in range(found.num_columns):
        column = found.row_group(0).column(leaf)
        assert column.compression == "ZSTD"
        assert "DELTA_BINARY_PACKED" in column.encodings
    assert found.metadata[b"cpu.scale"] == b"1000000.0"
    assert found.metadata[b"cpu.unit"] == b"cores"
    table = pq.read_table(path)
    assert table.column("series").to_pylist() == list(range(300))
    assert set(table.column("cpu_every").to_pylist()) == {3_600_000}
    assert [name for name in table.column_names if "exact" in name or "time" in name] == []


def test_families_are_of_one_entity_and_kept_equally_long() -> None:
    """A file goes whole when its time has come (COL-5)."""
    assert {name: [one.name for one in family.metrics] for name, family in FAMILIES.items()} == {
        "container-performance": ["throttled", "restarts", "oom_kills"],
        "container-resource": ["cpu", "memory"],
        "node-resource": ["node_cpu", "node_memory"],
        "pod-resource": ["network_rx", "network_tx"],
        "request-performance": ["requests", "errors"],
        "volume-resource": ["volume_used"],
    }


def test_answers_from_roll_up_files_are_those_from_samples(tmp_path: Path, filled: Filled) -> None:
    """Also where a level has no file because its cells would be as many as the samples."""
    machine = Machine()
    filled(tmp_path, machine, 30)
    window = Window(START, START + 30 * HOUR)
    with opened(tmp_path, machine) as store:
        machine.pass_(2 * DAY)
        before = {
            (metric.name, level): store.rollup(CLUSTER, metric, window, level)
            for metric in (m.CPU, m.REQUESTS)
            for level in Level
        }
        store.tidy()
        levels = {path.name for path in tmp_path.glob("resolution=*")}
        assert levels == {"resolution=raw", "resolution=1h", "resolution=1d"}
        for (name, level), expected in before.items():
            found = store.rollup(CLUSTER, m.METRICS[name], window, level)
            assert found.quantiles(0.95).tolist() == expected.quantiles(0.95).tolist()
            assert found.sums.tolist() == expected.sums.tolist()
            assert found.counts.tolist() == expected.counts.tolist()
            some = store.rollup(CLUSTER, m.METRICS[name], window, level, np.array([3, 107, 999]))
            assert set(some.ids.tolist()) == {3, 107} & set(expected.ids.tolist())


@pytest.mark.slow
@pytest.mark.full
def test_bitbrains_take_under_a_tenth_of_their_raw_size_and_come_back_exact(
    shared: Path, tmp_path: Path
) -> None:
    """80–95 % under 16 bytes a sample (COL-6), on real histories with their whole-fleet gaps."""
    table = pq.read_table(
        shared / "data" / "timeseries" / "bitbrains_vm_5m.parquet",
        columns=["vm", "ts", "cores", "cpu_centipct", "mem_used_mib"],
    )
    vms = np.unique(table.column("vm").to_numpy(), return_inverse=True)[1]
    times = table.column("ts").to_numpy().astype(np.int64) * 1000
    cores = table.column("cores").to_numpy() * table.column("cpu_centipct").to_numpy() / 1e4
    cpu = np.rint(cores * 1e6) / 1e6
    first = times.min() // 86_400_000
    machine = Machine(START)
    samples = 0
    with opened(tmp_path, machine) as store:
        for day in range(7):
            inside = times // 86_400_000 == first + day
            moved = times[inside] - first * 86_400_000 + BASE
            machine.pass_(START + (day + 1) * DAY - machine.wall())
            taken = store.append(
                CLUSTER, [Batch(m.CPU, vms[inside].astype(np.int64), moved, cpu[inside])]
            )
            samples += taken.kept
            store.tidy()
        machine.pass_(3 * DAY)
        store.tidy()
        panel = store.panel(
            CLUSTER, m.CPU, Window(START, START + 7 * DAY), cadence=timedelta(seconds=1)
        )
        inside = times < (first + 7) * 86_400_000
        order = np.lexsort((times[inside], vms[inside]))
        assert panel.values.size == samples == order.size
        assert (panel.values == cpu[inside][order]).all()
    size = sum(path.stat().st_size for path in tmp_path.glob("resolution=raw/*/*/*"))
    assert size / samples <= 1.6


grids = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from([0, 1, 15_000, 60_000, 300_000, 3_599_999])),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40)
@given(grids, st.booleans())
def test_any_times_come_back_to_the_millisecond(given_: list[tuple[int, int]], odd: bool) -> None:
    """On a grid or on none, in fixed point or not."""
    rows = [
        (i % 3, (at * step) % 86_400_000, i / 3 if odd else i / 4)
        for i, (at, step) in enumerate(given_)
    ]
    expected: dict[tuple[int, int], float] = {}
    for series, time, value in rows:
        expected[series, time] = max(value, expected.get((series, time), value))
    with folder() as root:
        machine = Machine(START + DAY)
        with opened(root, machine) as store:
            store.append(CLUSTER, [batch(m.CPU, rows)])
            store.tidy()
            assert everything(store, m.CPU) == expected
            machine.pass_(2 * DAY)
            store.tidy()
            assert everything(store, m.CPU) == expected
