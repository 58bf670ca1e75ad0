"""What is read back is what was written, to the bit."""

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from upid.adapters.recordings import RecordingRefused, RecordingWriter, open_recording, validate
from upid.core.metrics import (
    CPU,
    LARGEST_SAMPLE,
    MEMORY,
    METRICS,
    REQUESTS,
    THROTTLED,
    Entity,
    Metric,
)
from upid.core.panel import Floats
from upid.core.ports.cluster_source import ObjectVersion, PriceSheet
from upid.core.window import Window

Write: TypeAlias = Callable[..., RecordingWriter]
Fill: TypeAlias = Callable[[RecordingWriter], None]
FAST = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
AWKWARD = [0.0, -0.0, 5e-324, 2.0**63, 2.0**31, 2.0**53 + 2, 0.1 + 0.2, 1e-7]
SAMPLES = st.one_of(
    st.just(np.nan),
    st.sampled_from(AWKWARD),
    st.floats(0, LARGEST_SAMPLE),
    st.integers(0, 10**7).map(lambda n: n / 1e6),
)


def labels(count: int) -> dict[str, list[str]]:
    return {"namespace": ["n"] * count, "pod": [f"p{i:03}" for i in range(count)],
            "pod_uid": [str(i) for i in range(count)], "container": ["c"] * count}  # fmt: skip


@st.composite
def recorded(draw: st.DrawFn) -> tuple[Window, int, Floats]:
    """A window, a cadence that need not divide the day, and a matrix of samples."""
    cadence = draw(st.sampled_from([1, 7 * 60, 300, 3600, 50_000, 86_400]))
    start = draw(st.integers(0, 200_000).map(lambda s: 1_772_400_000 + s))
    span = draw(st.integers(1, 40))
    short = draw(st.integers(0, cadence - 1))  # a last step that is not whole
    begin = datetime.fromtimestamp(start, UTC)
    window = Window(begin, begin + timedelta(seconds=max(1, span * cadence - short)))
    span = -(-window.seconds // cadence)
    rows = draw(st.integers(1, 5))
    return window, cadence, draw(npst.arrays(float, (rows, span), elements=SAMPLES))


@FAST
@given(recorded(), st.sampled_from([CPU, MEMORY, THROTTLED]), st.data())
def test_any_matrix_comes_back_with_the_same_bits_and_gaps(
    tmp_path: Path, made: tuple[Window, int, Floats], metric: Metric, data: st.DataObject
) -> None:
    """COL-9, COL-4: nothing is rounded, and a gap stays a gap."""
    window, cadence, matrix = made
    path = tmp_path / "r.upid"
    with RecordingWriter(
        path, name="x", window=window, cadence=timedelta(seconds=cadence), sources=(),
        currency="EUR", created=window.end, writer="t",
    ) as writer:  # fmt: skip
        ids = writer.add_series(Entity.CONTAINER, labels(len(matrix)))
        writer.add_samples(metric, ids, matrix)

    with open_recording(path) as recording:
        panel = recording.panel(metric)
        assert panel.span == matrix.shape[1]
        assert panel.dense == (not np.isnan(matrix).any())
        same_bits(panel.matrix(), matrix)
        some = data.draw(st.lists(st.sampled_from(ids.tolist()), unique=True).map(sorted))
        chosen = recording.panel(metric, ids=np.array(some, dtype=np.int64))
        assert chosen.ids.tolist() == some
        same_bits(chosen.matrix(), matrix[some])
        low = data.draw(st.integers(0, matrix.shape[1] - 1))
        high = data.draw(st.integers(low + 1, matrix.shape[1]))
        instants = [window.start + timedelta(seconds=cadence * s) for s in (low, high)]
        part = recording.panel(metric, Window(*instants))
        assert (part.start, part.span) == (instants[0], high - low)
        same_bits(part.matrix(), matrix[:, low:high])
    assert validate(path).ok


def same_bits(found: Floats, wanted: Floats) -> None:
    assert found.shape == wanted.shape
    gaps = np.isnan(wanted)
    assert np.array_equal(np.isnan(found), gaps)
    assert found[~gaps].tobytes() == wanted[~gaps].tobytes()


def test_many_rows_cross_row_groups_and_batches_unharmed(write: Write) -> None:
    rng = np.random.default_rng(3)
    matrix = np.round(rng.gamma(2, 0.1, (4000, 96)), 6)
    gappy = np.where(rng.random(matrix.shape) < 0.1, np.nan, matrix)
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC))
    with write(window=window, cadence=timedelta(hours=1)) as writer:
        ids = writer.add_series(
            Entity.CONTAINER, {**labels(4000), "pod": [f"p{i:05}" for i in range(4000)]}
        )
        writer.add_samples(CPU, ids, matrix)
        for first in (0, 40):  # in two parts
            writer.add_samples(THROTTLED, ids, gappy[:, first : first + 56], first)

    recording = open_recording(writer.path)
    assert recording.panel(CPU).dense
    same_bits(recording.panel(CPU).matrix(), matrix)
    same_bits(recording.panel(THROTTLED).matrix(), gappy)
    day = Window(window.start + timedelta(hours=30), window.start + timedelta(hours=54))
    same_bits(recording.panel(THROTTLED, day).matrix(), gappy[:, 30:54])
    assert recording.panel(CPU, day).dense
    some = np.array([0, 17, 1999, 3999])
    same_bits(recording.panel(CPU, ids=some).matrix(), matrix[some])


def test_equal_input_gives_equal_bytes_in_whatever_order_it_came(write: Write, fill: Fill) -> None:
    def filled(name: str) -> bytes:
        with write(name) as writer:
            fill(writer)
        return writer.path.read_bytes()

    assert filled("a.upid") == filled("b.upid")

    def one(name: str, order: list[int]) -> bytes:
        with write(name) as writer:
            rows = [(f"p{i}", i) for i in order]
            names = {k: [f"p{i}" if k == "pod" else "x" for _, i in rows]
                     for k in ("namespace", "pod", "pod_uid", "container")}  # fmt: skip
            ids = writer.add_series(Entity.CONTAINER, names)
            writer.add_samples(CPU, ids, np.array([[float(i)] * 16 for _, i in rows]))
        return writer.path.read_bytes()

    assert one("c.upid", [0, 1, 2]) == one("d.upid", [2, 0, 1])


def test_another_engine_reads_the_same_sum(small: Path, tmp_path: Path) -> None:
    """COL-9: any tool can open it; DuckDB knows nothing of UPID."""
    with zipfile.ZipFile(small) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    table = duckdb.read_parquet(str(tmp_path / "samples/30m/container.parquet"))
    whole = [v for (row,) in table.select("cpu").fetchall() for v in row or [] if v >= 0]
    exact = [
        v for (row,) in table.select("cpu_exact").fetchall() for v in row or [] if not np.isnan(v)
    ]
    ours = open_recording(small).panel(CPU).values.sum()
    assert sum(whole) / 1e6 + sum(exact) == pytest.approx(ours, rel=1e-12)


def test_a_folder_with_the_same_members_is_the_same_recording(small: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small) as archive:
        archive.extractall(tmp_path)
    packed, unpacked = open_recording(small), open_recording(tmp_path)
    assert packed.facts() == unpacked.facts()
    assert list(packed.objects()) == list(unpacked.objects())
    for metric in METRICS.values():
        same_bits(unpacked.panel(metric).matrix(), packed.panel(metric).matrix())
    assert validate(tmp_path).ok


def test_secrets_are_never_in_a_recording(small: Path) -> None:
    """COL-9, SEC-8: neither Secrets nor what people put into env, args, annotations."""
    recording = open_recording(small)
    bodies = b"".join(version.body for version in recording.objects())
    for secret in (b"hunter2", b"/bin/acme", b"aHg=", b"last-applied"):
        assert secret not in bodies
    assert b"DB_PASSWORD" in bodies
    assert {v.kind for v in recording.objects()} == {"Deployment", "Pod"}
    assert recording.manifest.removed["secrets"] == 1


def test_config_maps_keep_their_keys_and_lose_their_values(write: Write) -> None:
    body = b'{"kind":"ConfigMap","metadata":{"name":"c"},"data":{"a.conf":"hunter2"}}'
    with write() as writer:
        writer.add_objects(
            [ObjectVersion("ConfigMap", "", "c", "1", window_start(writer), None, body)]
        )
    (version,) = open_recording(writer.path).objects()
    assert b"a.conf" in version.body
    assert b"hunter2" not in version.body


def window_start(writer: RecordingWriter) -> datetime:
    return datetime.fromtimestamp(writer.grid.start, UTC)


def test_objects_are_chosen_by_kind_and_keep_their_times(small: Path) -> None:
    recording = open_recording(small)
    (deployment,) = recording.objects(["Deployment"])
    assert deployment.name == "web"
    assert deployment.until == deployment.since + timedelta(hours=3)
    assert list(recording.objects(["Node"])) == []
    assert [v.kind for v in recording.objects()] == ["Deployment", "Pod"]


def test_a_window_beside_the_recording_is_an_empty_panel(small: Path) -> None:
    recording = open_recording(small)
    window = recording.facts().window
    panel = recording.panel(CPU, Window(window.end, window.end + timedelta(days=1)))
    assert (panel.span, panel.values.size, len(panel)) == (0, 0, 3)


def test_a_metric_that_was_not_recorded_is_a_panel_of_empty_series(small: Path) -> None:
    panel = open_recording(small).panel(THROTTLED)
    assert (panel.counts.tolist(), panel.span) == ([0, 0, 0], 16)
    assert open_recording(small).panel(METRICS["node_cpu"]).ids.size == 0


@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_negative_and_infinite_samples_are_refused_by_the_writer(write: Write, bad: float) -> None:
    writer = write()
    ids = writer.add_series(Entity.CONTAINER, labels(1))
    with pytest.raises(RecordingRefused, match="negative or infinite"):
        writer.add_samples(CPU, ids, np.full((1, 16), bad))
    writer.abandon()


def test_a_series_that_is_added_twice_is_named(write: Write) -> None:
    writer = write()
    writer.add_series(Entity.CONTAINER, labels(2))
    writer.add_series(Entity.CONTAINER, labels(1))
    with pytest.raises(
        RecordingRefused, match="n/p000/0/c' cannot be recorded: it was added twice"
    ):
        writer.close()


def test_an_abandoned_recording_leaves_nothing_behind(
    write: Write, fill: Fill, tmp_path: Path
) -> None:
    writer = write()
    fill(writer)
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def test_prices_travel_with_the_recording(write: Write) -> None:
    sheet = PriceSheet(currency="EUR", volume_gib_hour={"gp3": 0.0001}, control_plane_hour=0.1)
    with write() as writer:
        writer.set_prices(sheet)
    assert open_recording(writer.path).prices() == sheet


def test_requests_keep_what_tells_probes_from_people(small: Path) -> None:
    recording = open_recording(small)
    catalogue = recording.catalogue(Entity.REQUEST)
    assert sorted(catalogue.labels["agent"]) == ["kube-probe/1.30", "okhttp/4"]
    assert recording.panel(REQUESTS).dense
