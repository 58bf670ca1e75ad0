"""Roll-ups at rest: for each metric lists of what its cells hold, one row a series and day.

For a metric called cpu a row has, element k being the step cpu_first + k of its day:

    cpu_first               number of the first step, from midnight UTC
    cpu_count               samples in the step; 0: none, and the other lists have null there
    cpu_sum, cpu_min, cpu_max                       whole numbers, × scale
    cpu_sum_exact, cpu_min_exact, cpu_max_exact     float64 instead, where those do not hold the row
    cpu_buckets             how many buckets of the histogram the step has
    cpu_bucket, cpu_weight  their numbers and their samples, all steps end to end
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from upid.adapters.metricstore.ragged import Bools, Lists, filled, lists, numbers
from upid.core.fixedpoint import from_fixed, to_fixed
from upid.core.metrics import METRICS, Metric
from upid.core.panel import Floats, Ints
from upid.core.rollup import Level, Rollup, Sketch

FIRST, COUNT, BUCKETS, BUCKET, WEIGHT = "_first", "_count", "_buckets", "_bucket", "_weight"
AMOUNTS = ("_sum", "_min", "_max")
EXACT = "_exact"
DAY = Level.DAY.milliseconds


@dataclass(slots=True)
class CellKind:
    """Which of the amounts of one metric need a column in fixed point, and which in float64."""

    cells: int = 0
    whole: set[str] = field(default_factory=set)
    exact: set[str] = field(default_factory=set)


def note(kind: CellKind, rollup: Rollup, metric: Metric) -> None:
    """Let a kind know of cells that the columns will have to hold."""
    kind.cells += len(rollup)
    for name, amount in _amounts(rollup):
        _, fits = _fitting(rollup, amount, metric)
        if fits.any():
            kind.whole.add(name)
        if not fits.all():
            kind.exact.add(name)


def columns_of(kinds: Mapping[str, CellKind]) -> dict[str, pa.DataType]:
    """Return the columns that metrics need, in the order of the format."""
    found: dict[str, pa.DataType] = {}
    for name in METRICS:
        kind = kinds.get(name)
        if kind is None or not kind.cells:
            continue
        found[name + FIRST] = pa.int32()
        found[name + COUNT] = pa.list_(pa.int32())
        for amount in AMOUNTS:
            if amount in kind.whole:
                found[name + amount] = pa.list_(pa.int64())
            if amount in kind.exact:
                found[name + amount + EXACT] = pa.list_(pa.float64())
        for end in (BUCKETS, BUCKET, WEIGHT):
            found[name + end] = pa.list_(pa.int32())
    return found


def encode(
    rollup: Rollup, metric: Metric, level: Level, rows: Ints, kind: CellKind
) -> dict[str, pa.Array]:
    """Return a metric's columns for (r,) rows, the ids of series, of one day."""
    name = metric.name
    there = np.isin(rows, rollup.ids)
    step = rollup.times % DAY // level.milliseconds
    first = step[rollup.offsets[:-1]]
    lengths = step[rollup.offsets[1:] - 1] - first + 1
    ends = np.cumsum(lengths)
    place = step + np.repeat(ends - lengths - first, np.diff(rollup.offsets))
    total = int(ends[-1]) if ends.size else 0
    missing = np.ones(total, np.bool_)
    missing[place] = False

    def dense(values: Ints) -> Ints:
        found = np.zeros(total, np.int64)
        found[place] = values
        return found

    found = {
        name + FIRST: numbers(first, there, pa.int32()),
        name + COUNT: Lists(there, lengths, dense(rollup.counts)).arrow(pa.int32()),
    }
    for end, amount in _amounts(rollup):
        whole, fits = _fitting(rollup, amount, metric)
        chosen = np.repeat(fits, lengths)
        if end in kind.whole:
            held = there.copy()
            held[there] = fits
            some = Lists(held, lengths[fits], dense(whole)[chosen], missing[chosen])
            found[name + end] = some.arrow(pa.int64())
        if end in kind.exact:
            held = there.copy()
            held[there] = ~fits
            exact = np.zeros(total)
            exact[place] = amount
            some = Lists(held, lengths[~fits], exact[~chosen], missing[~chosen])
            found[name + end + EXACT] = some.arrow(pa.float64())
    sketch = rollup.sketch
    in_row = np.diff(sketch.begins[rollup.offsets])
    sizes = dense(np.diff(sketch.begins))
    found[name + BUCKETS] = Lists(there, lengths, sizes).arrow(pa.int32())
    found[name + BUCKET] = Lists(there, in_row, sketch.buckets).arrow(pa.int32())
    found[name + WEIGHT] = Lists(there, in_row, sketch.weights).arrow(pa.int32())
    return found


def decode(table: pa.Table, metric: Metric, level: Level, midnight: int) -> Rollup:
    """Return a metric's cells from a table with its columns and `series`; `decode` of `encode`."""
    name = metric.name
    counts = lists(table.column(name + COUNT))
    there = counts.there
    some = counts.flat > 0
    ends = np.concatenate(([0], np.cumsum(some)))
    offsets = ends[np.concatenate(([0], np.cumsum(counts.counts)))]
    first = filled(table.column(name + FIRST))[there]
    begins = np.cumsum(counts.counts) - counts.counts
    step = np.arange(some.size) + np.repeat(first - begins, counts.counts)
    sums, lowest, highest = (_amount(table, name + end, metric, counts)[some] for end in AMOUNTS)
    sizes = lists(table.column(name + BUCKETS)).flat[some].astype(np.int64)
    return Rollup(
        ids=filled(table.column("series"))[there],
        offsets=offsets,
        times=midnight + step[some] * level.milliseconds,
        counts=counts.flat[some].astype(np.int64),
        sums=sums,
        lowest=lowest,
        highest=highest,
        sketch=Sketch(
            np.concatenate(([0], np.cumsum(sizes))),
            lists(table.column(name + BUCKET)).flat.astype(np.int64),
            lists(table.column(name + WEIGHT)).flat.astype(np.int64),
        ),
    )


def names_of(metric: Metric) -> tuple[str, ...]:
    """Return the columns that a metric may have."""
    amounts = [amount + end for amount in AMOUNTS for end in ("", EXACT)]
    return tuple(metric.name + end for end in (FIRST, COUNT, *amounts, BUCKETS, BUCKET, WEIGHT))


def _amounts(rollup: Rollup) -> tuple[tuple[str, Floats], ...]:
    return tuple(zip(AMOUNTS, (rollup.sums, rollup.lowest, rollup.highest), strict=True))


def _fitting(rollup: Rollup, amount: Floats, metric: Metric) -> tuple[Ints, Bools]:
    """Return an amount in fixed point, and the series of which that holds every cell."""
    whole, held = to_fixed(amount, metric.scale)
    if not len(rollup):
        return whole, np.empty(0, np.bool_)
    return whole, np.logical_and.reduceat(held, rollup.offsets[:-1])


def _amount(table: pa.Table, name: str, metric: Metric, counts: Lists) -> Floats:
    """(n,) an amount at every step of every row, whichever of its two columns holds it."""
    found = np.zeros(counts.flat.size)
    if name in table.column_names:
        held = lists(table.column(name))
        place = np.repeat(held.there[counts.there], counts.counts)
        found[place] = from_fixed(held.flat.astype(np.int64), metric.scale)
    if name + EXACT in table.column_names:
        held = lists(table.column(name + EXACT))
        found[np.repeat(held.there[counts.there], counts.counts)] = held.flat
    return found
