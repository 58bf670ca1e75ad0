"""Files that are whole or not there: written beside, synced, renamed, and the folder synced."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upid.adapters.metricstore.errors import StoreUnavailable
from upid.adapters.metricstore.layout import BESIDE


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turn what the disk refuses within the block into StoreUnavailable, which names the path."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(path, said(error)) from error


def said(error: OSError) -> str:
    """Return what the system says about an error, in words."""
    return str(error) if error.errno is None else os.strerror(error.errno)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    sync_folder(folder.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place, or leave what was there; raises OSError."""
    beside = path.with_name(path.name + BESIDE)
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)
