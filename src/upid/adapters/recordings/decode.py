"""From a batch of stored rows to flat float64 samples, with every figure checked on the way."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from upid.adapters.recordings.layout import EXACT, GAP, Grid
from upid.core.metrics import LARGEST_SAMPLE, Metric
from upid.core.panel import Floats, Ints, Runs


class BadSamples(ValueError):
    """Stored samples that cannot be true."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What the rows of a batch are about.

    series  (r,) ids      start  (r,) the step of the window at which the row's lists begin
    room    (r,) steps from there to the end of the row's day (or of the window)
    day     (r,) days since 1970
    """

    series: Ints
    start: Ints
    room: Ints
    day: Ints


@dataclass(frozen=True, slots=True)
class Piece:
    """The samples of a batch, row after row.

    values  (n,)
    counts  (r,)   samples in each row
    runs    stretches without a gap, each within one row
    """

    rows: Rows
    values: Floats
    counts: Ints
    runs: Runs


def rows_of(table: pa.Table, grid: Grid, known: Ints) -> Rows:
    """Return what each row is about; raise BadSamples for rows out of order or out of time.

    known  (s,) the ids of the series that have labels
    """
    series = _ints(table, "series")
    day = _ints(table, "day")
    first = _ints(table, "first")
    same = series[1:] == series[:-1]
    if np.any(series[1:] < series[:-1]) or np.any(same & (day[1:] <= day[:-1])):
        raise BadSamples("its rows are not sorted by series and day")
    if not _all_known(series, known):
        raise BadSamples("it has samples of a series without labels")
    days = grid.days
    if np.any((day < days[0]) | (day > days[-1])):
        raise BadSamples("it has a day outside the window")
    opens, closes = grid.edges(day)
    start = grid.origin(day) + first
    if np.any((first < 0) | (start < opens) | (start >= closes)):
        raise BadSamples("a row begins outside its day")
    return Rows(series, start, closes - start, day)


def piece(table: pa.Table, rows: Rows, metric: Metric, room: Floats | None = None) -> Piece:
    """Return the samples of a metric in a batch; raise BadSamples for figures that cannot be.

    room  where values may be written; others come in an array of their own

    Values are the stored whole numbers divided by the metric's scale: one operation, correctly
    rounded, so that 123456 in microcores is the float64 that people write 0.123456.
    """
    whole, lengths = _lists(table, metric.name)
    if np.any(lengths > rows.room):
        raise BadSamples(f"{metric.name!r} has steps beyond the end of a day")
    lowest = int(whole.min()) if whole.size else 0
    if lowest < GAP:
        raise BadSamples(f"{metric.name!r} has negative samples")
    if whole.dtype == np.int64 and np.any(whole > LARGEST_SAMPLE * metric.scale):
        raise BadSamples(f"{metric.name!r} has negative or infinite samples")
    gaps = whole == GAP if lowest == GAP else None
    if metric.name + EXACT in table.column_names:
        exact, others = _lists(table, metric.name + EXACT)
        if exact.size:
            values = np.divide(whole, metric.scale, dtype=np.float64)
            if gaps is not None:
                values[gaps] = np.nan
            return _mixed(rows, metric, (values, lengths), (exact, others))
    runs, counts = _runs(rows.start, lengths, gaps)
    if gaps is not None:
        whole = whole[~gaps]
    into = room[: whole.size] if room is not None and whole.size <= room.size else None
    return Piece(rows, np.divide(whole, metric.scale, dtype=np.float64, out=into), counts, runs)


def _mixed(
    rows: Rows, metric: Metric, fixed: tuple[Floats, Ints], exact: tuple[Floats, Ints]
) -> Piece:
    """Return samples of rows of which some are whole numbers and some are float64; NaN is a gap."""
    values, lengths = fixed
    floats, others = exact
    if np.any((lengths > 0) & (others > 0)):
        raise BadSamples(f"{metric.name!r} has a row that is stored twice")
    if np.any(others > rows.room):
        raise BadSamples(f"{metric.name!r} has steps beyond the end of a day")
    if np.any(floats < 0) or np.any(floats > LARGEST_SAMPLE):
        raise BadSamples(f"{metric.name!r} has negative or infinite samples")
    counts = lengths + others
    is_exact = np.repeat(others > 0, counts)
    together = np.empty(is_exact.size)
    together[is_exact] = floats
    together[~is_exact] = values
    gaps = np.isnan(together)
    runs, kept = _runs(rows.start, counts, gaps)
    return Piece(rows, together[~gaps], kept, runs)


def _runs(start: Ints, lengths: Ints, gaps: NDArray[np.bool_] | None) -> tuple[Runs, Ints]:
    """Return the runs of rows of which some places are gaps, and how many samples each row keeps.

    start    (r,) step of each row's first place    gaps  (n,) whether a place is one
    lengths  (r,) places of each row
    """
    begins = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    if gaps is None:
        some = lengths > 0
        return Runs(start[some], np.append(begins[:-1][some], begins[-1])), lengths
    broken = np.zeros(gaps.size + 1, dtype=np.bool_)
    broken[begins] = True
    broken[:-1] |= gaps
    broken[1:] |= gaps
    places = np.flatnonzero(broken)
    sampled = ~gaps[places[:-1]]
    opens, sizes = places[:-1][sampled], np.diff(places)[sampled]
    row = np.searchsorted(begins, opens, side="right") - 1
    counts = np.bincount(row, sizes, lengths.size).astype(np.int64)
    kept = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    return Runs(start[row] + opens - begins[row], kept), counts


def _all_known(series: Ints, known: Ints) -> bool:
    """Say whether all series are among the known ones, which rise."""
    if not known.size:
        return not series.size
    return bool(np.all(known[np.searchsorted(known, series).clip(0, known.size - 1)] == series))


def _ints(table: pa.Table, name: str) -> Ints:
    column = table.column(name)
    if column.null_count:
        raise BadSamples(f"the column {name!r} has gaps")
    chunks = [chunk.view(pa.int32()).to_numpy() for chunk in column.chunks]
    found: Ints = np.concatenate([*chunks, np.empty(0, dtype=np.int32)]).astype(np.int64)
    return found


def _lists(table: pa.Table, name: str) -> tuple[NDArray[Any], Ints]:
    """Return the elements of a list column end to end, and how many each row has."""
    if name not in table.column_names:
        return np.empty(0, dtype=np.int64), np.zeros(table.num_rows, dtype=np.int64)
    arrays, lengths = [np.empty(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for chunk in table.column(name).chunks:
        bounds = chunk.offsets.to_numpy().astype(np.int64)
        # not flatten(), which says the same but imports pyarrow.compute: 0.05 s
        flat = chunk.values.slice(bounds[0], bounds[-1] - bounds[0])
        if flat.null_count:
            raise BadSamples(f"the column {name!r} has an element that is null")
        arrays.append(flat.to_numpy(zero_copy_only=True))
        lengths.append(np.diff(bounds))
    if len(arrays) == 2:  # noqa: PLR2004
        return arrays[1], lengths[1]
    return np.concatenate(arrays), np.concatenate(lengths)
