"""Many requests at once: one after the other, a server mostly waits for its client."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 6  # requests; more made no difference on two cores
T = TypeVar("T")


def at_once(act: Callable[[T], object], things: Iterable[T]) -> None:
    """Do something with each thing, `AT_ONCE` at a time; the first error is raised."""
    with ThreadPoolExecutor(AT_ONCE) as workers:
        for _ in workers.map(act, things):
            pass
