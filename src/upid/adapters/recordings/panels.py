"""Decoded batches put together into the arrays of one panel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from upid.adapters.recordings.decode import BadSamples, Piece, Rows
from upid.core.panel import Floats, Ints, Runs


@dataclass(frozen=True, slots=True)
class Assembled:
    """The arrays of a panel; as in `upid.core.panel.Panel`. Without runs it is dense."""

    values: Floats
    runs: Runs | None
    offsets: Ints


class Assembly:
    """The samples of the series `ids` in the steps low ≤ step < high, put in place as they come.

    ids       (s,) rising; series that no batch speaks of come out empty
    capacity  samples that all batches may have together; what is not filled takes no memory

    Batches are decoded straight into `room`, so that a panel is in memory once, not twice: half
    the time of a panel of ten thousand pods went into copying it.
    """

    def __init__(self, ids: Ints, low: int, high: int, capacity: int) -> None:
        self._ids, self._low, self._high = ids, low, high
        self.room: Floats = np.empty(capacity)
        self._filled = 0
        self._per_series = np.zeros(ids.size, dtype=np.int64)
        self._steps: list[Ints] = []
        self._lengths: list[Ints] = []
        self._last = (-1, 0)

    def add(self, piece: Piece) -> None:
        """Take the next batch, in the order of the file; raise BadSamples where it is not next.

        Its values may lie in `room`, at or behind the end of those of the batch before it.
        """
        self._check_order(piece.rows)
        cut = _cut(piece, self._ids, self._low, self._high)
        stop = self._filled + cut.values.size
        target = self.room[self._filled : stop]
        if target.ctypes.data != cut.values.ctypes.data:
            target[:] = cut.values
        self._filled = stop
        np.add.at(self._per_series, np.searchsorted(self._ids, cut.rows.series), cut.counts)
        self._steps.append(cut.runs.steps)
        self._lengths.append(np.diff(cut.runs.begins))

    def whole(self) -> Assembled:
        """Return all that was added; nothing can be added any more."""
        values, self.room = self.room, np.empty(0)
        if self._filled < values.size:
            values.resize(self._filled, refcheck=False)  # gives back what gaps left over
        offsets = np.concatenate([[0], np.cumsum(self._per_series)])
        span = self._high - self._low
        if span and self._ids.size and bool((self._per_series == span).all()):
            return Assembled(values, None, offsets)  # rising steps within `span`, so all of them
        steps, lengths = _joined(self._steps), _joined(self._lengths)
        return Assembled(values, _merged(steps - self._low, lengths, offsets), offsets)

    def _check_order(self, rows: Rows) -> None:
        """Raise where a batch does not follow the one before it."""
        if rows.series.size:
            if (int(rows.series[0]), int(rows.day[0])) <= self._last:
                raise BadSamples("its rows are not sorted by series and day")
            self._last = int(rows.series[-1]), int(rows.day[-1])


def _merged(steps: Ints, lengths: Ints, offsets: Ints) -> Runs:
    """Return runs of a day each as runs that go on into the next day where the series does."""
    begins = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    opens = np.ones(steps.size, dtype=np.bool_)
    opens[1:] = steps[1:] != steps[:-1] + lengths[:-1]
    opens[np.searchsorted(begins, offsets[:-1][np.diff(offsets) > 0])] = True
    return Runs(steps[opens], np.append(begins[:-1][opens], begins[-1]))


def _cut(piece: Piece, ids: Ints, low: int, high: int) -> Piece:
    """Return what a batch has of the wanted series and steps."""
    rows = piece.rows
    place = np.searchsorted(ids, rows.series).clip(0, ids.size - 1)
    wanted = ids[place] == rows.series
    inside = (rows.start >= low) & (rows.start + rows.room <= high)
    if wanted.all() and inside.all():
        return piece
    steps = piece.runs.expanded()
    keep = (steps >= low) & (steps < high) & np.repeat(wanted, piece.counts)
    kept = np.concatenate([[0], np.cumsum(keep)])
    counts = np.diff(kept[np.concatenate([[0], np.cumsum(piece.counts)])])
    begins = kept[piece.runs.begins]
    some = np.diff(begins) > 0
    first = np.maximum(piece.runs.steps[some], low)
    runs = Runs(first, np.append(begins[:-1][some], begins[-1]))
    return Piece(_only(rows, wanted), piece.values[keep], counts[wanted], runs)


def _only(rows: Rows, wanted: NDArray[np.bool_]) -> Rows:
    return Rows(rows.series[wanted], rows.start[wanted], rows.room[wanted], rows.day[wanted])


def _joined(arrays: Sequence[Ints]) -> Ints:
    return np.concatenate([np.empty(0, dtype=np.int64), *arrays])
