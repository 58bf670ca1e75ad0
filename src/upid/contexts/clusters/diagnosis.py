"""What a look at a cluster found, thing by thing, with what it means and what mends it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"  # UPID works, and something is left out or is about to end
    FAILED = "failed"  # UPID cannot work
    UNKNOWN = "unknown"  # it could not be found out


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    found   what there is
    means   what follows from it for UPID; empty where all is well
    remedy  what to do
    code    commands to type for it, as they are
    """

    name: str
    state: State
    found: str
    means: str = ""
    remedy: str = ""
    code: str = ""
