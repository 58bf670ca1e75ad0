"""What a record of the log holds: columns of samples, or that a cluster was removed."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from upid.core.fixedpoint import from_fixed, to_fixed
from upid.core.metrics import METRICS
from upid.core.panel import Floats, Ints

_WIDE = 1 << 31
_INT32, _INT64, _FLOAT64 = "<i4", "<i8", "<f8"


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Accepted samples of one metric.

    ids     (n,) series      times  (n,), or (1,) where all have the same
    values  (n,) in the metric's unit
    whole   (n,) values in fixed point; 0 where that does not hold them
    held    (n,) where it does
    """

    metric: str
    ids: Ints
    times: Ints
    values: Floats
    whole: Ints
    held: NDArray[np.bool_]


class Part(msgspec.Struct, array_like=True):
    """Columns as bytes.

    ids as differences in int32, none where they are those of the part before; times as
    differences; values in fixed point where all of them fit.
    """

    metric: str
    size: int
    ids: bytes
    times: bytes
    kind: str
    values: bytes


class Record(msgspec.Struct, array_like=True):
    """One record; without parts it says that all before it of the cluster is removed."""

    cluster: str
    parts: list[Part]


_DECODER = msgspec.msgpack.Decoder(Record)


def encoded(cluster: str, columns: Sequence[Columns]) -> bytes:
    """Return columns as a record."""
    parts: list[Part] = []
    before: Ints | None = None
    for one in columns:
        same = before is not None and np.array_equal(before, one.ids)
        ids = b"" if same else np.diff(one.ids, prepend=0).astype("<i4").tobytes()
        kind, values = _values(one)
        times = np.diff(one.times, prepend=0).astype("<i8").tobytes()
        parts.append(Part(one.metric, one.ids.size, ids, times, kind, values))
        before = one.ids
    return msgspec.msgpack.encode(Record(cluster, parts))


def decoded(payload: bytes) -> tuple[str, list[tuple[str, Ints, Ints, Floats]]]:
    """Return a record's cluster, and metric, ids, times and values of each part.

    Raises ValueError for what no writer of this version wrote.
    """
    try:
        record = _DECODER.decode(payload)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    found = []
    ids = np.empty(0, np.int64)
    for part in record.parts:
        if part.ids or not part.size:
            ids = np.cumsum(np.frombuffer(part.ids, "<i4"), dtype=np.int64)
        times = np.cumsum(np.frombuffer(part.times, "<i8"), dtype=np.int64)
        values = _read(part)
        if not ids.size == values.size == part.size or times.size not in (1, part.size):
            raise ValueError("its columns differ in length")
        found.append((part.metric, ids, times, values))
    return record.cluster, found


def _values(one: Columns) -> tuple[str, bytes]:
    if not one.held.all():
        return _FLOAT64, one.values.astype(_FLOAT64).tobytes()
    kind = _INT32 if one.whole.size and int(one.whole.max()) < _WIDE else _INT64
    return kind, one.whole.astype(kind).tobytes()


def _read(part: Part) -> Floats:
    if part.kind not in (_INT32, _INT64, _FLOAT64) or part.metric not in METRICS:
        raise ValueError(f"{part.metric!r} as {part.kind!r} is not known")
    found = np.frombuffer(part.values, part.kind)
    if part.kind == _FLOAT64:
        return found.astype(np.float64)
    return from_fixed(found.astype(np.int64), METRICS[part.metric].scale)


def columns_of(metric: str, ids: Ints, times: Ints, values: Floats) -> Columns:
    """Return samples as columns, with their fixed point."""
    whole, held = to_fixed(values, METRICS[metric].scale)
    return Columns(metric, ids, times, values, whole, held)
