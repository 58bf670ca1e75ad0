"""Manifests: which files count, one for each cluster and month, sealed by a checksum of its own.

A file that no manifest names does not exist for readers. A change of several files, such as hours
that became a day, is one manifest put in place of another: readers see all of it or nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from upid.adapters.metricstore.durable import make_folder, sync_folder, write_whole
from upid.adapters.metricstore.errors import StoreDamaged, StoreIsNewer
from upid.adapters.metricstore.layout import (
    FAMILIES,
    FORMAT,
    MANIFEST,
    VERSION,
    WHOLE_DAY,
    Family,
    day_name,
    day_number,
    folder_of,
    month_name,
)

ENDING = ".json"
_HASH = 16  # digits of the checksum in a name


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Which samples a file has: those of a family on a day, in a resolution.

    part  "day", the hour that it has, such as "07", or "late"
    """

    resolution: str
    cluster: str
    day: int  # from 1970
    family: Family
    part: str = WHOLE_DAY

    @property
    def folder(self) -> Path:
        """Where it is, within the store."""
        return folder_of(self.resolution, self.cluster, self.day)


class FileNote(msgspec.Struct, frozen=True, order=True):
    """What a manifest says of a file.

    samples  of all its metrics together; of a roll-up, how many it was made of
    """

    path: str  # within the store
    size: int
    crc32: int
    sha256: str
    rows: int
    samples: int


class Manifest(msgspec.Struct, frozen=True):
    """The files of a cluster in a month."""

    format: str
    version: int
    cluster: str
    month: str
    files: list[FileNote]


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that counts."""

    place: Place
    note: FileNote


Files = Mapping[Place, Listed]

_DECODER = msgspec.json.Decoder(Manifest)


def name_of(place: Place, sha256: str) -> str:
    """Return the path of a file within the store."""
    name = f"{place.family.name}.{place.part}.{sha256[:_HASH]}.parquet"
    return (place.folder / name).as_posix()


def place_of(path: str) -> Place:
    """Return what the path of a file within the store says. Raises ValueError for any other."""
    parts = path.split("/")
    if len(parts) != 4:  # noqa: PLR2004
        raise ValueError(f"{path!r} is no path of a store")
    (kind, resolution), (what, cluster), (when, day) = (part.split("=", 1) for part in parts[:3])
    family, part, _, ending = parts[3].split(".")
    known = (kind, what, when, ending) == ("resolution", "cluster", "day", "parquet")
    if not known or family not in FAMILIES:
        raise ValueError(f"{path!r} is no path of a store")
    return Place(resolution, cluster, day_number(day), FAMILIES[family], part)


def read(root: Path, cluster: str) -> dict[Place, Listed]:
    """Return the files of a cluster that count. Raises StoreDamaged, StoreIsNewer."""
    found: dict[Place, Listed] = {}
    for path in manifests(root, cluster):
        for note in read_one(path).files:
            place = place_of(note.path)
            found[place] = Listed(place, note)
    return found


def read_one(path: Path) -> Manifest:
    """Return one manifest, its seal checked. Raises StoreDamaged, StoreIsNewer."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StoreDamaged(path, "it cannot be read") from error
    body, _, seal = raw.rstrip(b"\n").rpartition(b"\n")
    if hashlib.sha256(body + b"\n").hexdigest().encode() != seal or not raw.endswith(b"\n"):
        raise StoreDamaged(path, "its seal does not match")
    try:
        found = _DECODER.decode(body)
        for note in found.files:
            place_of(note.path)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreDamaged(path, str(error)) from error
    if found.version > VERSION:
        raise StoreIsNewer(path, found.version, VERSION)
    return found


def write(root: Path, cluster: str, month: str, files: Iterable[Listed]) -> None:
    """Put a cluster's manifest of a month in place; raises OSError."""
    notes = sorted(listed.note for listed in files)
    path = root / MANIFEST / cluster / f"{month}{ENDING}"
    if not notes:
        if path.exists():
            path.unlink()
            sync_folder(path.parent)
        return
    body = msgspec.json.encode(Manifest(FORMAT, VERSION, cluster, month, notes)) + b"\n"
    make_folder(path.parent)
    write_whole(path, body + hashlib.sha256(body).hexdigest().encode() + b"\n")


def manifests(root: Path, cluster: str) -> list[Path]:
    """Return where a cluster's manifests are, oldest month first."""
    return sorted((root / MANIFEST / cluster).glob("*" + ENDING))


def clusters(root: Path) -> Iterator[str]:
    """Yield the clusters that have files."""
    for folder in sorted((root / MANIFEST).glob("*")):
        if folder.is_dir():
            yield folder.name


def months(places: Iterable[Place]) -> list[str]:
    """Return the months that places are in."""
    return sorted({month_name(place.day) for place in places})


def in_month(files: Iterable[Listed], month: str) -> list[Listed]:
    """Return the files of a month."""
    return [one for one in files if day_name(one.place.day).startswith(month)]
