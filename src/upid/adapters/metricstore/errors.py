"""What can be wrong with the embedded metric store; every message names the file or folder."""

from pathlib import Path

from upid.core.errors import Kind, UpidError


class StoreUnavailable(UpidError):
    """The disk does not take what it is given; nothing was acknowledged, reading goes on."""

    kind = Kind.BUSY
    code = "metric_store_unavailable"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the metric store cannot write to '{path}': {why}",
            hint="free some space or look at the disk; the store goes on by itself after that, "
            "and the same samples can be sent again",
        )


class StoreDamaged(UpidError):
    """A file of the store does not say what the store put there."""

    kind = Kind.CONFLICT
    code = "metric_store_damaged"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the metric store is damaged in '{path}': {why}",
            hint="repair the store, which sets the file aside, or restore it from a snapshot",
            details={"file": path.name},
        )


class StoreLocked(UpidError):
    """Another process has the store open."""

    kind = Kind.CONFLICT
    code = "metric_store_locked"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the metric store '{path}' is open in another process",
            hint="stop the other process, or give this one a folder of its own",
        )


class StoreIsNewer(UpidError):
    """A store of a version that this program does not know."""

    kind = Kind.CONFLICT
    code = "metric_store_too_new"

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"the metric store '{path}' was written by a newer UPID (format version {version}); "
            f"this one reads version {known}",
            hint="update UPID, or give it another folder",
        )


class BatchRefused(UpidError):
    """Samples that no store could keep: columns of different lengths, impossible ids or names."""

    code = "metric_batch_refused"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(
            f"samples of {what!r} cannot be stored: {why}",
            hint="correct what sends them; sending the same again fails again",
        )


class SnapshotRefused(UpidError):
    """A snapshot cannot be made where it was asked for."""

    kind = Kind.CONFLICT
    code = "metric_snapshot_refused"

    def __init__(self, target: Path, why: str) -> None:
        super().__init__(
            f"no snapshot can be made at '{target}': {why}",
            hint="name a path on the store's own file system where nothing is yet",
        )
