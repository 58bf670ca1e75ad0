"""What a store takes: columns that make sense, samples within bounds of time and measure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from upid.adapters.metricstore.errors import BatchRefused
from upid.adapters.metricstore.layout import EARLIEST, LATEST, MAX_ID
from upid.adapters.metricstore.records import Columns, columns_of
from upid.core.metrics import LARGEST_SAMPLE, METRICS
from upid.core.panel import Floats, Ints
from upid.core.ports.metric_store import Appended, Batch


class Bounds(NamedTuple):
    """Samples with low ≤ time ≤ high are taken, Unix milliseconds."""

    low: int
    high: int


def accepted(batches: Sequence[Batch], bounds: Bounds) -> tuple[list[Columns], Appended]:
    """Return the samples that are taken, and how many were and were not.

    Raises BatchRefused for columns that are none: those are mistakes of the sender's program.
    """
    found: list[Columns] = []
    late = ahead = unfit = 0
    for batch in batches:
        ids, times, values = _checked(batch)
        early, future = times < max(bounds.low, EARLIEST), times > min(bounds.high, LATEST)
        odd = ~((values >= 0) & (values <= LARGEST_SAMPLE))  # NaN compares as neither
        unfit += int(np.count_nonzero(odd))
        late += int(np.count_nonzero(early & ~odd))
        ahead += int(np.count_nonzero(future & ~odd))
        refused = odd | early | future
        if refused.any():
            kept = ~refused
            times = times[kept] if times.size == kept.size else times
            ids, values = ids[kept], values[kept]
        if ids.size:
            found.append(columns_of(batch.metric.name, ids, times, values))
    return found, Appended(sum(one.ids.size for one in found), late, ahead, unfit)


def _checked(batch: Batch) -> tuple[Ints, Ints, Floats]:
    name = batch.metric.name
    if METRICS.get(name) != batch.metric:
        raise BatchRefused(name, "it is no metric that UPID keeps")
    ids, times, values = (np.asarray(one) for one in (batch.ids, batch.times, batch.values))
    kinds = ids.dtype.kind + times.dtype.kind + values.dtype.kind
    if any(one.ndim != 1 for one in (ids, times, values)) or kinds not in ("iif", "iii"):
        raise BatchRefused(name, "ids and times are whole numbers and values are numbers, in rows")
    if ids.size != values.size or times.size not in (1, ids.size):
        raise BatchRefused(
            name, f"there are {ids.size} ids, {times.size} times and {values.size} values"
        )
    if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) <= MAX_ID:
        raise BatchRefused(name, f"an id is not between 0 and {MAX_ID}")
    return ids.astype(np.int64), times.astype(np.int64), values.astype(np.float64)
