"""The folder of all state: made for its owner only, used by one server at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upid.app.settings import Settings
from upid.core.errors import Kind, UpidError

_LOCK = "upid.lock"
_OWNER_ONLY = 0o700


class HomeTaken(UpidError):
    """Another server works in the same folder; its stores are made for one process."""

    kind = Kind.CONFLICT
    code = "home_taken"

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"another UPID server works in {str(home)!r}",
            hint="use that one, stop it, or give this one a folder of its own: UPID_HOME=PATH",
        )


class HomeRefused(UpidError):
    """The folder of all state cannot be made or written to."""

    kind = Kind.DENIED
    code = "home_refused"

    def __init__(self, home: Path, why: str) -> None:
        super().__init__(
            f"state cannot be kept in {str(home)!r}: {why}",
            hint="choose a folder that you may write to: UPID_HOME=PATH",
        )


@contextmanager
def home_of_one(settings: Settings) -> Iterator[None]:
    """Make the folders and hold them for this process; the system lets go when it ends."""
    try:
        for folder in (settings.home, settings.home / "recordings", settings.recordings_folder):
            folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        lock = os.open(settings.home / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HomeRefused(settings.home, error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise HomeTaken(settings.home) from error
    try:
        yield
    finally:
        os.close(lock)
