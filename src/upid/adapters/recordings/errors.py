"""What can be wrong with a recording; every message names the file and the part of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upid.core.errors import Kind, UpidError


class RecordingMissing(UpidError):
    """There is no recording at a path."""

    kind = Kind.MISSING
    code = "recording_missing"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there is no recording at '{path}'",
            hint="give the path of a .upid file or of a folder with the same members",
        )


class NotARecording(UpidError):
    """A file or folder that is something else."""

    code = "not_a_recording"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"'{path}' is not a UPID recording: {why}",
            hint="make one with: upid recording create --help",
        )


class RecordingDamaged(UpidError):
    """A part of a recording that does not say what its writer put there, or cannot be true."""

    code = "recording_damaged"

    def __init__(self, path: Path, part: str, why: str) -> None:
        super().__init__(
            f"the recording '{path}' is damaged in '{part}': {why}",
            hint="fetch or make it again; `upid recording validate` checks every part",
            details={"part": part},
        )


class RecordingIsNewer(UpidError):
    """A recording of a version that this program does not know."""

    code = "recording_too_new"

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"'{path}' was written by a newer UPID (format version {version}); "
            f"this one reads version {known}",
            hint="update UPID, or ask for the recording in the older version",
        )


class RecordingRefused(UpidError):
    """What was given to be recorded cannot be."""

    code = "recording_refused"

    def __init__(self, what: str, why: str, hint: str = "") -> None:
        super().__init__(
            f"'{what}' cannot be recorded: {why}",
            hint=hint or "correct it and make the recording again",
        )


class RecordingExists(UpidError):
    """The place where a recording should be written is taken."""

    kind = Kind.CONFLICT
    code = "recording_exists"

    def __init__(self, path: Path, hint: str = "") -> None:
        super().__init__(
            f"'{path}' exists already",
            hint=hint or "choose another name with --out, or remove it first",
        )


class RecordingUnwritable(UpidError):
    """The disk, or the folder, does not take a recording; nothing of it is left there."""

    code = "recording_unwritable"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the recording '{path}' cannot be written: {why}",
            hint="make room there, or name a file in a folder that exists and that you may write "
            "to; what was there before is as it was",
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise what the disk says against a recording as `RecordingUnwritable`."""
    try:
        yield
    except OSError as error:
        raise RecordingUnwritable(path, (error.strerror or str(error)).lower()) from error
