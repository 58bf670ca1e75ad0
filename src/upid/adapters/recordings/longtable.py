"""Long tables of samples, CSV or Parquet, as batches of clean columns in bounded memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from upid.adapters.recordings.errors import RecordingRefused
from upid.core.metrics import LABELS, LARGEST_SAMPLE, METRICS, Entity
from upid.core.panel import Floats, Ints
from upid.kit.masking import without_secrets

_BLOCK = 4 << 20  # bytes of CSV read at once
_ROWS = 1 << 17  # rows of Parquet read at once
_NAMES = ("namespace", "pod", "container", "node", "claim", "path", "agent", "source")
_REQUEST_METRICS = ("requests", "errors")
_FAULTS = (pa.ArrowException, OSError, ValueError)
_MILLI = 1000
_LATEST = 1e11  # Unix seconds, the year 5138: larger are milliseconds or worse
_UNREADABLE = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows that speak of one metric.

    keys    (k,) labels of the series, as in `LABELS` without pod_uid
    series  (n,) index into `keys`      time  (n,) Unix milliseconds     value  (n,) its unit
    """

    metric: str
    keys: list[tuple[str, ...]]
    series: Ints
    time: Ints
    value: Floats


def key_names(entity: Entity) -> tuple[str, ...]:
    """Return the columns that tell which series a row belongs to."""
    return tuple(label for label in LABELS[entity] if label != "pod_uid")


def batches(path: Path, counts: Counter[str]) -> Iterator[Batch]:
    """Yield the rows of a table of samples; rows that cannot be used are counted and left out."""
    for table in _tables(path, ("time", "metric", "value")):
        metric = table.column("metric")
        for name in sorted(str(m) for m in pc.unique(metric).to_pylist()):
            rows = table.filter(pc.equal(metric, name))
            if name not in METRICS:
                counts[f"unknown metric {name[:40]!r}"] += len(rows)
                continue
            found = _batch(rows, name, "value", counts)
            if found is not None:
                yield found


def request_batches(path: Path, counts: Counter[str]) -> Iterator[Batch]:
    """Yield the rows of a table of requests, once for each of its two counts."""
    for table in _tables(path, ("time", "namespace", "pod", *_REQUEST_METRICS)):
        for name in _REQUEST_METRICS:
            found = _batch(table, name, name, counts)
            if found is not None:
                yield found


def _batch(table: pa.Table, name: str, column: str, counts: Counter[str]) -> Batch | None:
    time, value = _times(table.column("time")), _values(table.column(column))
    keep = np.ones(len(table), dtype=bool)
    for what, bad in (
        ("unreadable times", time == _UNREADABLE),
        ("NaN or missing values", np.isnan(value)),
        ("infinite values", np.isinf(value)),
        ("negative values", value < 0),
        ("values beyond measure", value > LARGEST_SAMPLE),
    ):
        wrong = bad & keep
        if wrong.any():
            counts[what] += int(wrong.sum())
        keep &= ~bad
    if not keep.any():
        return None
    columns = key_names(METRICS[name].entity)
    rows = table.select([c for c in columns if c in table.column_names]).filter(pa.array(keep))
    keys, series = _grouped(rows, columns)
    return Batch(name, keys, series, time[keep], value[keep])


def _grouped(table: pa.Table, columns: Sequence[str]) -> tuple[list[tuple[str, ...]], Ints]:
    """Return the different rows of some columns, and which of them each row is."""
    code = np.zeros(len(table), dtype=np.int64)
    for name in columns:
        if name in table.column_names:
            found = table.column(name).combine_chunks().dictionary_encode()
            size = len(found.dictionary) + 1
            code = code * size + found.indices.to_numpy(zero_copy_only=False)
            _, code = np.unique(code, return_inverse=True)  # stays small, never overflows
    _, first, series = np.unique(code, return_index=True, return_inverse=True)
    rows = table.take(pa.array(first)) if table.num_columns else table
    lists = [
        rows.column(n).to_pylist() if n in table.column_names else [""] * first.size
        for n in columns
    ]
    return list(zip(*lists, strict=True)), series.astype(np.int64)


def _tables(path: Path, needed: Sequence[str]) -> Iterator[pa.Table]:
    """Yield parts of a table with its label columns as text."""
    try:
        for batch in _parquet(path) if path.suffix == ".parquet" else _csv(path):
            table = pa.Table.from_batches([batch])
            missing = [name for name in needed if name not in table.column_names]
            if missing:
                raise RecordingRefused(
                    str(path),
                    f"it has no column '{missing[0]}'; it has {', '.join(table.column_names)}",
                    "its columns are described in docs/guide/recordings.md",
                )
            yield _texts(table)
    except _FAULTS as error:
        raise RecordingRefused(str(path), f"it cannot be read: {error}") from error


def _csv(path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        names = file.readline(1 << 16).decode("utf-8-sig", "replace").strip().split(",")
    types = {name.strip().strip('"'): pa.string() for name in names}
    convert = pcsv.ConvertOptions(column_types=types, strings_can_be_null=False)
    with pcsv.open_csv(
        path,
        read_options=pcsv.ReadOptions(block_size=_BLOCK, use_threads=False),
        convert_options=convert,
    ) as reader:
        yield from reader


def _parquet(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(_ROWS, use_threads=False)


def _texts(table: pa.Table) -> pa.Table:
    for name in ("metric", *_NAMES):
        if name in table.column_names:
            place = table.column_names.index(name)
            column = pc.fill_null(table.column(name).cast(pa.string()), "")
            if name == "path":
                column = _masked(column)
            table = table.set_column(place, name, column)
    return table


def _masked(column: pa.ChunkedArray) -> pa.Array:
    """Return paths without the tokens that people put into their queries."""
    found = column.combine_chunks().dictionary_encode()
    told = pa.array([without_secrets(path) for path in found.dictionary.to_pylist()], pa.string())
    return told.take(found.indices)


def _values(column: pa.ChunkedArray) -> Floats:
    """Return figures as float64, NaN for what is not one."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid:
            return np.array([_float(text) for text in column.to_pylist()])
    column = pc.fill_null(column.cast(pa.float64(), safe=False), np.nan)
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _times(column: pa.ChunkedArray) -> Ints:
    """Return Unix milliseconds, from instants, RFC 3339 text or Unix seconds."""
    if pa.types.is_timestamp(column.type):
        zoned = column.cast(pa.timestamp("ms", tz="UTC"), safe=False)
        found = pc.fill_null(zoned.cast(pa.int64()), int(_UNREADABLE))
        return np.asarray(found.to_numpy(), dtype=np.int64)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            return _milli(np.asarray(column.cast(pa.float64()).to_numpy()))
        except pa.ArrowInvalid:
            return _instants(column)
    return _milli(_values(column))


def _instants(column: pa.ChunkedArray) -> Ints:
    try:
        found = column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
        return np.asarray(pc.fill_null(found, int(_UNREADABLE)).to_numpy(), dtype=np.int64)
    except pa.ArrowInvalid:
        return np.array([_instant(text) for text in column.to_pylist()], dtype=np.int64)


def _instant(text: str | None) -> int:
    seconds = _float(text)
    try:
        if not np.isnan(seconds):
            return round(seconds * _MILLI)
        found = datetime.fromisoformat(text or "")
        if found.tzinfo is None:
            return int(_UNREADABLE)
        return round(found.astimezone(UTC).timestamp() * _MILLI)
    except (ValueError, OverflowError):
        return int(_UNREADABLE)


def _milli(seconds: NDArray[np.float64]) -> Ints:
    sane = np.abs(seconds) < _LATEST
    found = np.rint(np.where(sane, seconds, 0.0) * _MILLI).astype(np.int64)
    return np.where(sane, found, _UNREADABLE)
