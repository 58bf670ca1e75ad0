"""Lists of different lengths, row by row, between NumPy and Arrow."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from upid.core.panel import Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """A list column: some rows have a list, the others have none.

    there    (r,)  whether the row has a list
    counts   (l,)  elements of the lists that are there
    flat     (n,)  elements, end to end
    missing  (n,)  elements that are null; None: none is
    """

    there: Bools
    counts: Ints
    flat: NDArray[Any]
    missing: Bools | None = None

    def arrow(self, kind: pa.DataType) -> pa.Array:
        """Return it as a list column of a type."""
        counts = np.zeros(self.there.size, np.int64)
        counts[self.there] = self.counts
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        values = pa.array(self.flat, mask=self.missing).cast(kind)
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~self.there))


def lists(column: pa.ChunkedArray | pa.Array) -> Lists:
    """Return a list column of numbers."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    there = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    lengths = np.diff(column.offsets.to_numpy())
    values = column.flatten()
    missing = None
    if values.null_count:
        missing = np.asarray(values.is_null().to_numpy(zero_copy_only=False), np.bool_)
        values = values.fill_null(0)
    return Lists(there, lengths[there].astype(np.int64), values.to_numpy(), missing)


def numbers(flat: Ints, there: Bools, kind: pa.DataType) -> pa.Array:
    """Return a column with a number in the rows that have one.

    flat  (l,) of the rows for which (r,) `there` is true
    """
    whole = np.zeros(there.size, np.int64)
    whole[there] = flat
    return pa.array(whole, mask=~there).cast(kind)


def filled(column: pa.ChunkedArray) -> Ints:
    """(r,) a column of numbers, 0 where there is none."""
    found: Ints = column.fill_null(0).to_numpy().astype(np.int64)
    return found


def spread(begins: Ints, counts: Ints) -> Ints:
    """(n,) begin, begin + 1, … of each of (l,) stretches, end to end."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if ends.size else 0
    found: Ints = np.arange(total) + np.repeat(begins - (ends - counts), counts)
    return found
