"""Samples on disk while a recording is written, so that memory does not grow with it."""

import os
from pathlib import Path

import numpy as np

from upid.core.panel import Floats, Ints

_NONE = -1


class Scratch:
    """One metric's samples, a row of `span` float64 for each series that has any."""

    def __init__(self, path: Path, span: int) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._span = span
        self._width = span * 8
        self._place = np.empty(0, dtype=np.int64)  # series → row of the file, or _NONE
        self._used = 0

    @property
    def series(self) -> int:
        """How many series have a row."""
        return self._used

    def add(self, ids: Ints, values: Floats, first: int) -> None:
        """Store samples (s, k) of the steps from `first`; what is NaN leaves what was there."""
        self._reach(int(ids.max()) + 1)
        fresh = ids[self._place[ids] == _NONE]
        self._place[fresh] = self._used + np.arange(fresh.size)
        self._used += fresh.size
        seen = set(fresh.tolist())
        for number, row in zip(ids.tolist(), values, strict=True):
            if number in seen:
                whole = np.full(self._span, np.nan)
            else:
                whole = self._row(int(self._place[number])).copy()
            part = whole[first : first + row.size]
            np.copyto(part, row, where=~np.isnan(row))
            self._write(whole, int(self._place[number]))

    def rows(self, ids: Ints) -> Floats:
        """Return (s, span) samples, NaN where there are none."""
        found = np.full((ids.size, self._span), np.nan)
        for index, number in enumerate(ids.tolist()):
            if number < self._place.size and self._place[number] != _NONE:
                found[index] = self._row(int(self._place[number]))
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _reach(self, size: int) -> None:
        if size > self._place.size:
            more = np.full(max(size, 2 * self._place.size) - self._place.size, _NONE)
            self._place = np.concatenate([self._place, more])

    def _row(self, place: int) -> Floats:
        return np.frombuffer(os.pread(self._file, self._width, place * self._width))

    def _write(self, row: Floats, place: int) -> None:
        view = memoryview(row.tobytes())
        at = place * self._width
        while view:
            written = os.pwrite(self._file, view, at)
            view, at = view[written:], at + written
