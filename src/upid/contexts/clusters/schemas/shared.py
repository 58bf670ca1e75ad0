"""Parts that several answers have."""

from datetime import datetime

import msgspec

from upid.contexts.clusters.registered import Look
from upid.core.window import rfc3339


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class Amounts(Part, frozen=True, kw_only=True):
    """Cores and bytes; null: not declared, or not known."""

    cpu: float | None
    memory: float | None


class CheckRow(Part, frozen=True, kw_only=True):
    """One look at a cluster."""

    at: str
    ok: bool
    code: str | None
    message: str | None
    hint: str | None
    version: str | None
    latency_ms: float | None
    skew_seconds: float | None
    missing_permissions: list[str]


class Trouble(Part, frozen=True, kw_only=True):
    """An error, as the API names it."""

    code: str
    message: str
    hint: str


def instant(at: datetime | None) -> str | None:
    """Return an instant as the API writes it."""
    return None if at is None else rfc3339(at)


def milliseconds(latency: float | None) -> float | None:
    """Return a latency to the microsecond, as finely as it is measured."""
    return None if latency is None else round(latency, 3)


def check_row(check: Look) -> CheckRow:
    """Return a look as the API shows it."""
    return CheckRow(
        at=rfc3339(check.at),
        ok=check.ok,
        code=check.code or None,
        message=check.message or None,
        hint=check.hint or None,
        version=check.version or None,
        latency_ms=milliseconds(check.latency),
        skew_seconds=check.skew,
        missing_permissions=list(check.missing),
    )
