"""Judges how a cluster and the way to it are, with a reason for everything that is not well."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from upid.contexts.clusters.registered import Look
from upid.core.ports.cluster_connection import Following, Freshness

SKEW = timedelta(seconds=60)  # beyond it tokens that were just made are refused, or live too long
SILENCE = timedelta(minutes=5)  # without a word on a line that counts as live


class Health(StrEnum):
    """How a cluster is."""

    HEALTHY = "healthy"  # it answers, is followed, and grants what is needed
    DEGRADED = "degraded"  # it answers, and something is missing
    UNREACHABLE = "unreachable"  # the last look failed
    UNKNOWN = "unknown"  # nobody has looked yet


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of the way to a cluster.

    missing   permissions that are needed and not granted
    warnings  of credentials that end
    usage     why usage is unknown; empty: it is not
    trouble   why following stopped; empty: it did not
    """

    check: Look | None
    breaker_open: bool
    following: Following | None
    missing: Sequence[str]
    warnings: Sequence[str]
    usage: str
    trouble: str


def health_of(signs: Signs, now: datetime) -> tuple[Health, tuple[str, ...]]:
    """Return how a cluster is and why it is not better."""
    check = signs.check
    reasons = list(_reasons(signs, now))
    if check is None:
        return Health.UNKNOWN, ("it has not been looked at yet", *reasons)
    if not check.ok or signs.breaker_open:
        said = check.message if not check.ok else "it failed again and again, and is let rest"
        return Health.UNREACHABLE, (said, *reasons)
    return (Health.DEGRADED if reasons else Health.HEALTHY), tuple(reasons)


def _reasons(signs: Signs, now: datetime) -> Iterator[str]:
    check, told = signs.check, signs.following
    if check and check.skew is not None and abs(check.skew) > SKEW.total_seconds():
        yield f"its clock differs from UPID's by {check.skew:.0f} s"
    if signs.trouble:
        yield f"it is not followed: {signs.trouble}"
    elif told is None:
        yield "it is not followed yet"
    elif told.freshness is Freshness.LOADING:
        yield "what it holds is being read for the first time"
    elif told.freshness is Freshness.STALE:
        yield f"contact is lost; what is known is of {_when(told.contact)}"
    elif told.contact is not None and now - told.contact > SILENCE:
        yield f"nothing was heard since {_when(told.contact)}"
    yield from (told.left_out if told else ())
    yield from (f"permission is missing: {one}" for one in signs.missing)
    yield from signs.warnings
    if signs.usage:
        yield signs.usage


def _when(at: datetime | None) -> str:
    return "no known time" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")
