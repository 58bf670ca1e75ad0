"""Errors of the command line itself, and the exit code that each kind of error ends with."""

from typing import Final

from upid.core.errors import Kind, UpidError

OK: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
NO_CONNECTION: Final = 3
PARTIAL: Final = 4
UNSAFE: Final = 5
BUG: Final = 70
INTERRUPTED: Final = 130

_BY_KIND = {
    Kind.INVALID: USAGE,
    Kind.MISSING: USAGE,
    Kind.CONFLICT: USAGE,
    Kind.DENIED: NO_CONNECTION,
    Kind.UNREACHABLE: NO_CONNECTION,
    Kind.BUSY: NO_CONNECTION,
    Kind.UNSAFE: UNSAFE,
}


class Refusal(UpidError):
    """What was typed cannot be done as it was typed."""

    code = "bad_usage"


def exit_code(kind: Kind) -> int:
    """Return the exit code for a kind of error, by the documented table."""
    return _BY_KIND[kind]
