"""Ending a process so that it is dead, and surely that one, when the call returns."""

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from tests.world.faults.errors import ProxyTrouble
from tests.world.faults.kinds import Victim

_DEATH = 10  # seconds; SIGKILL takes milliseconds unless the disk hangs


def grasp(victim: Victim) -> Callable[[], object]:
    """Return what ends a victim, to be called once. Raises `ProxyTrouble` if it is dead already.

    A process is held by a descriptor from now on: should it end by itself before, as one whose
    reply was dropped may, no other process that got its number is hit.
    """
    if not isinstance(victim, int):
        return victim
    try:
        return partial(_end, victim, os.pidfd_open(victim))
    except ProcessLookupError as error:
        raise ProxyTrouble(f"the victim, process {victim}, was dead before its time") from error


def _end(victim: int, held: int) -> None:
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(held, signal.SIGKILL)
        poll = select.poll()
        poll.register(held, select.POLLIN)
        if not poll.poll(_DEATH * 1000):
            raise ProxyTrouble(f"process {victim} survived SIGKILL for {_DEATH} s")
    finally:
        os.close(held)
