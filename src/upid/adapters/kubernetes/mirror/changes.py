"""What changed since somebody last asked, each object once: as it was first and last."""

from dataclasses import dataclass
from datetime import datetime

from upid.adapters.kubernetes.mirror.entries import Entry
from upid.core.ports.cluster_connection import Happened, ObjectChange


@dataclass(slots=True)
class _Note:
    before: Entry | None
    after: Entry | None
    last: Entry  # the last state that was seen, also of what came and went
    at: datetime


class Changes:
    """Changes that wait to be taken.

    most  objects; with more than these waiting nobody seems to ask, so all are dropped and no
          more are noted until somebody does
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._notes: dict[str, _Note] = {}
        self.dropped = False

    def note(self, before: Entry | None, after: Entry | None, at: datetime) -> None:
        """Write down what became of an object; either may be None, and both have one UID."""
        last = after or before
        if self.dropped or last is None:
            return
        known = self._notes.pop(last.uid, None)
        first = known.before if known else before
        self._notes[last.uid] = _Note(first, after, last, at)
        if len(self._notes) > self._most:
            self._notes.clear()
            self.dropped = True

    def take(self) -> "tuple[_Note, ...]":
        """Return what waits, in order, and begin anew."""
        taken, self._notes, self.dropped = tuple(self._notes.values()), {}, False
        return taken


def told(note: _Note) -> ObjectChange:
    """Return a change as others see it.

    What came and went in between is told as removed, with its last state as the one before.
    """
    before = note.before.shown() if note.before else None
    if note.after is None:
        return ObjectChange(Happened.REMOVED, note.at, before or note.last.shown(), None)
    happened = Happened.ADDED if before is None else Happened.MODIFIED
    return ObjectChange(happened, note.at, before, note.after.shown())
