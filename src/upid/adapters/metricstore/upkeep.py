"""Upkeep: hours into files, days into one file, and what is too old out of the store."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from upid.adapters.metricstore.clocks import Clocks, milliseconds
from upid.adapters.metricstore.durable import disk
from upid.adapters.metricstore.errors import StoreDamaged, StoreUnavailable
from upid.adapters.metricstore.head import Head
from upid.adapters.metricstore.layout import (
    DAY,
    HOUR,
    LATE,
    RAW,
    WHOLE_DAY,
    Family,
    StoreLimits,
    day_name,
    family_of,
)
from upid.adapters.metricstore.log import Log, set_aside
from upid.adapters.metricstore.manifest import Files, Listed, Place
from upid.adapters.metricstore.memory import Memory
from upid.adapters.metricstore.parquet import Reader
from upid.adapters.metricstore.shelf import Shelf, by_day
from upid.adapters.metricstore.tables import (
    RawTable,
    Table,
    from_files,
    from_memory,
    level_cells,
    level_tables,
    raw_samples,
    write,
)
from upid.core.metrics import METRICS, Metric
from upid.core.panel import Ints
from upid.core.ports.metric_store import Expired
from upid.core.rollup import Level
from upid.core.samples import Samples, joined, settled

_TOLERANCE = 1e-9  # between a sum of samples and the sum of their roll-up: order of addition
_LASTING = (Level.HOUR, Level.DAY)


class Upkeep:
    """Moves samples from memory into files. Its caller runs one of its methods at a time."""

    def __init__(
        self,
        root: Path,
        parts: tuple[Log, Memory, Shelf, Reader, Clocks],
        limits: StoreLimits,
        writing: threading.Lock,
    ) -> None:
        self._root, self._limits, self._writing = root, limits, writing
        self._log, self._memory, self._shelf, self._reader, self._clocks = parts
        self._flushed = 0  # the time before which memory had nothing when it was last flushed
        self.damaged: list[str] = []

    # ── hours ────────────────────────────────────────────────────────────────────────────────────

    def flush(self, time: int) -> None:
        """Put what is before a time, an hour's begin, into files, and drop its part of the log."""
        if time <= self._flushed:
            return
        with self._writing:
            self._log.close_segment()
            closed = self._log.closed()
            frozen = self._memory.freeze(time)
        try:
            for cluster in sorted(frozen):
                self._file(cluster, frozen[cluster], time // DAY)
        except BaseException:
            self._memory.thaw()
            raise
        with self._writing:
            self._log.drop([segment for segment in closed if segment.latest < time])
        self._flushed = time

    def _file(self, cluster: str, head: Head, today: int) -> None:
        found = list(_places(cluster, head, today))
        files = self._shelf.of(cluster)
        with self._shelf.changing(place.folder for place, _ in found):
            written: list[Listed] = []
            for place, parts in found:
                there = files.get(place)
                merged = parts if there is None else self._merged(parts, there)
                written += write(self._root, [RawTable(place)], from_memory(merged))
            self._replace(cluster, written, ())

    def _merged(self, parts: dict[Metric, Samples], there: Listed) -> dict[Metric, Samples]:
        """Return samples with those that a file has of the same hour."""
        merged = dict(parts)
        try:
            for metric in there.place.family.metrics:
                found = raw_samples(self._reader, there, metric, None)
                merged[metric] = joined([parts[metric], found] if metric in parts else [found])
        except StoreDamaged as error:
            # What is in memory must come into files all the same.
            self.damaged.append(error.message)
            with disk(self._root):
                set_aside(self._root, self._root / there.note.path)
            return parts
        return merged

    def _replace(self, cluster: str, added: Sequence[Listed], removed: Sequence[Place]) -> None:
        """Let files take the place of others, for readers all at once."""
        before = self._shelf.of(cluster)
        after = self._shelf.list_anew(cluster, added, removed)
        with self._memory.lock:
            self._shelf.publish(cluster, after)
            self._memory.filed(cluster)
        self._shelf.clear(before, after)

    # ── days ─────────────────────────────────────────────────────────────────────────────────────

    def compact(self, now: int) -> None:
        """Make one file of the hours of each day that ended, and its roll-ups.

        Late samples of a day that has its file already wait until no more can come.
        """
        settle, late = milliseconds(self._limits.settle), milliseconds(self._limits.late)
        for cluster in self._shelf.clusters():
            for (day, family), listed in by_day(self._shelf.of(cluster)).items():
                parts = {one.place.part for one in listed}
                wait = settle + (late if WHOLE_DAY in parts else 0)
                if parts != {WHOLE_DAY} and (day + 1) * DAY + wait <= now:
                    self._compact_day(cluster, day, family, listed)

    def _compact_day(self, cluster: str, day: int, family: Family, listed: list[Listed]) -> None:
        place = Place(RAW, cluster, day, family)
        tables: list[Table] = [RawTable(place), *level_tables(place, tuple(Level))]
        levels = {table.place for table in tables[1:]} & self._shelf.of(cluster).keys()
        removed = [*(one.place for one in listed), *sorted(levels)]
        try:
            with self._shelf.changing(table.place.folder for table in tables):
                written = write(self._root, tables, from_files(self._reader, listed))
                self._replace(cluster, written, removed)
        except StoreDamaged as error:
            if error.message not in self.damaged:  # the hours stay as they are, for `repair`
                self.damaged.append(error.message)

    # ── retention ────────────────────────────────────────────────────────────────────────────────

    def expire(self) -> Expired:
        """Remove what is older than its class is kept; nothing while the clocks disagree."""
        why = self._clocks.doubt()
        if why:
            return Expired(kept=(why,))
        now, _ = self._clocks.bounds()
        days, samples, kept = 0, 0, []
        for cluster in self._shelf.clusters():
            for (day, family), due in self._due(self._shelf.of(cluster), now).items():
                raw = [one for one in due if one.place.resolution == RAW]
                try:
                    self._remove_day(cluster, raw, due)
                except (StoreDamaged, StoreUnavailable) as error:
                    kept.append(
                        f"{cluster!r} keeps {family.name} of {day_name(day)}: {error.message}"
                    )
                    continue
                days += bool(raw)
                samples += sum(one.note.samples for one in raw)
        return Expired(days, samples, tuple(kept))

    def _due(self, files: Files, now: int) -> dict[tuple[int, Family], list[Listed]]:
        found: dict[tuple[int, Family], list[Listed]] = {}
        for place in sorted(files):
            kept = self._limits.kept(place.family, place.resolution)
            if (place.day + 1) * DAY + milliseconds(kept) <= now:
                found.setdefault((place.day, place.family), []).append(files[place])
        return found

    def _remove_day(self, cluster: str, raw: list[Listed], due: list[Listed]) -> None:
        """Remove files of a day; raw ones only after their lasting roll-ups were verified."""
        places = [one.place for one in due]
        tables = self._lasting(raw[0].place, set(places)) if raw else []
        files = self._shelf.of(cluster)
        missing = [table for table in tables if table.place not in files]
        with self._shelf.changing(one.folder for one in (*places, *(t.place for t in missing))):
            added = write(self._root, missing, from_files(self._reader, raw)) if missing else []
            there = dict(files) | {one.place: one for one in added}
            for table in tables:
                self._verify(raw, there[table.place])
            self._replace(cluster, added, places)

    @staticmethod
    def _lasting(raw: Place, due: set[Place]) -> list[Table]:
        """Return the roll-ups of a day that outlive its samples."""
        tables = level_tables(replace(raw, part=WHOLE_DAY), _LASTING, always=True)
        return [table for table in tables if table.place not in due]

    def _verify(self, raw: list[Listed], level: Listed) -> None:
        """Raise StoreDamaged where a roll-up has not the count and the sum of its samples."""
        for ids, parts in from_files(self._reader, raw)():
            for metric, samples in parts.items():
                rolled = level_cells(self._reader, level, metric, ids)
                counts = np.zeros(ids.size, np.int64)
                sums = np.zeros(ids.size)
                if rolled is not None:
                    place = np.searchsorted(ids, rolled.series())
                    np.add.at(counts, place, rolled.counts)
                    np.add.at(sums, place, rolled.sums)
                place = np.searchsorted(ids, samples.series())
                np.subtract.at(counts, place, 1)
                total = np.bincount(place, samples.values, ids.size)
                if counts.any() or not np.allclose(sums, total, _TOLERANCE, atol=_TOLERANCE):
                    raise self._reader.damaged(level, f"it does not add up for {metric.name!r}")


def _places(cluster: str, head: Head, today: int) -> Iterator[tuple[Place, dict[Metric, Samples]]]:
    """Yield the samples of a head by family and place: hours of today, late ones of days before."""
    families: dict[Family, dict[int, dict[Metric, Samples]]] = {}
    for name, samples in head.columns():
        metric = METRICS[name]
        places = families.setdefault(family_of(metric), {})
        hours = samples.times // HOUR
        days = hours * HOUR // DAY
        for key, found in _by_key(samples, np.where(days < today, days * DAY // HOUR, hours)):
            places.setdefault(key, {})[metric] = found
    for family, places in sorted(families.items()):
        for hour, parts in sorted(places.items()):
            day, part = divmod(hour, DAY // HOUR)
            name = LATE if day < today else f"{part:02}"
            yield Place(RAW, cluster, day, family, name), parts


def _by_key(samples: Samples, keys: Ints) -> Iterator[tuple[int, Samples]]:
    """Yield the samples of each key; one sort, however many keys there are."""
    if bool((keys == keys[0]).all()):
        yield int(keys[0]), samples
        return
    order = np.argsort(keys, kind="stable")
    series, times, values = samples.series()[order], samples.times[order], samples.values[order]
    begins = np.flatnonzero(np.diff(keys[order], prepend=-1))
    for first, stop in pairwise([*begins.tolist(), order.size]):
        part = slice(first, stop)
        yield int(keys[order[first]]), settled(series[part], times[part], values[part])
