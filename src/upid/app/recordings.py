"""What can be done with recordings on disk, wired for the command line: paths in, documents out."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from upid.adapters import recordings
from upid.adapters.recordings import RecordingExists, RecordingRefused, writing
from upid.core.errors import UpidError
from upid.core.window import BadWindow, Window, parse_span, rfc3339
from upid.kit.clock import Clock, system_clock

_KEY_BYTES = 32
_DIGITS = 7  # of seconds: 115 days
_LARGEST_KEY = 4096  # bytes of a key file; more is a file named by mistake

Progress = Callable[[str], None]


def inspect(path: Path) -> Mapping[str, Any]:
    """Return what a recording says of itself."""
    return asdict(recordings.inspect(path))


def validate(path: Path, progress: Progress) -> Mapping[str, Any]:
    """Return what a complete reading of a recording found; `ok` says whether all is well."""
    report = recordings.validate(path, progress)
    return {"ok": report.ok, **asdict(report)}


def anonymise(source: Path, target: Path, key_file: Path | None, progress: Progress) -> None:
    """Write a recording without names. Without a key file the key is random and forgotten."""
    _refuse_taken(target)
    with writing(target):
        recordings.anonymise(source, target, key_of(key_file), progress)


def create(  # noqa: PLR0913 - what the command takes
    objects: Path,
    samples: Path,
    out: Path,
    *,
    name: str,
    requests: Path | None,
    prices: Path | None,
    cadence: str | None,
    window: str | None,
    progress: Progress,
    clock: Clock = system_clock,
) -> Mapping[str, Any]:
    """Make a recording from plain objects and tables; return what became of the input."""
    _refuse_taken(out)
    now = clock()
    made = recordings.create(
        objects,
        samples,
        out=out,
        name=name,
        created=now,
        writer=f"upid {version('upid')}",
        requests=requests,
        prices=prices,
        cadence=None if cadence is None else span_of(cadence, "--cadence"),
        window=None if window is None else Window.parse(window, now=now),
        progress=progress,
    )
    return {
        "path": made.path,
        "window": {"start": rfc3339(made.window.start), "end": rfc3339(made.window.end)},
        "cadence_seconds": round(made.cadence.total_seconds()),
        "samples": made.samples,
        "series": made.series,
        "quality": dict(made.quality),
    }


class BadSpan(UpidError):
    """A text that should say how long, and does not."""

    code = "bad_span"

    def __init__(self, flag: str, text: str) -> None:
        super().__init__(
            f"{flag} {text!r} is no length of time",
            hint="write a whole number and one of s, m, h, d, such as 15s, 10m or 24h",
        )


def span_of(text: str, flag: str) -> timedelta:
    """Return a time such as 15s, 5m or 1h; windows are in minutes or longer, this need not be."""
    number = text.strip().removesuffix("s")
    if text.strip().endswith("s") and number.isdecimal() and len(number) <= _DIGITS and int(number):
        return timedelta(seconds=int(number))
    try:
        return parse_span(text)
    except BadWindow as error:
        raise BadSpan(flag, text) from error


def key_of(path: Path | None) -> bytes:
    """Return the key in a file, or a random one that nobody will know."""
    if path is None:
        return secrets.token_bytes(_KEY_BYTES)
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_KEY + 1)
    except OSError as error:
        raise RecordingRefused(str(path), f"the key cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST_KEY:
        raise RecordingRefused(str(path), f"a key has at most {_LARGEST_KEY} bytes")
    return raw.strip()


def _refuse_taken(path: Path) -> None:
    if path.exists():
        raise RecordingExists(path)
