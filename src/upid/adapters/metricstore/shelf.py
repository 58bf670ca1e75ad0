"""The shelf: which files there are, and how one set of them takes the place of another."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from upid.adapters.metricstore import manifest
from upid.adapters.metricstore.durable import disk, sync_folder, write_whole
from upid.adapters.metricstore.layout import MANIFEST, RAW, Family
from upid.adapters.metricstore.manifest import Files, Listed, Place
from upid.adapters.metricstore.parquet import Reader
from upid.core.errors import UpidError
from upid.core.rollup import Level

SWEEP = "sweep.json"
RESOLUTIONS = (RAW, *Level)


class Shelf:
    """The files of a store. One thread at a time changes it; what readers got does not change."""

    def __init__(self, root: Path, reader: Reader) -> None:
        self._root, self._reader = root, reader
        self._files: dict[str, Files] = {
            cluster: manifest.read(root, cluster) for cluster in manifest.clusters(root)
        }

    def clusters(self) -> list[str]:
        """Return the clusters that have files."""
        return sorted(self._files)

    def of(self, cluster: str) -> Files:
        """Return the files of a cluster."""
        return self._files.get(cluster, {})

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def changing(self, folders: Iterable[Path]) -> Iterator[None]:
        """Note in which folders files come and go within the block, and leave none over.

        The note is a file: what a crash leaves over is found by it at the next start.
        """
        names = sorted({folder.as_posix() for folder in folders})
        with disk(self._root):
            write_whole(self._root / SWEEP, msgspec.json.encode(names))
        try:
            yield
        except BaseException:
            with suppress(UpidError, OSError):
                self.sweep()
            raise
        with disk(self._root):
            (self._root / SWEEP).unlink(missing_ok=True)

    def list_anew(
        self, cluster: str, added: Sequence[Listed], removed: Iterable[Place] = ()
    ) -> Files:
        """Write manifests in which some files are added and others removed; return what they list.

        An added file takes the place of the one that was there.
        """
        files = dict(self.of(cluster))
        places = [*removed, *(listed.place for listed in added)]
        for place in places:
            files.pop(place, None)
        files |= {listed.place: listed for listed in added}
        with disk(self._root / MANIFEST):
            for month in manifest.months(places):
                kept = manifest.in_month(files.values(), month)
                manifest.write(self._root, cluster, month, kept)
        return files

    def publish(self, cluster: str, files: Files) -> None:
        """Let readers see files that manifests list."""
        if files:
            self._files[cluster] = files
        else:
            self._files.pop(cluster, None)

    def clear(self, before: Files, after: Files) -> None:
        """Remove the files that were listed and are not any more."""
        staying = {listed.note.path for listed in after.values()}
        for listed in before.values():
            if listed.note.path not in staying:
                self._reader.forget(listed)
                _remove(self._root, listed.note.path)

    def sweep(self) -> list[str]:
        """Remove what a crash left over in the folders that were noted; return what went."""
        path = self._root / SWEEP
        if not path.exists():
            return []
        names: list[str] = []
        with suppress(msgspec.MsgspecError):  # written whole or not at all, but who knows
            names = msgspec.json.decode(path.read_bytes(), type=list[str])
        found = [gone for name in names for gone in self.sweep_folder(Path(name))]
        path.unlink()
        return found

    def sweep_folder(self, folder: Path) -> list[str]:
        """Remove what is in a folder and in no manifest; return what went."""
        listed = {one.note.path for files in self._files.values() for one in files.values()}
        found = []
        for path in sorted((self._root / folder).glob("*")):
            name = path.relative_to(self._root).as_posix()
            if name not in listed:
                path.unlink()
                found.append(name)
        _remove_empty(self._root, folder)
        return found

    def remove(self, cluster: str) -> None:
        """Remove all files of a cluster, its manifests first."""
        with disk(self._root / MANIFEST):
            for listed in self.of(cluster).values():
                self._reader.forget(listed)
            folder = self._root / MANIFEST / cluster
            if folder.exists():
                shutil.rmtree(folder)
                sync_folder(folder.parent)
            for resolution in RESOLUTIONS:
                partition = self._root / f"resolution={resolution}" / f"cluster={cluster}"
                if partition.exists():
                    shutil.rmtree(partition)
                    sync_folder(partition.parent)


def by_day(files: Files) -> Mapping[tuple[int, Family], list[Listed]]:
    """Return raw files by day and family, hours and whole days together, in a stable order."""
    found: dict[tuple[int, Family], list[Listed]] = {}
    for place in sorted(files):
        if place.resolution == RAW:
            found.setdefault((place.day, place.family), []).append(files[place])
    return found


def _remove(root: Path, name: str) -> None:
    with suppress(OSError):  # what stays is in no manifest, and swept at the next start
        (root / name).unlink()
    _remove_empty(root, Path(name).parent)


def _remove_empty(root: Path, folder: Path) -> None:
    """Remove a folder and those above it that have nothing in them any more."""
    for one in (folder, *folder.parents):
        if one == Path():
            return
        try:
            (root / one).rmdir()
        except OSError:
            return
