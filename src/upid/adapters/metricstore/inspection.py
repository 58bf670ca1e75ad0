"""Looking into a store without opening it: what it holds, and whether every byte is as written."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from upid.adapters.metricstore import cells, columns, manifest
from upid.adapters.metricstore.errors import StoreDamaged, StoreIsNewer
from upid.adapters.metricstore.frames import Scan, frames
from upid.adapters.metricstore.layout import (
    BESIDE,
    DAY,
    QUARANTINE,
    RAW,
    STORE,
    WAL,
    day_name,
)
from upid.adapters.metricstore.log import segments
from upid.adapters.metricstore.manifest import Files, Listed, Place
from upid.adapters.metricstore.parquet import ARROW_FAULTS, Opened, checksum, digest
from upid.adapters.metricstore.records import decoded
from upid.adapters.metricstore.versions import check_version
from upid.core.rollup import Level

_TOLERANCE = 1e-9  # between two orders of adding the same numbers


@dataclass(frozen=True, slots=True)
class Holding:
    """What a store has of a cluster in one resolution."""

    cluster: str
    resolution: str
    files: int
    size: int  # bytes
    samples: int
    first: str  # day
    last: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a store holds. `logged`: samples in the log, of which some may be in files as well."""

    holdings: tuple[Holding, ...]
    log_files: int
    log_size: int
    records: int
    logged: int
    set_aside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a store that is not as it was written."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"'{self.path}': {self.why}"


def inspect(root: Path) -> Inspection:
    """Return what a store holds, by its manifests and its log; raises StoreDamaged."""
    check_version(root)
    holdings = []
    for cluster in manifest.clusters(root):
        files = manifest.read(root, cluster)
        resolutions = sorted({place.resolution for place in files})
        holdings += [_holding(cluster, resolution, files) for resolution in resolutions]
    size = records = logged = 0
    paths = list(segments(root / WAL))
    for path in paths:
        raw = path.read_bytes()
        size += len(raw)
        for frame in frames(raw, Scan()):
            records += 1
            logged += sum(ids.size for _, ids, _, _ in decoded(frame.payload)[1])
    aside = tuple(sorted(path.name for path in (root / QUARANTINE).glob("*")))
    return Inspection(tuple(holdings), len(paths), size, records, logged, aside)


def verify(root: Path) -> tuple[Problem, ...]:
    """Read every byte of a store; return what is not as it was written, or nothing.

    The store may be in use; what moves in the meantime is looked at where it went. Raises
    StoreIsNewer.
    """
    try:
        check_version(root)
    except StoreDamaged as error:
        return (Problem(STORE, error.message),)
    found: list[Problem] = []
    for cluster in manifest.clusters(root):
        found += _verify_cluster(root, cluster)
    for path in segments(root / WAL):
        found += _verify_log(root, path)
    return tuple(found)


def unlisted(root: Path, listed: set[str]) -> list[str]:
    """Return the files in partitions that no manifest names."""
    found = (path.relative_to(root).as_posix() for path in root.glob("resolution=*/*/*/*"))
    return sorted(name for name in found if name not in listed)


def wrong(root: Path, listed: Listed) -> str:
    """Return what is wrong with a file that counts; empty: nothing."""
    path, note = root / listed.note.path, listed.note
    try:
        if checksum(path) != (note.size, note.crc32) or digest(path) != note.sha256:
            return "its checksum does not match"
        opened = Opened(path)
        samples = samples_in(opened, listed.place)
    except FileNotFoundError:
        return "it is missing"
    except ARROW_FAULTS as error:
        return f"it cannot be read: {error}"
    if samples != note.samples:
        return f"it has {samples} samples and should have {note.samples}"
    return ""


def samples_in(opened: Opened, place: Place) -> int:
    """Return how many samples a file has, or was made of; read row group by row group."""
    sums = (_sums(opened, place, [group]) for group in opened.groups(None))
    return sum(count for found in sums for count, _ in found.values())


def _holding(cluster: str, resolution: str, files: Files) -> Holding:
    some = [one for place, one in files.items() if place.resolution == resolution]
    days = sorted(one.place.day for one in some)
    return Holding(
        cluster,
        resolution,
        len(some),
        sum(one.note.size for one in some),
        sum(one.note.samples for one in some),
        day_name(days[0]),
        day_name(days[-1]),
    )


def _verify_cluster(root: Path, cluster: str) -> Iterator[Problem]:
    files: dict[Place, Listed] = {}
    for path in manifest.manifests(root, cluster):
        try:
            notes = manifest.read_one(path).files
        except (StoreDamaged, StoreIsNewer) as error:
            yield Problem(path.relative_to(root).as_posix(), error.message)
            continue
        for note in notes:
            place = manifest.place_of(note.path)
            files[place] = Listed(place, note)
    sound = set()
    for place, listed in sorted(files.items()):
        why = wrong(root, listed)
        if why:
            yield Problem(listed.note.path, why)
        else:
            sound.add(place)
    yield from _disagreeing(root, {place: files[place] for place in sound})
    names = {listed.note.path for listed in files.values()}
    for name in unlisted(root, names):
        if f"/cluster={cluster}/" in name and not name.endswith(BESIDE):
            yield Problem(name, "no manifest names it")


def _verify_log(root: Path, path: Path) -> Iterator[Problem]:
    scan = Scan()
    name = path.relative_to(root).as_posix()
    try:
        for frame in frames(path.read_bytes(), scan):
            decoded(frame.payload)
    except FileNotFoundError:
        return  # its samples are in files by now
    except ValueError as error:
        yield Problem(name, str(error))
    for why in scan.damaged:
        yield Problem(name, why)


def _disagreeing(root: Path, files: Files) -> Iterator[Problem]:
    """Yield the roll-ups that have not the count and the sum of the day they were made of."""
    for place, listed in sorted(files.items()):
        raw = Place(RAW, place.cluster, place.day, place.family)
        if place.resolution == RAW or raw not in files:
            continue
        samples, cells_ = _totals(root, files[raw]), _totals(root, listed)
        for name, (count, total) in samples.items():
            found = cells_.get(name, (0, 0.0))
            if count != found[0] or not np.isclose(total, found[1], _TOLERANCE):
                yield Problem(listed.note.path, f"it does not add up for {name!r}")


def _totals(root: Path, listed: Listed) -> dict[str, tuple[int, float]]:
    """Return count and sum of each metric in a file."""
    opened = Opened(root / listed.note.path)
    found = {metric.name: (0, 0.0) for metric in listed.place.family.metrics}
    for group in opened.groups(None):
        for name, (count, total) in _sums(opened, listed.place, [group]).items():
            found[name] = found[name][0] + count, found[name][1] + total
    return found


def _sums(opened: Opened, place: Place, groups: list[int]) -> dict[str, tuple[int, float]]:
    table = opened.read(groups, opened.names)
    found = {}
    for metric in place.family.metrics:
        if place.resolution == RAW:
            samples = columns.decode(table, metric, place.day * DAY)
            found[metric.name] = len(samples), float(samples.values.sum())
        elif metric.name + cells.COUNT in table.column_names:
            rolled = cells.decode(table, metric, Level(place.resolution), place.day * DAY)
            found[metric.name] = int(rolled.counts.sum()), float(rolled.sums.sum())
    return found
