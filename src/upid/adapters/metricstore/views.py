"""What one metric of one cluster was at one instant: parts of the head, and files."""

from collections.abc import Sequence
from dataclasses import dataclass

from upid.adapters.metricstore.head import MetricHead
from upid.adapters.metricstore.layout import DAY, HOUR, LATE, RAW, WHOLE_DAY, family_of
from upid.adapters.metricstore.manifest import Files, Listed, Place
from upid.adapters.metricstore.parquet import Reader
from upid.adapters.metricstore.tables import level_cells, raw_samples
from upid.core.metrics import Metric
from upid.core.panel import Ints
from upid.core.rollup import Level, Rollup, chained, roll
from upid.core.samples import Samples, joined

_HOURS = tuple(f"{hour:02}" for hour in range(DAY // HOUR))


@dataclass(frozen=True, slots=True)
class View:
    """One metric of one cluster. Its methods raise StoreDamaged, and FileMoved where it is old."""

    reader: Reader
    cluster: str
    metric: Metric
    heads: Sequence[MetricHead]
    files: Files

    def samples(self, low: int, high: int, ids: Ints | None) -> Samples:
        """Return the samples with low ≤ time < high."""
        parts = []
        for day in self._days(low, high):
            for listed in self._raw(day):
                if _overlaps(listed.place, low, high):
                    found = raw_samples(self.reader, listed, self.metric, ids)
                    parts.append(found.within(low, high))
        return joined([*parts, self._in_memory(low, high, ids)])

    def cells(self, level: Level, low: int, high: int, ids: Ints | None) -> Rollup:
        """Return the cells of a level with low ≤ time < high, both whole steps.

        Days that have late samples, or are not over, are rolled up as they are read.
        """
        recent = self._in_memory(low, high, ids)
        parts = []
        for day in sorted({*self._days(low, high), *_days_of(recent)}):
            inside = max(low, day * DAY), min(high, (day + 1) * DAY)
            place = Place(level, self.cluster, day, family_of(self.metric))
            fresh = recent.within(*inside)
            raw = self._raw(day)
            filed = {listed.place.part for listed in raw} <= {WHOLE_DAY} and not len(fresh)
            if filed and place in self.files:
                found = level_cells(self.reader, self.files[place], self.metric, ids)
                parts += [] if found is None else [found.within(*inside)]
                continue
            samples = [raw_samples(self.reader, one, self.metric, ids) for one in raw]
            samples = [one.within(*inside) for one in samples]
            parts.append(roll(joined([*samples, fresh]), level, self.metric.scale))
        return chained(parts)

    def _days(self, low: int, high: int) -> list[int]:
        """Return the days with files that may have something between two times."""
        family = family_of(self.metric)
        days = {place.day for place in self.files if place.family == family}
        return sorted(day for day in days if day * DAY < high and (day + 1) * DAY > low)

    def _raw(self, day: int) -> list[Listed]:
        family = family_of(self.metric)
        places = (Place(RAW, self.cluster, day, family, one) for one in (WHOLE_DAY, *_HOURS, LATE))
        return [self.files[place] for place in places if place in self.files]

    def _in_memory(self, low: int, high: int, ids: Ints | None) -> Samples:
        return joined([head.samples(low, high, ids) for head in self.heads])


def _overlaps(place: Place, low: int, high: int) -> bool:
    if place.part in (WHOLE_DAY, LATE):
        return True
    begin = place.day * DAY + int(place.part) * HOUR
    return begin < high and begin + HOUR > low


def _days_of(samples: Samples) -> set[int]:
    if not len(samples):
        return set()
    return set(range(int(samples.times.min()) // DAY, int(samples.times.max()) // DAY + 1))
