"""The one family of errors that people meet, with a code that never changes and a way out."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """What sort of trouble it is; faces turn it into a status or an exit code."""

    INVALID = "invalid"
    DENIED = "denied"
    MISSING = "missing"
    CONFLICT = "conflict"
    UNSAFE = "unsafe"
    BUSY = "busy"
    UNREACHABLE = "unreachable"


class UpidError(Exception):
    """An error that names the thing in quotes and says what to do next.

    Subclasses set `kind` and a stable `code`; `details` holds plain values for machines.
    """

    kind: ClassVar[Kind] = Kind.INVALID
    code: ClassVar[str] = "invalid"

    def __init__(
        self, message: str, *, hint: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: Mapping[str, object] = details or {}

    def __str__(self) -> str:
        return self.message
