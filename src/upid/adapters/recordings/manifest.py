"""The manifest: what a recording says of itself, typed and checked."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from upid.adapters.recordings.errors import NotARecording, RecordingDamaged, RecordingIsNewer
from upid.adapters.recordings.layout import (
    DAY,
    FORMAT,
    MANIFEST,
    MAX_SERIES,
    MAX_SPAN,
    PERMITTED,
    VERSION,
)
from upid.core.metrics import METRICS
from upid.core.window import Window, parse_instant

Word = Annotated[str, Meta(max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=1 << 60)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ClusterNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of the cluster itself."""

    name: Word
    provider: Word = ""
    region: Word = ""
    version: Word = ""


class WindowNote(msgspec.Struct, frozen=True):
    """The window, as two RFC 3339 instants."""

    start: Word
    end: Word


class MetricNote(msgspec.Struct, frozen=True):
    """How a metric is stored and how much of it there is.

    coverage  samples ÷ (series that have the metric × steps in the window)
    """

    unit: Word
    scale: float
    entity: Word
    shape: Word
    series: Count
    samples: Count
    coverage: Annotated[float, Meta(ge=0, le=1)]


class MemberNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """One member; `footer` is the SHA-256 of a Parquet member's footer, read before its pages."""

    sha256: Hash
    size: Count
    rows: Count | None = None
    footer: Hash | None = None


class Remark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened while a recording was made, or that it could not read.

    what    in words that name nothing of the cluster
    detail  what the cluster, or the way to it, said; left out of a copy without names
    since, until  RFC 3339, where it lasted
    """

    what: Word
    detail: Word = ""
    since: Word = ""
    until: Word = ""

    def __str__(self) -> str:
        lasted = f" from {self.since} to {self.until}" if self.since else ""
        if self.since == self.until and self.since:
            lasted = f" at {self.since}"
        return f"{self.what}{lasted}{f': {self.detail}' if self.detail else ''}"


class Manifest(msgspec.Struct, frozen=True):
    """Everything that is known of a recording before any of its samples is read."""

    format: Word
    version: int
    id: Annotated[str, Meta(pattern="^cl_[0-9a-f]{16}$")]
    cluster: ClusterNote
    window: WindowNote
    cadence_seconds: Annotated[int, Meta(ge=1, le=DAY)]
    sources: list[Word]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    metrics: dict[str, MetricNote]
    objects: dict[str, Count]  # kind → versions
    removed: dict[str, Count]  # what the writer took out, and how often
    pseudonymised: list[Word]
    created: Word
    writer: Word
    members: dict[str, MemberNote]
    quality: dict[str, Count] = {}  # what was wrong with the samples given, and how often
    # Absent where there is none: the id of a recording from before there were any stays as it is.
    remarks: list[Remark] | UnsetType = UNSET

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the remarks as sentences."""
        return () if self.remarks is UNSET else tuple(map(str, self.remarks))

    @property
    def span(self) -> Window:
        """Return the window as instants."""
        return Window(parse_instant(self.window.start), parse_instant(self.window.end))


class _Head(msgspec.Struct):
    format: str
    version: int


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON with sorted keys."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"


def sha256(raw: bytes) -> str:
    """Return the checksum that the manifest keeps of a member."""
    return hashlib.sha256(raw).hexdigest()


def seal(raw: bytes) -> bytes:
    """Return the line that `sha256sum` prints for a manifest."""
    return f"{sha256(raw)}  {MANIFEST}\n".encode()


def identity(manifest: Manifest) -> str:
    """Return the id that the content of a recording gives it: not when or by whom it was made."""
    content = msgspec.structs.replace(manifest, id="", created="", writer="")
    return "cl_" + hashlib.sha256(encode(content)).hexdigest()[:16]


def decode(path: Path, raw: bytes) -> Manifest:
    """Return the manifest in `raw`, or say what is wrong with it."""
    try:
        head = msgspec.json.decode(raw, type=_Head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise NotARecording(path, f"'{MANIFEST}' is not a manifest ({error})") from error
    if head.format != FORMAT:
        raise NotARecording(path, f"'{MANIFEST}' says that it is {head.format[:80]!r}")
    if head.version > VERSION:
        raise RecordingIsNewer(path, head.version, VERSION)
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
        _check(manifest)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError) as error:
        raise RecordingDamaged(path, MANIFEST, str(error)) from error
    return manifest


def _check(manifest: Manifest) -> None:
    """Raise ValueError for what cannot be true, whoever wrote it."""
    if manifest.version != VERSION:
        raise ValueError(f"there is no version {manifest.version}")
    window = manifest.span
    _whole(window.start)
    _whole(window.end)
    if window.seconds // manifest.cadence_seconds >= MAX_SPAN:
        raise ValueError("the window has more steps than any recording may have")
    for name, note in manifest.metrics.items():
        known = METRICS.get(name)
        if known is None:
            raise ValueError(f"unknown metric {name[:80]!r}")
        if (note.unit, note.scale, note.entity, note.shape) != (
            known.unit,
            known.scale,
            known.entity.value,
            known.shape.value,
        ):
            raise ValueError(f"the metric {name!r} is described differently than version 1 does")
        if note.series > MAX_SERIES:
            raise ValueError(f"the metric {name!r} has more series than any recording may have")
    for name in manifest.members:
        if not PERMITTED.fullmatch(name):
            raise ValueError(f"no recording has a member {name[:80]!r}")
    if identity(manifest) != manifest.id:
        raise ValueError("its id does not follow from its content")


def _whole(instant: datetime) -> None:
    if instant.microsecond:
        raise ValueError("the window has fractions of a second")
