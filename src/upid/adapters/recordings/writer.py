"""Writing a recording: in bounded memory, the same bytes for the same content, all or nothing."""

import os
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upid.adapters.recordings import encode, tables
from upid.adapters.recordings import manifest as notes
from upid.adapters.recordings.errors import RecordingRefused
from upid.adapters.recordings.layout import (
    CHECKS,
    DAY,
    FORMAT,
    MANIFEST,
    MAX_SPAN,
    OBJECT_BYTES,
    OBJECT_ROWS,
    OBJECT_SCHEMA,
    OBJECTS,
    PRICES,
    ROWS,
    SEAL,
    SERIES_ROWS,
    VERSION,
    Grid,
    metrics_of,
    samples_member,
    samples_schema,
    series_member,
    series_schema,
)
from upid.adapters.recordings.redaction import redacted
from upid.adapters.recordings.scratch import Scratch
from upid.core.metrics import LABELS, LARGEST_SAMPLE, METRICS, Entity, Metric
from upid.core.panel import Floats, Ints
from upid.core.ports.cluster_source import ObjectVersion, PriceSheet
from upid.core.window import Window, rfc3339

_BLOCK = 1 << 21  # samples of one metric in memory at a time: 16 MiB
_DATED = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can say: bytes must not tell when


class RecordingWriter:
    """Writes one recording. Nothing is at its path until `close` has put all of it there.

    name         of the cluster            window, cadence  in whole seconds
    sources      where samples came from, such as ("prometheus",)
    created      when it is made, in UTC   writer           what makes it, such as "upid 0.1.0"
    provider, region, version              what is known of the cluster
    pseudonymised  what was replaced, such as ("namespaces", "pods")
    quality      what was wrong with the samples given, and how often (COL-4)
    remarks      what happened while it was made

    Samples wait in a scratch folder beside the path: 8 bytes for each series and step.
    """

    def __init__(  # noqa: PLR0913 - the facts of a manifest, all by name
        self,
        path: Path | str,
        *,
        name: str,
        window: Window,
        cadence: timedelta,
        sources: Sequence[str],
        currency: str,
        created: datetime,
        writer: str,
        provider: str = "",
        region: str = "",
        version: str = "",
        pseudonymised: Sequence[str] = (),
        quality: Mapping[str, int] | None = None,
        remarks: Sequence[notes.Remark] = (),
    ) -> None:
        self.path = Path(path)
        seconds = cadence.total_seconds()
        if not 1 <= seconds <= DAY or seconds % 1 or window.start.microsecond:
            raise RecordingRefused(
                str(cadence), "cadence and window need whole seconds, 1 s to 1 d"
            )
        self.grid = Grid.of(window, int(seconds))
        if self.grid.span > MAX_SPAN:
            raise RecordingRefused(str(window), f"it has {self.grid.span} steps of {cadence}")
        self._cluster = notes.ClusterNote(name, provider, region, version)
        self._window = notes.WindowNote(rfc3339(window.start), rfc3339(window.end))
        self._sources, self._currency = list(sources), currency
        self._created, self._writer = rfc3339(created), writer
        self._pseudonymised = sorted(pseudonymised)
        self.quality: Counter[str] = Counter(quality or {})
        self._remarks = list(remarks)
        self._scratch = Path(
            tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.absolute().parent)
        )
        self._bodies = (self._scratch / "bodies").open("w+b")
        self._objects: list[tuple[tuple[str, str, str, datetime, str], datetime | None, int]] = []
        self._removed: Counter[str] = Counter()
        self._labels: dict[Entity, list[pa.Table]] = {}
        self._samples: dict[str, Scratch] = {}
        self._kinds: dict[str, encode.Kind] = {}
        self._prices: PriceSheet | None = None
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def add_objects(self, versions: Iterable[ObjectVersion]) -> None:
        """Take object versions, without their secrets, in any order."""
        for version in versions:
            body = redacted(version.kind, version.name, version.body, self._removed)
            if body is None:
                continue
            if version.until is not None and version.until < version.since:
                raise RecordingRefused(f"{version.kind} {version.name}", "it ends before it begins")
            key = (version.kind, version.namespace, version.name, _utc(version.since), version.uid)
            until = None if version.until is None else _utc(version.until)
            self._objects.append((key, until, self._bodies.tell()))
            self._bodies.write(len(body).to_bytes(4, "little") + body)

    def add_series(self, entity: Entity, labels: Mapping[str, Sequence[str]]) -> Ints:
        """Take series by their labels (all of `LABELS[entity]`) and return ids for `add_samples`.

        In the file ids follow the order of the labels, so that what is read back may differ.
        """
        names = LABELS[entity]
        if set(labels) != set(names):
            raise RecordingRefused(entity.value, f"its series have the labels {', '.join(names)}")
        table = pa.table({name: pa.array(list(labels[name]), pa.string()) for name in names})
        before = sum(len(earlier) for earlier in self._labels.get(entity, []))
        self._labels.setdefault(entity, []).append(table)
        return np.arange(before, before + len(table), dtype=np.int64)

    def add_samples(self, metric: Metric, ids: Ints, matrix: Floats, first: int = 0) -> None:
        """Take samples (s, k) of the steps first … first + k - 1, NaN where there is none.

        May be called again for the same series and other steps. Refuses negative and infinite
        samples: what to do with those is for whoever collects to decide and to count (COL-4).
        """
        values = np.asarray(matrix, dtype=np.float64)
        if values.shape[:-1] != (ids.size,):
            raise ValueError(f"samples of {ids.size} series have the shape {values.shape}")
        if first < 0 or first + values.shape[1] > self.grid.span:
            raise RecordingRefused(metric.name, f"the window has {self.grid.span} steps")
        known = sum(len(table) for table in self._labels.get(metric.entity, []))
        if ids.size and (ids.min() < 0 or ids.max() >= known or np.unique(ids).size != ids.size):
            raise RecordingRefused(metric.name, "its ids are unknown or given twice")
        if np.any(values < 0) or np.any(values > LARGEST_SAMPLE):
            raise RecordingRefused(metric.name, "it has negative or infinite samples")
        if ids.size and values.size:
            scratch = self._samples.get(metric.name)
            if scratch is None:
                scratch = Scratch(self._scratch / f"samples.{metric.name}", self.grid.span)
                self._samples[metric.name] = scratch
            scratch.add(ids, values, first)

    def set_prices(self, prices: PriceSheet) -> None:
        """Take the prices that travel with the recording."""
        self._prices = prices

    def abandon(self) -> None:
        """Remove everything that was begun; nothing was at the path."""
        self._finished = True
        self._bodies.close()
        for scratch in self._samples.values():
            scratch.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def close(self) -> None:
        """Write the recording, flush it to the disk, and put it at its path in one step."""
        if self._finished:
            return
        try:
            members = self._members()
            whole = self._scratch / "whole"
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
                for name, part in sorted(members.items()):
                    _store(archive, name, part)
            with whole.open("rb") as file:
                os.fsync(file.fileno())
            whole.replace(self.path)
            _sync_folder(self.path.absolute().parent)
        finally:
            self.abandon()

    def _members(self) -> dict[str, Path | bytes]:
        """Write all members and return where they are."""
        found: dict[str, Path | bytes] = {}
        described: dict[str, notes.MemberNote] = {}

        def keep(name: str, path: Path, written: tables.Written) -> None:
            found[name], described[name] = path, written.note
            found[name + CHECKS] = written.checks
            described[name + CHECKS] = _note(written.checks)

        if self._objects:
            keep(OBJECTS, *self._write_objects())
        for entity in sorted(self._labels):
            order, labels = self._sorted(entity)
            keep(series_member(entity), *self._write_series(entity, labels))
            if any(metric.name in self._samples for metric in metrics_of(entity)):
                written = self._write_samples(entity, order)
                keep(samples_member(entity, self.grid.cadence), *written)
        if self._prices is not None:
            raw = msgspec.json.format(msgspec.json.encode(self._prices, order="sorted")) + b"\n"
            found[PRICES], described[PRICES] = raw, _note(raw)
        raw = notes.encode(self._manifest(described))
        found[MANIFEST], found[SEAL] = raw, notes.seal(raw)
        return found

    def _write_objects(self) -> tuple[Path, tables.Written]:
        path = self._scratch / "objects"
        self._objects.sort(key=lambda item: item[0])
        with tables.open_writer(path, OBJECT_SCHEMA) as writer:
            for group in self._object_groups():
                writer.write_table(pa.Table.from_pylist(group, schema=OBJECT_SCHEMA))
        return path, tables.finished(path, len(self._objects))

    def _object_groups(self) -> Iterator[list[dict[str, object]]]:
        """Yield the rows of each row group: one kind, and not too many bytes."""
        group: list[dict[str, object]] = []
        size = 0
        for (kind, namespace, name, since, uid), until, place in self._objects:
            self._bodies.seek(place)
            body = self._bodies.read(int.from_bytes(self._bodies.read(4), "little"))
            full = len(group) >= OBJECT_ROWS or size + len(body) > OBJECT_BYTES
            if group and (full or group[0]["kind"] != kind):
                yield group
                group, size = [], 0
            size += len(body)
            group.append(
                {
                    "kind": kind, "namespace": namespace, "name": name, "uid": uid,
                    "since": since, "until": until, "body": body.decode(),
                }
            )  # fmt: skip
        if group:
            yield group

    def _sorted(self, entity: Entity) -> tuple[Ints, pa.Table]:
        """Return the order of an entity's series by their labels, and the labels in it."""
        labels = pa.concat_tables(self._labels[entity]).combine_chunks()
        keys = [(name, "ascending") for name in LABELS[entity]]
        order = _order(labels, keys)
        ordered = labels.take(pa.array(order))
        _refuse_twins(entity, ordered)
        return order, ordered

    def _write_series(self, entity: Entity, labels: pa.Table) -> tuple[Path, tables.Written]:
        path = self._scratch / f"series.{entity.value}"
        ids = pa.array(np.arange(len(labels)), pa.int32())
        table = pa.Table.from_arrays([ids, *labels.columns], schema=series_schema(entity))
        return path, tables.write(path, table.schema, [table], SERIES_ROWS)

    def _write_samples(self, entity: Entity, order: Ints) -> tuple[Path, tables.Written]:
        path = self._scratch / f"stored.{entity.value}"
        names = [metric.name for metric in metrics_of(entity) if metric.name in self._samples]
        edges = self.grid.edges(self.grid.days)[0]
        step = max(1, _BLOCK // self.grid.span)
        for name in names:
            kind = self._kinds[name] = encode.Kind()
            for begin in range(0, order.size, step):
                rows = self._samples[name].rows(order[begin : begin + step])
                kind.series += int((~np.isnan(rows)).any(axis=1).sum())
                encode.observe(kind, rows, METRICS[name].scale, edges)
        types = encode.columns({name: self._kinds[name] for name in names})

        def blocks() -> Iterator[pa.Table]:
            for begin in range(0, order.size, step):
                part = order[begin : begin + step]
                block = {name: self._samples[name].rows(part) for name in names}
                ids = np.arange(begin, begin + part.size, dtype=np.int64)
                yield encode.rows(self.grid, ids, block, types)

        return path, tables.write(path, samples_schema(types), blocks(), ROWS)

    def _manifest(self, members: Mapping[str, notes.MemberNote]) -> notes.Manifest:
        counts = Counter(key[0] for key, _, _ in self._objects)
        manifest = notes.Manifest(
            format=FORMAT,
            version=VERSION,
            id="",
            cluster=self._cluster,
            window=self._window,
            cadence_seconds=self.grid.cadence,
            sources=self._sources,
            currency=self._currency,
            metrics={name: self._metric(name, kind) for name, kind in self._kinds.items()},
            objects=dict(counts),
            removed=dict(self._removed),
            pseudonymised=self._pseudonymised,
            created=self._created,
            writer=self._writer,
            members=dict(members),
            quality=dict(self.quality),
            remarks=self._remarks or msgspec.UNSET,
        )
        return msgspec.structs.replace(manifest, id=notes.identity(manifest))

    def _metric(self, name: str, kind: encode.Kind) -> notes.MetricNote:
        metric = METRICS[name]
        room = kind.series * self.grid.span
        return notes.MetricNote(
            metric.unit,
            float(metric.scale),  # `1` would come back as `1.0`, and the id would not follow
            metric.entity.value,
            metric.shape.value,
            kind.series,
            kind.samples,
            round(kind.samples / room, 6) if room else 0.0,
        )


def _order(labels: pa.Table, keys: Sequence[tuple[str, str]]) -> Ints:
    return np.asarray(pc.sort_indices(labels, list(keys)).to_numpy(), dtype=np.int64)


def _refuse_twins(entity: Entity, ordered: pa.Table) -> None:
    """Raise where two series have the same labels."""
    same = np.ones(max(0, len(ordered) - 1), dtype=bool)
    for column in ordered.columns:
        values = column.combine_chunks()
        same &= pc.equal(values[1:], values[:-1]).to_numpy(zero_copy_only=False)
    if same.any():
        row = ordered.slice(int(np.argmax(same)), 1).to_pylist()[0]
        raise RecordingRefused(f"{entity.value} {'/'.join(row.values())}", "it was added twice")


def _utc(instant: datetime) -> datetime:
    """Return an instant in UTC to the millisecond, as it will be read back."""
    found = instant.astimezone(UTC)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def _note(raw: bytes) -> notes.MemberNote:
    return notes.MemberNote(notes.sha256(raw), len(raw))


def _store(archive: zipfile.ZipFile, name: str, part: Path | bytes) -> None:
    """Put a member into the ZIP, uncompressed, saying nothing of time or owner."""
    entry = zipfile.ZipInfo(name, _DATED)
    entry.create_system = 3  # Unix, wherever this runs
    entry.external_attr = 0o100644 << 16
    if isinstance(part, bytes):
        archive.writestr(entry, part)
        return
    entry.file_size = part.stat().st_size
    with part.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
