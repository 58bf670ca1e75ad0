"""The recording format, version 1: names of its members, its limits, its columns, its steps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from upid.core.metrics import LABELS, METRICS, Entity, Metric
from upid.core.window import Window

FORMAT = "upid-recording"
VERSION = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"  # as `sha256sum` prints it, so that an unpacked recording stays sealed
OBJECTS = "objects.parquet"
PRICES = "prices.json"
CHECKS = ".crc32"  # beside each Parquet member: CRC-32 of each column chunk
PERMITTED = re.compile(
    r"manifest\.json|manifest\.sha256|prices\.json|objects\.parquet(\.crc32)?"
    r"|series/[a-z]{1,16}\.parquet(\.crc32)?|samples/[0-9]{1,5}[smhd]/[a-z]{1,16}\.parquet(\.crc32)?"
)

# Limits on what a reader believes; each far above what the largest cluster needs.
MAX_MEMBERS = 64
MAX_DIRECTORY = 64 << 10  # bytes of a ZIP's central directory; ours take under 2 KiB
MAX_SMALL = 8 << 20  # bytes of a member that is read whole: manifest, prices
MAX_CHECKS = 64 << 20  # bytes of a `.crc32` member: 16 million column chunks
MAX_FOOTER = 64 << 20  # bytes of a Parquet footer: 128,000 containers for three weeks take 30 MiB
MAX_COLUMNS = 64  # Parquet schema elements; the widest member has 36
MAX_SERIES = 1 << 24
MAX_SPAN = 1 << 22  # steps in a window: 13 years of 100 seconds
MAX_BODY = 4 << 20  # bytes of one object; etcd refuses more than 1.5 MiB
MAX_PAGE = 64 << 20  # bytes of one page once unpacked; ours hold at most 1 MiB, or one object
ROWS = 128  # a row group of samples; one series' week in 5-minute steps is 7 rows
OBJECT_ROWS = 1024  # a row group of objects, or fewer when they reach OBJECT_BYTES
OBJECT_BYTES = 4 << 20
SERIES_ROWS = 65536

DAY = 86_400  # seconds
GAP = -1  # in an integer list: no sample at this step
EXACT = "_exact"  # ending of the column with what fixed point does not hold


def metrics_of(entity: Entity) -> list[Metric]:
    """Return the metrics of an entity in the order of their columns."""
    return [metric for metric in METRICS.values() if metric.entity is entity]


def series_member(entity: Entity) -> str:
    """Return where the labels of an entity's series are."""
    return f"series/{entity.value}.parquet"


def samples_member(entity: Entity, cadence: int) -> str:
    """Return where an entity's samples are."""
    return f"samples/{cadence_name(cadence)}/{entity.value}.parquet"


def cadence_name(seconds: int) -> str:
    """Return a cadence as people write it: `5m`, `15s`, `1h`."""
    for size, letter in ((DAY, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


OBJECT_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("namespace", pa.string()),
        ("name", pa.string()),
        ("uid", pa.string()),
        ("since", pa.timestamp("ms", tz="UTC")),
        ("until", pa.timestamp("ms", tz="UTC")),
        ("body", pa.string()),
    ]
)


def series_schema(entity: Entity) -> pa.Schema:
    """Return the columns of a `series/` member."""
    return pa.schema([("id", pa.int32()), *((label, pa.string()) for label in LABELS[entity])])


def samples_schema(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the columns of a `samples/` member with the given list columns."""
    fixed = [("series", pa.int32()), ("day", pa.date32()), ("first", pa.int32())]
    return pa.schema([*fixed, *((name, pa.list_(kind)) for name, kind in columns.items())])


def samples_like(entity: Entity, found: pa.Schema) -> pa.Schema:
    """Return the columns that a `samples/` member must have, given which of the optional it has."""
    columns: dict[str, pa.DataType] = {}
    for metric in metrics_of(entity):
        if metric.name in found.names:
            wide = found.field(metric.name).type == pa.list_(pa.int64())
            columns[metric.name] = pa.int64() if wide else pa.int32()
        if metric.name + EXACT in found.names:
            columns[metric.name + EXACT] = pa.float64()
    return samples_schema(columns)


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of a recording and the UTC days they are filed under.

    Step k starts `start` + k × `cadence` seconds; its day is the day of that instant, and its
    number within the day is the whole cadences since midnight. Any window and any cadence up to a
    day fit: where cadences do not divide the day, each day simply starts a little later.
    """

    start: int  # Unix seconds
    cadence: int  # seconds
    span: int  # steps

    @classmethod
    def of(cls, window: Window, cadence: int) -> "Grid":
        """Return the grid that covers a window."""
        return cls(round(window.start.timestamp()), cadence, -(-window.seconds // cadence))

    def origin(self, day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the step that is number 0 of each day (days since 1970); may be negative."""
        return -((self.start - day * DAY) // self.cadence)

    @property
    def days(self) -> NDArray[np.int64]:
        """(d,) the days that have steps, rising."""
        last = self.start + (self.span - 1) * self.cadence
        return np.arange(self.start // DAY, last // DAY + 1, dtype=np.int64)

    def edges(self, days: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first step of each day and the first step after it, within the window."""
        return self.origin(days).clip(0, self.span), self.origin(days + 1).clip(0, self.span)

    def within(self, window: Window | None) -> tuple[int, int]:
        """Return the half-open range of steps that start within a window."""
        if window is None:
            return 0, self.span
        low = -((self.start - window.start.timestamp()) // self.cadence)
        high = -((self.start - window.end.timestamp()) // self.cadence)
        first = min(max(int(low), 0), self.span)
        return first, min(max(int(high), first), self.span)

    def instant(self, step: int) -> datetime:
        """Return when a step starts."""
        return datetime.fromtimestamp(self.start, UTC) + timedelta(seconds=step * self.cadence)
