"""Watches: what a client sees of changes, in order, from where it asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.world.simulated.answers import Answer, Json
from tests.world.simulated.clock import Clock
from tests.world.simulated.selectors import Match
from tests.world.simulated.store import Change, Stored, Table

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

BOOKMARK_EVERY = 60.0  # seconds; "roughly every minute" in apiserver's cache_watcher.go
BOOKMARK_BEFORE_END = 2.0  # seconds; likewise
INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and its object."""

    type: str
    body: bytes

    def json(self) -> Json:
        """Return the object, decoded afresh on every call."""
        return _decode(self.body)


class Watch:
    """An open watch; `read` gives what came since the last read.

    Events wait in the server's history until they are read, so a watch that nobody reads costs
    nothing. A bookmark that is due is given at the first read after its time, when something
    happened that the watch did not show.
    """

    def __init__(
        self,
        table: Table,
        clock: Clock,
        match: Match,
        prefix: str,
        *,
        since: int,
        seconds: float | None,
        bookmarks: bool,
    ) -> None:
        self._table, self._clock = table, clock
        self._match, self._prefix = match, prefix
        self._seen = self._told = since  # read up to here; what the client knows to have seen
        self._end = None if seconds is None else clock.now() + seconds
        self._bookmarks = bookmarks
        self._waiting: list[Event] = []
        self.ended = False
        self._bookmark_at = self._next_bookmark()

    def show(self, found: Iterator[Stored], revision: int) -> None:
        """Begin with what is there, as ADDED, and a bookmark where the client takes them."""
        for stored in found:
            if stored.matches(self._match):
                self._waiting.append(Event("ADDED", self._table.body(stored)))
        self._seen = self._told = revision
        if self._bookmarks:
            self._waiting.append(self._bookmark(revision, {INITIAL_END: "true"}))

    def fail(self, answer: Answer) -> None:
        """End with an ERROR."""
        self._waiting.append(Event("ERROR", answer.body))
        self.ended = True

    def cut(self, revision: int) -> None:
        """End as when the server goes away: what happened so far still arrives."""
        if not self.ended:
            self._collect(revision)
            self.ended = True

    def read(self, revision: int) -> list[Event]:
        """Return the events up to a revision; after the last ones `ended` tells that it is over."""
        if not self.ended:
            self._collect(revision)
            now = self._clock.now()
            if self._bookmark_at is not None and now >= self._bookmark_at:
                if revision > self._told:
                    self._waiting.append(self._bookmark(revision, None))
                    self._told = revision
                self._bookmark_at = self._next_bookmark()
            self.ended = self._end is not None and now >= self._end
        found, self._waiting = self._waiting, []
        return found

    def _collect(self, revision: int) -> None:
        for change in self._table.since(self._seen):
            if self._end is not None and change.at >= self._end:
                break
            self._seen = change.revision
            if not change.key.startswith(self._prefix):
                continue
            event = self._event(change)
            if event is not None:
                self._waiting.append(event)
                self._told = change.revision
        self._seen = max(self._seen, revision)

    def _event(self, change: Change) -> Event | None:
        before, after = change.before, change.after
        was = before is not None and before.matches(self._match)
        if after is not None and after.matches(self._match):
            return Event("MODIFIED" if was else "ADDED", self._table.body(after))
        if before is None or not was:
            return None
        # What left, or no longer matches, is shown as it was, at the revision of its leaving.
        metadata = before.object["metadata"] | {"resourceVersion": str(change.revision)}
        gone = Stored({}, _encode(before.object | {"metadata": metadata}), change.revision)
        return Event("DELETED", self._table.body(gone))

    def _bookmark(self, revision: int, notes: dict[str, str] | None) -> Event:
        kind = self._table.kind
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        found: dict[str, Any] = {
            "kind": kind.name,
            "apiVersion": kind.api_version,
            "metadata": metadata | ({"annotations": notes} if notes else {}),
        }
        return Event("BOOKMARK", _encode(found | kind.blank))

    def _next_bookmark(self) -> float | None:
        if not self._bookmarks:
            return None
        now = self._clock.now()
        if self._end is None:
            return now + BOOKMARK_EVERY
        due = min(now + BOOKMARK_EVERY, self._end - BOOKMARK_BEFORE_END)
        return due if due > now else None
