"""Idle or not: four factors of 0 to 100, their weighted mean, and how sure it is (IDL-1 … IDL-7)."""

from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a pod in the end."""

    IDLE = "idle"
    BUSY = "busy"
    BLOCKED = "blocked"  # quiet because something that it uses is down
    UNKNOWN = "unknown"
