"""Where things are in a store's folder, and what its settings mean.

    store.json                       format and version
    lock                             held by the process that writes
    clock.json                       the latest time that the store trusted
    wal/000000000001.wal             what was acknowledged and is in no file yet
    manifest/<cluster>/2026-03.json  which files count, with their checksums
    resolution=raw/cluster=<cluster>/day=2026-03-02/container-resource.day.<hash>.parquet
    quarantine/                      damaged files, set aside

A file's name ends with its own checksum, so that equal content has an equal name, and a name
always means the same bytes.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from upid.adapters.metricstore.errors import BatchRefused
from upid.core.metrics import METRICS, Entity, Metric
from upid.core.retention import RetentionClass, class_of
from upid.core.rollup import Level

FORMAT = "upid-metric-store"
VERSION = 1
WAL, MANIFEST, QUARANTINE = "wal", "manifest", "quarantine"
STORE, LOCK = "store.json", "lock"
RAW = "raw"
WHOLE_DAY = "day"
LATE = "late"  # what came when its day was over, whatever its hour
BESIDE = ".beside"  # ending of a file that is being written

HOUR, DAY = 3_600_000, 86_400_000  # milliseconds
ROWS = 128  # rows of a row group: what is read for one series is its group
MAX_ID = (1 << 31) - 1
EARLIEST, LATEST = 0, 253_370_764_800_000  # milliseconds: 1970 up to the year 9999

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """The store's settings.

    late            samples older than this are refused, by count
    ahead           likewise samples further in the future than this
    settle          a day becomes one file when it ended this long ago
    segment_bytes   a log file is closed when it has reached this size
    clock_differs   wall and monotonic clock may differ by this before retention stops
    clock_rests     how long a clock that had jumped must run evenly before retention goes on
    keep_…          how long raw samples and roll-ups under an hour are kept, by class
    keep_rollups    how long roll-ups of an hour and longer are kept
    """

    late: timedelta = timedelta(hours=24)
    ahead: timedelta = timedelta(minutes=10)
    settle: timedelta = timedelta(hours=1)
    segment_bytes: int = 64 << 20
    clock_differs: timedelta = timedelta(minutes=5)
    clock_rests: timedelta = timedelta(hours=24)
    keep_resource: timedelta = timedelta(days=90)
    keep_performance: timedelta = timedelta(days=180)
    keep_cost: timedelta = timedelta(days=365)
    keep_rollups: timedelta = timedelta(days=365)

    def raw(self, kept_as: RetentionClass) -> timedelta:
        """Return how long raw samples of a class are kept."""
        return {
            RetentionClass.RESOURCE: self.keep_resource,
            RetentionClass.PERFORMANCE: self.keep_performance,
            RetentionClass.COST: self.keep_cost,
        }[kept_as]

    def kept(self, family: "Family", resolution: str) -> timedelta:
        """Return how long files of a family and resolution are kept."""
        raw = self.raw(family.kept_as)
        lasting = resolution in (Level.HOUR, Level.DAY)
        return max(raw, self.keep_rollups) if lasting else raw


@dataclass(frozen=True, slots=True, order=True)
class Family:
    """Metrics that share files: of one entity, and kept equally long."""

    entity: Entity
    kept_as: RetentionClass

    @property
    def name(self) -> str:
        """The first part of the names of its files."""
        return f"{self.entity.value}-{self.kept_as.value}"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Its metrics, in the order of their columns."""
        return tuple(one for one in METRICS.values() if family_of(one) == self)


def family_of(metric: Metric) -> Family:
    """Return the family of a metric."""
    return Family(metric.entity, class_of(metric))


FAMILIES = {family.name: family for family in sorted({family_of(one) for one in METRICS.values()})}


def checked_cluster(name: str) -> str:
    """Return a cluster's id that may be part of a path; raise BatchRefused for any other."""
    if _NAME.fullmatch(name) is None:
        raise BatchRefused(name[:100], "a cluster's id has letters, digits, '_', '-' and '.' only")
    return name


def day_name(day: int) -> str:
    """Return a day, counted from 1970, as it is written in paths."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def month_name(day: int) -> str:
    """Return the month that a day, counted from 1970, is in."""
    return day_name(day)[:7]


def day_number(name: str) -> int:
    """Return the day that a text such as 2026-03-02 names, counted from 1970."""
    return (date.fromisoformat(name) - _EPOCH).days


def instant(milliseconds: int) -> datetime:
    """Return Unix milliseconds as an instant."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def folder_of(resolution: str, cluster: str, day: int) -> Path:
    """Return where a partition is, within the store."""
    return Path(f"resolution={resolution}", f"cluster={cluster}", f"day={day_name(day)}")
