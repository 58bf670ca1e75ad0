"""Reading all of a recording and telling everything that is wrong with it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from upid.adapters.recordings import decode
from upid.adapters.recordings.columns import Columns
from upid.adapters.recordings.errors import RecordingDamaged
from upid.adapters.recordings.layout import (
    EXACT,
    OBJECTS,
    Grid,
    metrics_of,
    samples_member,
    series_member,
)
from upid.adapters.recordings.reader import Recording, open_recording
from upid.adapters.recordings.redaction import clean
from upid.core.metrics import Entity, Metric
from upid.core.panel import Ints
from upid.core.ports.cluster_source import ObjectVersion

_BATCH = 64  # row groups in memory at once
_READ = 1 << 20
_MOST = 100  # problems that are told; one more says that there are more
_ROUNDED = 1e-6  # coverage is rounded to six decimals


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a recording that is not as it must be."""

    part: str
    why: str


@dataclass(slots=True)
class Report:
    """What a complete reading found."""

    path: str
    id: str
    members: int = 0
    objects: int = 0
    series: int = 0
    samples: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def validate(path: Path | str, progress: Callable[[str], None] = lambda _: None) -> Report:
    """Read every byte of a recording and check it; returns what is wrong with it, part by part.

    progress  is told the name of each part before it is read

    Raises for what is not a recording that this version reads, or whose manifest is damaged.
    Memory stays bounded: a few row groups at a time.
    """
    with open_recording(path) as recording:
        report = Report(str(path), recording.manifest.id)
        checks: list[tuple[str, Callable[[Recording, Report], None]]] = [
            ("checksums", _checksums),
            (OBJECTS, _objects),
            ("prices", lambda found, _: _ignore(found.prices())),
        ]
        checks += [(f"series of {e.value}", _series(e)) for e in Entity]
        checks += [(f"samples of {e.value}", _samples(e)) for e in Entity]
        for part, check in checks:
            progress(part)
            try:
                check(recording, report)
            except RecordingDamaged as error:
                _note(report, str(error.details.get("part", part)), error.message)
    return report


def _ignore(_: object) -> None:
    return None


def _note(report: Report, part: str, why: str) -> None:
    if len(report.problems) < _MOST:
        report.problems.append(Problem(part, why))
    elif len(report.problems) == _MOST:
        report.problems.append(Problem("…", "there is more; this is enough to tell"))


def _checksums(recording: Recording, report: Report) -> None:
    """Compare every member with its SHA-256."""
    for name, note in sorted(recording.manifest.members.items()):
        report.members += 1
        _, raw = recording.members.mapped(name)
        found = hashlib.sha256()
        for begin in range(0, len(raw), _READ):
            found.update(raw[begin : begin + _READ])
        if found.hexdigest() != note.sha256:
            _note(report, name, "its checksum does not match")


def _objects(recording: Recording, report: Report) -> None:
    """Check that objects are sorted, parse, are what their columns say, and hold no secret."""
    counts: Counter[str] = Counter()
    last: tuple[object, ...] = ()
    for version in recording.objects():
        counts[version.kind] += 1
        key = (version.kind, version.namespace, version.name, version.since)
        if key < last:
            _note(report, OBJECTS, f"{_called(version)} is not where it should be")
        last = key
        _object(version, report)
    report.objects = counts.total()
    if dict(counts) != recording.manifest.objects:
        _note(report, OBJECTS, f"its kinds are {dict(counts)}, not {recording.manifest.objects}")


def _object(version: ObjectVersion, report: Report) -> None:
    if version.until is not None and version.until < version.since:
        _note(report, OBJECTS, f"{_called(version)} ends before it begins")
    try:
        tree: Any = msgspec.json.decode(version.body)
    except (msgspec.DecodeError, RecursionError) as error:
        return _note(report, OBJECTS, f"{_called(version)} is not JSON: {error}")
    metadata = tree.get("metadata") if isinstance(tree, dict) else None
    if not isinstance(metadata, dict):
        return _note(report, OBJECTS, f"{_called(version)} is not a Kubernetes object")
    told = tree.get("kind", version.kind), metadata.get("name"), metadata.get("namespace", "")
    if told != (version.kind, version.name, version.namespace):
        _note(report, OBJECTS, f"{_called(version)} has a body that says {told}")
    removed: Counter[str] = Counter()
    clean(tree, removed, config=version.kind == "ConfigMap")
    removed.pop("ConfigMap values", None)
    if removed or version.kind == "Secret":
        _note(report, OBJECTS, f"{_called(version)} may hold secrets: {', '.join(sorted(removed))}")
    return None


def _called(version: ObjectVersion) -> str:
    return f"the {version.kind} '{version.namespace}/{version.name}'"


def _series(entity: Entity) -> Callable[[Recording, Report], None]:
    def check(recording: Recording, report: Report) -> None:
        catalogue = recording.catalogue(entity)
        report.series += len(catalogue)
        keys = list(zip(*catalogue.labels.values(), strict=True))
        if any(a >= b for a, b in pairwise(keys)):
            _note(report, series_member(entity), "its series are not sorted, or not different")

    return check


def _samples(entity: Entity) -> Callable[[Recording, Report], None]:
    def check(recording: Recording, report: Report) -> None:
        file = recording.samples_file(entity)
        found = dict.fromkeys(metrics_of(entity), (0, 0))
        if file is not None:
            known = recording.catalogue(entity).ids
            for metric in found:
                found[metric] = _count(file, metric, recording.grid, known)
        member = samples_member(entity, recording.grid.cadence)
        for metric, (samples, series) in found.items():
            report.samples += samples
            _compare(recording, report, member, metric, samples, series)

    return check


def _count(file: Columns, metric: Metric, grid: Grid, known: Ints) -> tuple[int, int]:
    """Return samples and series of a metric after reading every page of it."""
    names = [n for n in (metric.name, metric.name + EXACT) if n in file.schema.names]
    if not names:
        return 0, 0
    samples, some = 0, np.zeros(known.size, dtype=bool)
    last = (-1, 0)
    for table in _batches(file, ["series", "day", "first", *names]):
        try:
            rows = decode.rows_of(table, grid, known)
            piece = decode.piece(table, rows, metric)
        except decode.BadSamples as error:
            raise file.damaged(str(error)) from error
        if rows.series.size == 0:
            continue
        if (int(rows.series[0]), int(rows.day[0])) <= last:
            raise file.damaged("its rows are not sorted by series and day")
        last = int(rows.series[-1]), int(rows.day[-1])
        some[np.searchsorted(known, rows.series[piece.counts > 0])] = True
        samples += piece.values.size
    return samples, int(some.sum())


def _batches(file: Columns, names: list[str]) -> Iterator[Any]:
    for begin in range(0, file.groups, _BATCH):
        yield file.read(range(begin, min(begin + _BATCH, file.groups)), names)


def _compare(
    recording: Recording, report: Report, member: str, metric: Metric, samples: int, series: int
) -> None:
    """Compare what was counted with what the manifest says."""
    note = recording.manifest.metrics.get(metric.name)
    told = (note.samples, note.series) if note else (0, 0)
    if told != (samples, series):
        why = (
            f"'{metric.name}' has {samples} samples of {series} series, not {told[0]} of {told[1]}"
        )
        _note(report, member, why)
    elif note and series:
        coverage = samples / (series * recording.grid.span)
        if abs(coverage - note.coverage) > _ROUNDED:
            _note(report, member, f"'{metric.name}' covers {coverage:.6f}, not {note.coverage}")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a recording says of itself, and what its parts weigh.

    size              bytes in all
    series            entity → how many
    bytes_per_sample  stored bytes of samples ÷ samples; None without samples
    """

    path: str
    size: int
    manifest: dict[str, Any]
    series: dict[str, int]
    samples: int
    bytes_per_sample: float | None


def inspect(path: Path | str) -> Inspection:
    """Return what a recording holds, from its manifest alone; costs milliseconds."""
    with open_recording(path) as recording:
        manifest = recording.manifest
        sizes = {name: note.size for name, note in manifest.members.items()}
        samples = sum(note.samples for note in manifest.metrics.values())
        stored = sum(size for name, size in sizes.items() if name.startswith("samples/"))
        rows = {e.value: manifest.members.get(series_member(e)) for e in Entity}
        return Inspection(
            path=str(path),
            size=sum(extent.size for extent in recording.members.extents.values()),
            manifest=msgspec.to_builtins(manifest),
            series={name: note.rows or 0 for name, note in rows.items() if note is not None},
            samples=samples,
            bytes_per_sample=round(stored / samples, 3) if samples else None,
        )


__all__ = ["Inspection", "Problem", "Report", "inspect", "validate"]
