"""What changed since somebody last asked, each object once: as it was first and last."""

from dataclasses import dataclass
from datetime import datetime

from upid.adapters.kubernetes.mirror.entries import Entry
from upid.core.ports.cluster_connection import Happened, ObjectChange


@dataclass(slots=True)
class _Note:
    before: Entry | None
    last: Entry
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

    def note(self, before: Entry | None, last: Entry, at: datetime) -> None:
        """Write down what became of an object; `last` tells when it went, if it did."""
        if self.dropped:
            return
        known = self._notes.pop(last.uid, None)
        self._notes[last.uid] = _Note(known.before if known else before, last, at)
        if len(self._notes) > self._most:
            self._notes.clear()
            self.dropped = True

    def take(self) -> "tuple[_Note, ...]":
        """Return what waits, in order, and begin anew."""
        taken, self._notes, self.dropped = tuple(self._notes.values()), {}, False
        return taken


def told(note: _Note) -> ObjectChange:
    """Return a change as others see it.

    What went has its `until`; of what came and went in between that is the last state.
    """
    before = note.before.shown() if note.before else None
    if note.last.until is not None:
        gone = (note.before or note.last).shown()._replace(until=note.last.until)
        return ObjectChange(Happened.REMOVED, note.at, gone, None)
    happened = Happened.ADDED if before is None else Happened.MODIFIED
    return ObjectChange(happened, note.at, before, note.last.shown())
