"""Snapshots: the store's files under other names, by hard links; none of them is ever changed."""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from upid.adapters.metricstore.durable import make_folder, said, sync_folder
from upid.adapters.metricstore.errors import SnapshotRefused
from upid.adapters.metricstore.layout import BESIDE, MANIFEST, STORE
from upid.adapters.metricstore.manifest import ENDING


def link_all(root: Path, target: Path, files: Sequence[str], segments: Sequence[Path]) -> None:
    """Make a store at `target` of a store's files and closed log segments; raise SnapshotRefused.

    It is built beside and renamed: a snapshot that is there is whole.
    """
    if target.exists():
        raise SnapshotRefused(target, "something is there already")
    beside = target.with_name(target.name + BESIDE)
    names = [path.relative_to(root).as_posix() for path in segments]
    names += [path.relative_to(root).as_posix() for path in _manifests(root)]
    try:
        if beside.exists():
            shutil.rmtree(beside)  # of a snapshot that a crash ended
        folders = {(beside / name).parent for name in (*files, *names)} | {beside}
        for folder in sorted(folders):
            make_folder(folder)
        for name in (*files, *names):
            os.link(root / name, beside / name)
        shutil.copy2(root / STORE, beside / STORE)
        for folder in sorted(folders):
            sync_folder(folder)
        beside.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(beside)
        raise SnapshotRefused(target, said(error)) from error


def _manifests(root: Path) -> list[Path]:
    return sorted((root / MANIFEST).glob(f"*/*{ENDING}"))
