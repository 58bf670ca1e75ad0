"""Windows of time: half-open, UTC, written `30m`, `24h`, `7d` or as two RFC 3339 instants."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from upid.core.errors import UpidError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"([0-9]{1,8})([mhdw])")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_LONGEST = timedelta(days=36_500)  # nothing was measured a century ago, and calendars end

HOUR = 3600  # seconds
MONTH = timedelta(days=30)  # a projected month, by the specification's definition


class BadWindow(UpidError):
    """A text that does not name a window of time."""

    code = "bad_window"

    def __init__(self, text: str, why: str) -> None:
        super().__init__(
            f"{text!r} is not a window: {why}",
            hint="write 30m, 24h, 7d, or START/END in RFC 3339, "
            "such as 2026-03-02T00:00:00Z/2026-03-09T00:00:00Z",
        )


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `start` up to, not including, `end`; both aware, in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse naive instants and windows that end before they start."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware instants")
        if self.end <= self.start:
            raise ValueError(f"a window must end after it starts: {self}")

    @classmethod
    def parse(cls, text: str, *, now: datetime) -> Self:
        """Return the window that `text` names; a span such as `7d` ends at `now`."""
        if "/" in text:
            start, _, end = text.partition("/")
            return cls._between(text, _instant(start, text), _instant(end, text))
        return cls._between(text, now - parse_span(text), now)

    @classmethod
    def _between(cls, text: str, start: datetime, end: datetime) -> Self:
        if end <= start:
            raise BadWindow(text, "it ends before it starts")
        return cls(start, end)

    @property
    def seconds(self) -> int:
        """Length in whole seconds."""
        return round((self.end - self.start).total_seconds())

    @property
    def hours(self) -> float:
        """Length in hours."""
        return self.seconds / HOUR

    def overlap(self, other: "Window") -> "Window | None":
        """Return the time in both, if there is any."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start, end) if start < end else None

    def steps(self, origin: datetime, cadence: timedelta) -> "Window | None":
        """Return the time of the steps that begin in this window, if any does.

        Steps are one cadence long, end to end, the first at `origin`.
        """
        start = origin - (origin - self.start) // cadence * cadence
        end = origin - (origin - self.end) // cadence * cadence
        return Window(start, end) if start < end else None

    def last(self, span: timedelta) -> "Window":
        """Return the final `span` of this window, or all of it where it is shorter."""
        return Window(max(self.start, self.end - span), self.end)

    def __str__(self) -> str:
        return f"{rfc3339(self.start)}/{rfc3339(self.end)}"


def parse_span(text: str) -> timedelta:
    """Return the length that a text such as `90m` or `7d` names; never zero."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise BadWindow(text, "a span is a whole number and one of m, h, d, w")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if span > _LONGEST:
        raise BadWindow(text, f"a span is at most {_LONGEST.days} days")
    return span


def rfc3339(instant: datetime) -> str:
    """Return an aware instant in UTC, to the second, with a Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """Return an RFC 3339 instant in UTC. Raises ValueError for anything else."""
    if _INSTANT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not an RFC 3339 instant")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is before or after all calendars in UTC") from error


def _instant(text: str, whole: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise BadWindow(whole, f"{text!r} is not an RFC 3339 instant with a time zone") from error
