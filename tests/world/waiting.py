"""Waiting for something, never without an end."""

import time
from collections.abc import Callable
from pathlib import Path

PAUSE = 0.02  # seconds between two looks: short beside everything that is waited for
_LAST_LINES = 15  # of a log, shown when the wait was in vain


class WaitedInVain(Exception):
    """What was waited for did not come in time."""


def wait_until(
    what: str,
    check: Callable[[], bool],
    seconds: float,
    log: Path | None = None,
    pause: float = PAUSE,
) -> None:
    """Look until `check` holds.

    Raises `WaitedInVain` after `seconds`, with what was waited for and the end of `log`.
    """
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise WaitedInVain(f"waited {seconds:g} s for {what}{_ending(log)}")
        time.sleep(pause)


def _ending(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return f"; {log} ends:\n" + "\n".join(lines)
