"""Which format a folder has, and who may write in it."""

import fcntl
import os
from pathlib import Path

import msgspec

from upid.adapters.metricstore.durable import disk, make_folder, write_whole
from upid.adapters.metricstore.errors import StoreDamaged, StoreIsNewer, StoreLocked
from upid.adapters.metricstore.layout import FORMAT, LOCK, STORE, VERSION


def locked(root: Path) -> int:
    """Return the lock of a store's folder, a file descriptor; a folder is made where there is none.

    Raises StoreLocked, StoreDamaged, StoreIsNewer, StoreUnavailable.
    """
    with disk(root):
        make_folder(root)
        lock = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        check_version(root)
        if not (root / STORE).exists():
            said = msgspec.json.encode({"format": FORMAT, "version": VERSION})
            with disk(root):
                write_whole(root / STORE, said)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreLocked(root) from error
    except BaseException:
        os.close(lock)
        raise
    return lock


def check_version(root: Path) -> None:
    """Raise StoreIsNewer or StoreDamaged where a folder has a store that cannot be read."""
    path = root / STORE
    if not path.exists():
        return
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str | int])
        version = int(found["version"])
    except (OSError, msgspec.MsgspecError, KeyError, ValueError) as error:
        raise StoreDamaged(path, "it does not say which format the store has") from error
    if version > VERSION:
        raise StoreIsNewer(root, version, VERSION)
