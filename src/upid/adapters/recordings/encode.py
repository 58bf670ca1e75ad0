"""From a matrix of samples to the stored rows: fixed point where it is exact, float64 elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from upid.adapters.recordings.layout import EXACT, GAP, Grid, samples_schema
from upid.core.metrics import METRICS
from upid.core.panel import Floats, Ints

_LARGEST = float(1 << 53)  # whole numbers up to here are float64 without loss
_LARGEST_32 = (1 << 31) - 1


@dataclass(slots=True)
class Kind:
    """What the columns of one metric must be able to hold."""

    samples: int = 0
    series: int = 0
    wide: bool = False  # int64
    whole: bool = False  # some row is in fixed point
    exact: bool = False  # some row is not


def fixed(values: Floats, scale: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return samples as whole numbers (GAP for NaN), and which of them that does not hold.

    A sample is held when stored ÷ scale gives back its float64, bit by bit; -0.0 is not.
    """
    there = ~np.isnan(values)
    with np.errstate(over="ignore"):
        scaled = np.rint(np.where(there, values, 0.0) * scale)
    small = scaled <= _LARGEST
    whole = np.where(small, scaled, 0.0).astype(np.int64)
    back = whole / scale
    held = small & (back.view(np.int64) == np.ascontiguousarray(values).view(np.int64))
    return np.where(there, whole, GAP), there & ~held


def columns(kinds: Mapping[str, Kind]) -> dict[str, pa.DataType]:
    """Return the list columns that metrics need, in the order of the format."""
    found: dict[str, pa.DataType] = {}
    for name in METRICS:
        kind = kinds.get(name)
        if kind is not None and kind.whole:
            found[name] = pa.int64() if kind.wide else pa.int32()
        if kind is not None and kind.exact:
            found[name + EXACT] = pa.float64()
    return found


def observe(kind: Kind, values: Floats, scale: float, edges: Ints) -> None:
    """Note what some more rows (r, span) of a metric need of its columns.

    edges  (d,) the step at which each day begins
    """
    whole, inexact = fixed(values, scale)
    kind.samples += int((whole != GAP).sum())
    by_day = np.logical_or.reduceat(inexact, edges, axis=1)
    kind.exact |= bool(by_day.any())
    fits = np.maximum.reduceat(whole, edges, axis=1)[~by_day]
    if fits.size and fits.max() != GAP:
        kind.whole = True
        kind.wide |= bool(fits.max() > _LARGEST_32)


def rows(
    grid: Grid, ids: Ints, block: Mapping[str, Floats], types: Mapping[str, pa.DataType]
) -> pa.Table:
    """Return the stored rows of some series.

    ids    (s,) rising        block  metric → (s, span) samples, NaN for gaps
    types  the list columns of the member, as `columns` gives them
    """
    opens, closes = grid.edges(grid.days)
    lengths = closes - opens
    steps = np.arange(grid.span, dtype=np.int64)
    low = np.full((ids.size, lengths.size), grid.span, dtype=np.int64)
    high = np.zeros_like(low)
    ends: dict[str, Ints] = {}
    for name, values in block.items():
        there = ~np.isnan(values)
        begin = np.minimum.reduceat(np.where(there, steps, grid.span), opens, axis=1)
        ends[name] = np.maximum.reduceat(np.where(there, steps + 1, 0), opens, axis=1)
        low, high = np.minimum(low, begin), np.maximum(high, ends[name])
    row = high > 0
    series, day = np.nonzero(row)
    first = low[row] - grid.origin(grid.days)[day]
    lists: dict[str, pa.Array] = {}
    for name, values in block.items():
        whole, inexact = fixed(values, METRICS[name].scale)
        by_day = np.logical_or.reduceat(inexact, opens, axis=1)
        listed = (steps >= np.repeat(low, lengths, axis=1)) & (
            steps < np.repeat(ends[name], lengths, axis=1)
        )
        size = np.where(ends[name] > 0, ends[name] - low, 0)
        for column, chosen, source in (
            (name, ~by_day, whole),
            (name + EXACT, by_day, values),
        ):
            if column in types:
                inside = listed & np.repeat(chosen, lengths, axis=1)
                sizes = np.where(chosen, size, 0)[row]
                lists[column] = _list(source[inside], sizes, types[column])
    fixed_columns = [
        pa.array(ids[series], pa.int32()),
        pa.array(grid.days[day].astype(np.int32)).cast(pa.date32()),
        pa.array(first, pa.int32()),
    ]
    empty = pa.nulls(series.size)
    found = [lists[n] if n in lists else empty.cast(pa.list_(t)) for n, t in types.items()]
    return pa.Table.from_arrays([*fixed_columns, *found], schema=samples_schema(types))


def _list(flat: NDArray[np.generic], sizes: Ints, kind: pa.DataType) -> pa.Array:
    """Return lists of the given sizes; one of size 0 is null."""
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(flat).cast(kind), mask=pa.array(sizes == 0)
    )
