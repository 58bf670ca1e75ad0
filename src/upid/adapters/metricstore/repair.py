"""Repair: what is damaged is set aside, what is whole counts again. Nothing is thrown away."""

import os
from collections.abc import Iterator
from pathlib import Path

from upid.adapters.metricstore import manifest
from upid.adapters.metricstore.durable import disk
from upid.adapters.metricstore.errors import StoreDamaged
from upid.adapters.metricstore.inspection import samples_in, unlisted, wrong
from upid.adapters.metricstore.layout import MANIFEST, month_name
from upid.adapters.metricstore.log import set_aside
from upid.adapters.metricstore.manifest import FileNote, Listed, Place, name_of
from upid.adapters.metricstore.parquet import ARROW_FAULTS, Opened, checksum, digest
from upid.adapters.metricstore.versions import locked


def repair(root: Path) -> tuple[str, ...]:
    """Make a store whole again, as far as its files are; return what was done, a sentence each.

    A damaged manifest is made anew from the files themselves, whose names hold their checksums.
    A damaged file is moved to `quarantine`; a roll-up comes back by itself from its samples. The
    log repairs itself when the store is opened. Raises StoreLocked where it is open.
    """
    lock = locked(root)
    try:
        with disk(root):
            return tuple(_repair(root))
    finally:
        os.close(lock)


def _repair(root: Path) -> Iterator[str]:
    listed: set[str] = set()
    for cluster in _clusters(root):
        for path in manifest.manifests(root, cluster):
            try:
                manifest.read_one(path)
            except StoreDamaged:
                aside = set_aside(root, path, f"{cluster}.{path.name}")
                yield f"set aside '{path.relative_to(root)}' as '{aside.name}'"
                yield from _listed_anew(root, cluster, path.stem)
        yield from _without_damage(root, cluster)
        listed |= {one.note.path for one in manifest.read(root, cluster).values()}
    for name in unlisted(root, listed):
        (root / name).unlink()
        yield f"removed '{name}', which no manifest names"


def _listed_anew(root: Path, cluster: str, month: str) -> Iterator[str]:
    """Write the manifest of a month from the files that are there."""
    found: dict[Place, Listed] = {}
    for path in sorted(root.glob(f"resolution=*/cluster={cluster}/day={month}-*/*.parquet")):
        one = _as_listed(root, path)
        if one is None:
            aside = set_aside(root, path)
            yield f"set aside '{path.relative_to(root)}' as '{aside.name}'"
        elif one.place not in found or found[one.place].note.samples < one.note.samples:
            found[one.place] = one  # of two generations the one with more samples is the later
    manifest.write(root, cluster, month, found.values())
    yield f"listed {len(found)} files of {cluster!r} in {month} anew"


def _as_listed(root: Path, path: Path) -> Listed | None:
    """Return a file as a manifest would list it, None where its name is not that of its bytes."""
    name = path.relative_to(root).as_posix()
    try:
        place, sha256 = manifest.place_of(name), digest(path)
        if name_of(place, sha256) != name:
            return None
        opened = Opened(path)
        samples = samples_in(opened, place)
        rows = opened.metadata.num_rows
    except ARROW_FAULTS:
        return None
    return Listed(place, FileNote(name, *checksum(path), sha256, rows, samples))


def _without_damage(root: Path, cluster: str) -> Iterator[str]:
    """List no damaged files any more, and set them aside."""
    files = manifest.read(root, cluster)
    damaged = {place: why for place, one in sorted(files.items()) if (why := wrong(root, one))}
    for place, why in damaged.items():
        path = root / files.pop(place).note.path
        if path.exists():
            set_aside(root, path)
        yield f"set aside '{path.relative_to(root)}': {why}"
    for month in sorted({month_name(place.day) for place in damaged}):
        manifest.write(root, cluster, month, manifest.in_month(files.values(), month))


def _clusters(root: Path) -> list[str]:
    """Return the clusters that have manifests or files."""
    folders = [*(root / MANIFEST).glob("*"), *root.glob("resolution=*/cluster=*")]
    return sorted({path.name.removeprefix("cluster=") for path in folders if path.is_dir()})
