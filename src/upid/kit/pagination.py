"""Pages of long lists, continued by a cursor that says after which row the next one starts.

A cursor is a position, not an offset: rows that come or go between two pages neither repeat nor
hide others. It carries no rights, so it is checked, not signed: a forged one can only name
another place in the same list, which the caller may read anyway.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from upid.core.errors import UpidError

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
_MAX_CURSOR = 1024  # characters; ours are below 200

T = TypeVar("T")


class BadCursor(UpidError):
    """A cursor that this list did not give out."""

    code = "bad_cursor"

    def __init__(self) -> None:
        super().__init__(
            "the cursor is not one that this list gave out",
            hint="take `next_cursor` of the page before, or leave the cursor out to start again",
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page and the cursor of the next one; None at the end."""

    items: Sequence[T]
    next: str | None

    @classmethod
    def cut(cls, rows: Sequence[T], limit: int, after: Callable[[T], str]) -> "Page[T]":
        """Return the first `limit` of up to limit + 1 rows; the surplus tells that more follow."""
        kept = rows[:limit]
        return cls(kept, after(kept[-1]) if len(rows) > limit else None)


def write_cursor(listing: str, *position: str | int) -> str:
    """Return the cursor that continues `listing` after the row at this position."""
    return urlsafe_b64encode(msgspec.json.encode((listing, *position))).decode().rstrip("=")


def read_cursor(cursor: str, listing: str, *kinds: type) -> tuple[str | int, ...]:
    """Return the position that a cursor of this listing names. Raises BadCursor."""
    if len(cursor) > _MAX_CURSOR:
        raise BadCursor
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = msgspec.json.decode(raw, type=list[str | int])
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise BadCursor from error
    if [type(part) for part in found] != [str, *kinds] or found[0] != listing:
        raise BadCursor
    return tuple(found[1:])
