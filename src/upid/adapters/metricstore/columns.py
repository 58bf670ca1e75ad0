"""Samples at rest: for each metric a list of whole numbers, one row a series and day.

For a metric called cpu a row has, times in milliseconds since midnight UTC of its day:

    cpu            whole numbers, sample × scale ÷ cpu_unit; null: no sample at this step
    cpu_unit       what all samples of the row are multiples of: pages, millicores
    cpu_first      time of the first; element k is at cpu_first + k × cpu_every
    cpu_every      distance of two steps; 0 where there is one only
    cpu_time       the time of each element, where they lie on no such grid; else null
    cpu_exact, cpu_exact_time   samples that whole numbers do not hold, as float64

Columns that no row of a file needs are not there. The same samples give the same rows: the grid is
the greatest common divisor of the distances, kept where it leaves at most half of its steps empty;
the unit is that of the whole numbers, which on real memory and CPU saves a bit or ten a sample.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from upid.adapters.metricstore.ragged import Bools, Lists, filled, lists, numbers, spread
from upid.core.fixedpoint import from_fixed, to_fixed
from upid.core.metrics import METRICS, Metric
from upid.core.panel import Floats, Ints
from upid.core.samples import NONE, Samples, joined

UNIT, FIRST, EVERY, TIME = "_unit", "_first", "_every", "_time"
EXACT, EXACT_TIME = "_exact", "_exact_time"
_LARGEST_32 = (1 << 31) - 1
_EMPTIEST = 2  # steps of a grid for each sample, at most


@dataclass(slots=True)
class Kind:
    """What the columns of one metric in a file must be able to hold."""

    whole: bool = False  # some sample is in fixed point
    wide: bool = False  # of those one needs int64
    timed: bool = False  # some row lies on no grid
    exact: bool = False  # some sample is not in fixed point


@dataclass(frozen=True, slots=True, eq=False)
class _Fixed:
    """Samples in fixed point: series by series, and the grid they lie on.

    whole, unit            (n,) samples × scale ÷ unit, and the (s,) units
    first, every, lengths  (s,) of the grid      regular  (s,) whether there is one
    """

    ids: Ints
    offsets: Ints
    times: Ints
    whole: Ints
    unit: Ints
    first: Ints
    every: Ints
    lengths: Ints
    regular: Bools


def note(kind: Kind, samples: Samples, metric: Metric) -> None:
    """Let a kind know of samples that the columns will have to hold."""
    fixed, exact = _split(samples, metric, 0)
    kind.exact |= len(exact) > 0
    if fixed is not None:
        kind.whole = True
        kind.wide |= int(fixed.whole.max()) > _LARGEST_32
        kind.timed |= not fixed.regular.all()


def columns_of(kinds: Mapping[str, Kind]) -> dict[str, pa.DataType]:
    """Return the columns that metrics need, in the order of the format."""
    found: dict[str, pa.DataType] = {}
    for name in METRICS:
        kind = kinds.get(name, Kind())
        if kind.whole:
            found[name] = pa.list_(pa.int64() if kind.wide else pa.int32())
            found[name + UNIT] = pa.int64()
            found[name + FIRST] = found[name + EVERY] = pa.int32()
        if kind.timed:
            found[name + TIME] = pa.list_(pa.int32())
        if kind.exact:
            found[name + EXACT] = pa.list_(pa.float64())
            found[name + EXACT_TIME] = pa.list_(pa.int32())
    return found


def encode(
    samples: Samples, metric: Metric, rows: Ints, midnight: int, kind: Kind
) -> dict[str, pa.Array]:
    """Return a metric's columns for (r,) rows, the ids of series; times from `midnight` on."""
    fixed, exact = _split(samples, metric, midnight)
    found: dict[str, pa.Array] = {}
    if kind.whole:
        found |= _encode_fixed(fixed, metric.name, rows, kind)
    if kind.exact:
        there = np.isin(rows, exact.ids)
        values = Lists(there, exact.counts, exact.values)
        times = Lists(there, exact.counts, exact.times - midnight)
        found[metric.name + EXACT] = values.arrow(pa.float64())
        found[metric.name + EXACT_TIME] = times.arrow(pa.int32())
    return found


def decode(table: pa.Table, metric: Metric, midnight: int) -> Samples:
    """Return a metric's samples from a table with its columns and `series`.

    Raises ValueError (Arrow's errors are such) for columns that no writer of this version wrote.
    """
    parts = []
    series = filled(table.column("series"))
    if metric.name in table.column_names:
        parts.append(_decode_fixed(table, metric, series, midnight))
    if metric.name + EXACT in table.column_names:
        values = lists(table.column(metric.name + EXACT))
        times = lists(table.column(metric.name + EXACT_TIME)).flat.astype(np.int64)
        parts.append(_whole(series[values.there], values.counts, times + midnight, values.flat))
    return joined(parts)


def names_of(metric: Metric) -> tuple[str, ...]:
    """Return the columns that a metric may have."""
    return tuple(metric.name + end for end in ("", UNIT, FIRST, EVERY, TIME, EXACT, EXACT_TIME))


def _split(samples: Samples, metric: Metric, midnight: int) -> tuple[_Fixed | None, Samples]:
    """Return the samples that fixed point holds, times from `midnight` on, and the others."""
    whole, held = to_fixed(samples.values, metric.scale)
    if not held.any():
        return None, samples
    exact = NONE if held.all() else samples.kept(~held)
    kept = samples.kept(held)
    first = kept.times[kept.offsets[:-1]]
    gaps = np.diff(kept.times, prepend=kept.times[0])
    gaps[kept.offsets[:-1]] = 0
    every = np.gcd.reduceat(gaps, kept.offsets[:-1])
    lengths = (kept.times[kept.offsets[1:] - 1] - first) // np.maximum(every, 1) + 1
    regular = lengths <= _EMPTIEST * kept.counts
    whole = whole[held]
    unit = np.maximum(np.gcd.reduceat(whole, kept.offsets[:-1]), 1)
    whole //= np.repeat(unit, kept.counts)
    fixed = _Fixed(
        ids=kept.ids,
        offsets=kept.offsets,
        times=kept.times - midnight,
        whole=whole,
        unit=unit,
        first=first - midnight,
        every=every,
        lengths=np.where(regular, lengths, kept.counts),
        regular=regular,
    )
    return fixed, exact


def _encode_fixed(fixed: _Fixed | None, name: str, rows: Ints, kind: Kind) -> dict[str, pa.Array]:
    type_ = pa.int64() if kind.wide else pa.int32()
    nothing, none = np.empty(0, np.int64), np.zeros(rows.size, np.bool_)
    if fixed is None:
        found = {name: Lists(none, nothing, nothing).arrow(type_)}
        found[name + UNIT] = numbers(nothing, none, pa.int64())
        found |= {name + end: numbers(nothing, none, pa.int32()) for end in (FIRST, EVERY)}
        if kind.timed:
            found[name + TIME] = Lists(none, nothing, nothing).arrow(pa.int32())
        return found
    there = np.isin(rows, fixed.ids)
    found = {
        name: _on_grid(fixed, there).arrow(type_),
        name + UNIT: numbers(fixed.unit, there, pa.int64()),
        name + FIRST: numbers(fixed.first, there, pa.int32()),
        name + EVERY: numbers(np.where(fixed.regular, fixed.every, 0), there, pa.int32()),
    }
    if kind.timed:
        counts = np.diff(fixed.offsets)
        timed = there.copy()
        timed[there] = ~fixed.regular
        times = fixed.times[np.repeat(~fixed.regular, counts)]
        found[name + TIME] = Lists(timed, counts[~fixed.regular], times).arrow(pa.int32())
    return found


def _on_grid(fixed: _Fixed, there: Bools) -> Lists:
    """Return the elements of each series, null at the steps of its grid that have no sample."""
    counts = np.diff(fixed.offsets)
    if np.array_equal(counts, fixed.lengths):
        return Lists(there, counts, fixed.whole)
    ends = np.cumsum(fixed.lengths)
    step = (fixed.times - np.repeat(fixed.first, counts)) // np.repeat(
        np.maximum(fixed.every, 1), counts
    )
    order = spread(np.zeros(counts.size, np.int64), counts)
    place = np.where(np.repeat(fixed.regular, counts), step, order)
    place += np.repeat(ends - fixed.lengths, counts)
    flat = np.zeros(ends[-1], np.int64)
    flat[place] = fixed.whole
    missing = np.ones(ends[-1], np.bool_)
    missing[place] = False
    return Lists(there, fixed.lengths, flat, missing)


def _decode_fixed(table: pa.Table, metric: Metric, series: Ints, midnight: int) -> Samples:
    name = metric.name
    cells = lists(table.column(name))
    first = filled(table.column(name + FIRST))[cells.there]
    every = filled(table.column(name + EVERY))[cells.there]
    order = spread(np.zeros(cells.counts.size, np.int64), cells.counts)
    times = order * np.repeat(every, cells.counts)
    times += np.repeat(first + midnight, cells.counts)
    if name + TIME in table.column_names:
        told = lists(table.column(name + TIME))
        times[np.repeat(told.there[cells.there], cells.counts)] = (
            told.flat.astype(np.int64) + midnight
        )
    whole = cells.flat.astype(np.int64)
    whole *= np.repeat(filled(table.column(name + UNIT))[cells.there], cells.counts)
    values = from_fixed(whole, metric.scale)
    found = _whole(series[cells.there], cells.counts, times, values)
    return found if cells.missing is None else found.kept(~cells.missing)


def _whole(ids: Ints, counts: Ints, times: Ints, values: Floats) -> Samples:
    offsets = np.concatenate(([0], np.cumsum(counts)))
    if times.size != values.size or times.size != offsets[-1]:
        raise ValueError("lists of times and samples differ in length")
    return Samples(ids, offsets, times, np.asarray(values))
