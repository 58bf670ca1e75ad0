"""A recording from what anybody has: objects as kubectl prints them, and a long table of samples.

The table is read twice in bounded memory: once to learn its window, cadence and series, once to
put its rows into files by ranges of series, from which each range is then laid out in steps.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from upid.adapters.recordings.errors import RecordingRefused
from upid.adapters.recordings.lifetimes import Lifetimes
from upid.adapters.recordings.longtable import Batch, batches, request_batches
from upid.adapters.recordings.objects import read_objects
from upid.adapters.recordings.writer import RecordingWriter
from upid.core.metrics import LABELS, METRICS, Entity, Metric, Shape
from upid.core.panel import Floats, Ints
from upid.core.ports.cluster_source import PriceSheet
from upid.core.window import Window

_MILLI = 1000
_DAY = 86_400
_RANGE = 1 << 21  # samples of a range of series: what is in memory at once
_ROW = np.dtype([("series", "<i4"), ("time", "<i8"), ("value", "<f8")])
_HIGHEST = frozenset(
    {"memory", "node_memory", "volume_used"}
)  # the highest in a step, not the mean


@dataclass(slots=True)
class Survey:
    """What the first reading of the tables found.

    times  lowest and highest, Unix milliseconds    gaps  milliseconds between two samples → count
    keys   entity → its series by labels without pod_uid, in order of appearance
    """

    low: int | None = None
    high: int | None = None
    gaps: Counter[int] = field(default_factory=Counter)
    keys: dict[Entity, dict[tuple[str, ...], int]] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """Note what some rows tell."""
        low, high = int(batch.time.min()), int(batch.time.max())
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        known = self.keys.setdefault(METRICS[batch.metric].entity, {})
        for key in batch.keys:
            known.setdefault(key, len(known))
        order = np.lexsort((batch.time, batch.series))
        series, time = batch.series[order], batch.time[order]
        gaps = np.diff(time)[series[1:] == series[:-1]]
        sizes, counts = np.unique(gaps[gaps > 0], return_counts=True)
        self.gaps.update(dict(zip(sizes.tolist(), counts.tolist(), strict=True)))

    def cadence(self) -> int:
        """Return the most frequent gap in whole seconds; the shorter of two that are."""
        seconds: Counter[int] = Counter()
        for gap, count in self.gaps.items():
            seconds[min(max(1, round(gap / _MILLI)), _DAY)] += count
        if not seconds:
            raise RecordingRefused(
                "the table of samples",
                "no series has two samples, so that its cadence is unknown",
                "say it with --cadence, such as --cadence 5m",
            )
        return min(seconds, key=lambda size: (-seconds[size], size))


@dataclass(frozen=True, slots=True)
class Created:
    """What was made of the input, and what was wrong with it (COL-4).

    quality  what → how many rows or objects; each is explained in docs/guide/recordings.md
    """

    path: str
    window: Window
    cadence: timedelta
    samples: int
    series: int
    quality: Mapping[str, int]


def create(  # noqa: PLR0913 - every part may be given or not
    objects: Path,
    samples: Path,
    *,
    out: Path,
    name: str,
    created: datetime,
    writer: str,
    requests: Path | None = None,
    prices: Path | None = None,
    cadence: timedelta | None = None,
    window: Window | None = None,
    sources: tuple[str, ...] = ("table",),
    progress: Callable[[str], None] = lambda _: None,
) -> Created:
    """Make a recording from a folder of Kubernetes objects and tables of samples.

    cadence  the most frequent gap between two samples where it is not given
    window   from the first to the last sample, in whole cadences, where it is not given

    Raises RecordingRefused for input that no recording can be made of.
    """
    sheet = _prices(prices)
    counts: Counter[str] = Counter()
    survey = Survey()
    progress("samples, first reading")
    for batch in _all(samples, requests, Counter()):
        survey.add(batch)
    if survey.low is None or survey.high is None:
        for _ in _all(samples, requests, counts):
            pass
        told = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        raise RecordingRefused(str(samples), f"it has no usable sample ({told or 'no rows'})")
    seconds = round(cadence.total_seconds()) if cadence else survey.cadence()
    window = window or _window(survey.low, survey.high, seconds)
    with RecordingWriter(
        out,
        name=name,
        window=window,
        cadence=timedelta(seconds=seconds),
        sources=sources,
        currency=sheet.currency if sheet else "USD",
        created=created,
        writer=writer,
    ) as target:
        progress("objects")
        lives = Lifetimes()
        target.add_objects(lives.watched(read_objects(objects, window, counts)))
        if sheet:
            target.set_prices(sheet)
        progress("samples, second reading")
        filled = _fill(target, survey, lives, _all(samples, requests, counts), counts)
        target.quality.update(counts)
    return Created(
        str(out), window, timedelta(seconds=seconds), *filled, dict(sorted(counts.items()))
    )


def _all(samples: Path, requests: Path | None, counts: Counter[str]) -> Iterator[Batch]:
    yield from batches(samples, counts)
    if requests is not None:
        yield from request_batches(requests, counts)


def _window(low: int, high: int, cadence: int) -> Window:
    step = cadence * _MILLI
    start, end = low // step * cadence, (high // step + 1) * cadence
    try:
        return Window(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise RecordingRefused("the table of samples", f"its times are {start} to {end}") from error


def _prices(path: Path | None) -> PriceSheet | None:
    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=PriceSheet)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise RecordingRefused(str(path), f"it is not a price sheet: {error}") from error


def _fill(
    target: RecordingWriter,
    survey: Survey,
    lives: Lifetimes,
    rows: Iterator[Batch],
    counts: Counter[str],
) -> tuple[int, int]:
    """Lay out all rows and return how many samples of how many series there are."""
    with tempfile.TemporaryDirectory(prefix=".upid.", dir=target.path.absolute().parent) as folder:
        spools: dict[str, Spool] = {}
        places = {entity: lives.places(entity, keys) for entity, keys in survey.keys.items()}
        for batch in rows:
            metric = METRICS[batch.metric]
            spool = spools.get(batch.metric)
            if spool is None:
                spool = Spool(Path(folder), metric, _RANGE // target.grid.span or 1)
                spools[batch.metric] = spool
            known = survey.keys[metric.entity]
            keys = np.array([known[key] for key in batch.keys], dtype=np.int64)
            series = places[metric.entity].series(keys[batch.series], batch.time)
            spool.add(series, batch.time, batch.value, counts)
        ids = {}
        for entity in sorted(places):
            used = [spools[m].used for m in sorted(spools) if METRICS[m].entity is entity]
            ids[entity] = _series(target, entity, places[entity].labels, _all_of(used))
        samples = sum(
            spools[m].lay_out(target, ids[METRICS[m].entity], counts) for m in sorted(spools)
        )
    return samples, sum(int((found >= 0).sum()) for found in ids.values())


def _all_of(used: list[Ints]) -> Ints:
    return np.unique(np.concatenate(used)) if used else np.empty(0, dtype=np.int64)


def _series(
    target: RecordingWriter, entity: Entity, labels: list[tuple[str, ...]], used: Ints
) -> Ints:
    """Add the series that have samples; return place → id, -1 for those without."""
    rows = [labels[place] for place in used.tolist()]
    columns = {label: [row[i] for row in rows] for i, label in enumerate(LABELS[entity])}
    found = np.full(len(labels), -1, dtype=np.int64)
    found[used] = target.add_series(entity, columns)
    return found


class Spool:
    """The rows of one metric on disk, in a file for each range of series."""

    def __init__(self, folder: Path, metric: Metric, width: int) -> None:
        self._folder, self._metric, self._width = folder, metric, width
        self._files: dict[int, Path] = {}
        self.used: Ints = np.empty(0, dtype=np.int64)

    def add(self, series: Ints, time: Ints, value: Floats, counts: Counter[str]) -> None:
        """Keep rows; those of pods that no object describes (series -1) are counted and dropped."""
        unknown = int((series < 0).sum())
        if unknown:
            counts["rows of unknown pods"] += unknown
        rows = np.empty(series.size - unknown, dtype=_ROW)
        keep = series >= 0
        rows["series"], rows["time"], rows["value"] = series[keep], time[keep], value[keep]
        bucket = rows["series"] // self._width
        for number in np.unique(bucket).tolist():
            path = self._files.setdefault(number, self._folder / f"{self._metric.name}.{number}")
            with path.open("ab") as file:
                file.write(rows[bucket == number].tobytes())
        self.used = np.union1d(self.used, rows["series"]).astype(np.int64)

    def lay_out(self, target: RecordingWriter, ids: Ints, counts: Counter[str]) -> int:
        """Write all rows as steps and return how many samples that are."""
        total = 0
        for number in sorted(self._files):
            rows = np.fromfile(self._files[number], dtype=_ROW)
            series, matrix = _stepped(rows, target, self._metric, counts)
            total += int((~np.isnan(matrix)).sum())
            target.add_samples(self._metric, ids[series], matrix)
            self._files[number].unlink()
        return total


def _stepped(
    rows: "np.ndarray[tuple[int], np.dtype[np.void]]",
    target: RecordingWriter,
    metric: Metric,
    counts: Counter[str],
) -> tuple[Ints, Floats]:
    """Return the series of some rows and their samples by step, and count what was wrong.

    The first of two rows with the same series and time is kept. Several rows in one step are
    summed for counts; for levels their mean is taken, for memory and volumes the highest.
    """
    grid = target.grid
    order = np.argsort(rows["series"], kind="stable")
    rows = rows[order]
    back = (rows["series"][1:] == rows["series"][:-1]) & (rows["time"][1:] < rows["time"][:-1])
    _count(counts, "out-of-order rows", int(back.sum()))
    rows = rows[np.lexsort((rows["time"], rows["series"]))]
    twin = np.zeros(rows.size, dtype=bool)
    twin[1:] = (rows["series"][1:] == rows["series"][:-1]) & (rows["time"][1:] == rows["time"][:-1])
    _count(counts, "duplicate rows", int(twin.sum()))
    rows = rows[~twin]
    step = (rows["time"] - grid.start * _MILLI) // (grid.cadence * _MILLI)
    outside = (step < 0) | (step >= grid.span)
    _count(counts, "rows outside the window", int(outside.sum()))
    rows, step = rows[~outside], step[~outside]
    series, place = np.unique(rows["series"], return_inverse=True)
    cell = place * grid.span + step
    begins = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]])) if cell.size else cell
    matrix = np.full(series.size * grid.span, np.nan)
    if cell.size:
        _count(counts, "rows merged into a step", int(cell.size - begins.size))
        matrix[cell[begins]] = _merged(rows["value"], begins, metric)
    return series.astype(np.int64), matrix.reshape(series.size, grid.span)


def _merged(values: Floats, begins: Ints, metric: Metric) -> Floats:
    if metric.name in _HIGHEST:
        return np.maximum.reduceat(values, begins)
    added = np.add.reduceat(values, begins)
    if metric.shape is Shape.COUNT:
        return added
    return added / np.diff(np.append(begins, values.size))


def _count(counts: Counter[str], what: str, number: int) -> None:
    if number:
        counts[what] += number
