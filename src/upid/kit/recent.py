"""The last few answers to questions, each computed once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps the most recently asked answers; safe to ask from several threads.

    One answer is computed at a time: forty threads with a large cluster each would fill the
    memory, and are no faster; those that wait for the same answer find it.
    """

    def __init__(self, kept: int) -> None:
        self._bound = kept
        self._answers: OrderedDict[K, V] = OrderedDict()
        self._lock, self._turn = Lock(), Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the answer to `key`, made now if it is not known."""
        known = self._known(key)
        if known:
            return known[0]
        with self._turn:
            known = self._known(key)
            if known:
                return known[0]
            made = make()
            with self._lock:
                self._answers[key] = made
                while len(self._answers) > self._bound:
                    self._answers.popitem(last=False)
            return made

    def _known(self, key: K) -> tuple[V, ...]:
        with self._lock:
            if key not in self._answers:
                return ()
            self._answers.move_to_end(key)
            return (self._answers[key],)
