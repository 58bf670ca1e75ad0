"""Decoded batches put together into the arrays of one panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from upid.adapters.recordings.decode import BadSamples, Piece, Rows
from upid.core.panel import Floats, Ints, Runs

Number = TypeVar("Number", np.float64, np.int64)


@dataclass(frozen=True, slots=True)
class Assembled:
    """The arrays of a panel; as in `upid.core.panel.Panel`. Without runs it is dense."""

    values: Floats
    runs: Runs | None
    offsets: Ints


def assembled(pieces: Sequence[Piece], ids: Ints, low: int, high: int) -> Assembled:
    """Return the samples of the series `ids` in the steps low ≤ step < high, series by series.

    pieces  in the order of the file: by series, then day
    ids     (s,) rising; series that no piece speaks of come out empty
    """
    _check_order(pieces)
    cut = [_cut(piece, ids, low, high) for piece in pieces]
    per_series = np.zeros(ids.size, dtype=np.int64)
    for piece in cut:
        np.add.at(per_series, np.searchsorted(ids, piece.rows.series), piece.counts)
    offsets = np.concatenate([[0], np.cumsum(per_series)])
    values = _joined([piece.values for piece in cut], np.float64)
    span = high - low
    if span and ids.size and bool((per_series == span).all()):
        return Assembled(values, None, offsets)  # rising steps within `span`, so all of them
    steps = _joined([piece.runs.steps for piece in cut], np.int64)
    lengths = _joined([np.diff(piece.runs.begins) for piece in cut], np.int64)
    return Assembled(values, _merged(steps - low, lengths, offsets), offsets)


def _merged(steps: Ints, lengths: Ints, offsets: Ints) -> Runs:
    """Return runs of a day each as runs that go on into the next day where the series does."""
    begins = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    opens = np.ones(steps.size, dtype=np.bool_)
    opens[1:] = steps[1:] != steps[:-1] + lengths[:-1]
    opens[np.searchsorted(begins, offsets[:-1][np.diff(offsets) > 0])] = True
    return Runs(steps[opens], np.append(begins[:-1][opens], begins[-1]))


def _check_order(pieces: Sequence[Piece]) -> None:
    """Raise where one batch does not follow the one before it."""
    last = (-1, 0)
    for piece in pieces:
        rows = piece.rows
        if rows.series.size:
            if (int(rows.series[0]), int(rows.day[0])) <= last:
                raise BadSamples("its rows are not sorted by series and day")
            last = int(rows.series[-1]), int(rows.day[-1])


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


def _joined(arrays: Sequence[NDArray[Number]], kind: type[Number]) -> NDArray[Number]:
    if not arrays:
        return np.empty(0, dtype=kind)
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
