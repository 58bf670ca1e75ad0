"""The folder of stored recordings: a file is named by the SHA-256 of its bytes."""

import os
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from upid.contexts.metrics.errors import RecordingTooLarge

_SUFFIX = ".upid"
_UNFINISHED = ".incoming"


class Incoming:
    """A recording that is being taken in; not stored until it is kept."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._digest = sha256()
        self.bytes = 0
        # closed by `keep` and `drop`; a name of its own, so that uploads do not meet
        self._file = NamedTemporaryFile(  # noqa: SIM115
            dir=folder, suffix=_UNFINISHED, delete=False
        )
        self.path = Path(self._file.name)

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes so far."""
        return self._digest.hexdigest()

    def write(self, part: bytes) -> None:
        """Append bytes. Raises RecordingTooLarge before they would go over the limit."""
        self.bytes += len(part)
        if self.bytes > self._limit:
            raise RecordingTooLarge(self._limit)
        self._digest.update(part)
        self._file.write(part)

    def flush(self) -> None:
        """Put everything on the disk, so that it can be read and survives a power cut."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def keep(self) -> Path:
        """Give the file its lasting name and return it; the same content has the same name."""
        kept = self._folder / f"{self.sha256}{_SUFFIX}"
        self.path.replace(kept)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # a rename lasts once its folder is on the disk
        finally:
            os.close(folder)
        return kept

    def drop(self) -> None:
        """Forget what came in; after `keep` there is nothing to forget."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class RecordingFolder:
    """Where the files of one tenant's stored recordings are; tenants share no file."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit

    def incoming(self) -> Incoming:
        """Begin to take in a recording of at most the limit's bytes."""
        return Incoming(self._folder, self._limit)

    def path(self, sha256: str) -> Path:
        """Return where the recording with these bytes is, or would be."""
        return self._folder / f"{sha256}{_SUFFIX}"

    def remove(self, sha256: str) -> None:
        """Remove a recording's file; one that is not there is removed already."""
        self.path(sha256).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> int:
        """Remove what a crash left behind: unfinished files and files that no row names."""
        left = [
            file
            for file in sorted(self._folder.iterdir())
            if file.suffix == _UNFINISHED or (file.suffix == _SUFFIX and file.stem not in known)
        ]
        for file in left:
            file.unlink(missing_ok=True)
        return len(left)

    def writable(self) -> None:
        """Return when files can be written here. Raises OSError."""
        incoming = self.incoming()
        incoming.drop()
