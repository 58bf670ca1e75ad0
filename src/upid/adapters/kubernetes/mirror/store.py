"""The objects of a cluster in memory: written by one loop, read from any thread."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from threading import Lock

from upid.adapters.kubernetes.mirror.changes import Changes, told
from upid.adapters.kubernetes.mirror.entries import Entry
from upid.adapters.kubernetes.mirror.versions import is_newer, is_older
from upid.core.ports.cluster_connection import ObjectChange
from upid.core.ports.cluster_source import ObjectVersion

Key = tuple[str, str]  # namespace and name

# Kinds whose lives are counted by time, and what stands between a pod and its workload.
_REMEMBERED = frozenset({"Pod", "Node", "ReplicaSet", "ReplicationController", "Job"})


class Store:
    """Objects by kind and name, and those that are gone since not too long ago by their UID.

    remembered, most_gone  how long and how many of the gone are kept
    most_changes           objects whose changes wait to be taken
    """

    def __init__(self, remembered: timedelta, most_gone: int, most_changes: int) -> None:
        self._remembered, self._most_gone = remembered, most_gone
        self._lock = Lock()
        self._tables: dict[str, dict[Key, Entry]] = {}
        self._gone: dict[str, Entry] = {}
        self._changes = Changes(most_changes)
        self._generation = 0
        self._weight = 0

    @property
    def generation(self) -> int:
        """Return a number that rises with each change of what `objects` yields."""
        return self._generation

    @property
    def weight(self) -> int:
        """Return the bytes of all objects."""
        return self._weight

    @property
    def dropped(self) -> bool:
        """Return whether changes were dropped because nobody took them."""
        return self._changes.dropped

    def counts(self) -> dict[str, int]:
        """Return how many objects there are of each kind; the gone are not counted."""
        with self._lock:
            first = [(next(iter(t.values())).kind, len(t)) for t in self._tables.values() if t]
        return dict(sorted(first))

    def table(self, plural: str) -> dict[Key, Entry]:
        """Return the objects of a kind as they are now."""
        with self._lock:
            return dict(self._tables.get(plural, {}))

    def get(self, plural: str, key: Key) -> Entry | None:
        """Return one object."""
        return self._tables.get(plural, {}).get(key)

    def put(
        self, plural: str, found: Entry, at: datetime, *, quiet: bool, force: bool = False
    ) -> bool:
        """Keep an object, unless what is known of it is as young; return whether it was kept.

        quiet  not noted as a change: of a first list
        force  also where it is older: history itself was replaced
        """
        with self._lock:
            table = self._tables.setdefault(plural, {})
            known = table.get(found.key)
            if known == found or not (force or self._is_fresh(found, known)):
                return False
            before = known if known is not None and known.uid == found.uid else None
            if before is None:
                self._risen(found.uid)
                if known is not None:
                    self._bury(known, at, quiet=quiet)
            table[found.key] = found
            self._weight += found.weight - (before.weight if before else 0)
            self._generation += 1
            if not quiet:
                self._changes.note(before, found, at)
            return True

    def remove(
        self,
        plural: str,
        known: Entry,
        at: datetime,
        *,
        last: Entry | None = None,
        quiet: bool = False,
    ) -> None:
        """Let an object go; `last` is its last state, where the server told it."""
        with self._lock:
            if self._tables.get(plural, {}).pop(known.key, None) is not None:
                self._weight -= known.weight
                self._weight += (last or known).weight
                self._generation += 1
                self._bury(last or known, at, quiet=quiet, before=known)

    def mention(self, gone: Entry, at: datetime) -> None:
        """Remember an object of which only its end was heard."""
        with self._lock:
            if gone.uid not in self._gone:
                self._weight += gone.weight
                self._generation += 1
                self._bury(gone, at, quiet=False)

    def forget(self, plural: str) -> None:
        """Drop what is known of a kind that may no longer be read; nothing of it has died."""
        with self._lock:
            dropped = self._tables.pop(plural, {})
            if dropped:
                self._weight -= sum(one.weight for one in dropped.values())
                self._generation += 1

    def prune(self, now: datetime) -> None:
        """Drop those that are gone for too long."""
        with self._lock:
            old = [
                uid
                for uid, one in self._gone.items()
                if one.until is not None and one.until < now - self._remembered
            ]
            for uid in old:
                self._drop(uid)

    def objects(self, kinds: Sequence[str] | None) -> Iterator[ObjectVersion]:
        """Yield objects as they were when this began, by kind, namespace, name and age."""
        with self._lock:
            found = [one for table in self._tables.values() for one in table.values()]
            found += self._gone.values()
        wanted = [one for one in found if kinds is None or one.kind in kinds]
        wanted.sort(key=lambda one: (one.kind, one.namespace, one.name, one.since, one.uid))
        return (one.shown() for one in wanted)

    def take_changes(self) -> tuple[ObjectChange, ...]:
        """Return what changed since it was last asked, in order."""
        with self._lock:
            taken = self._changes.take()
        return tuple(map(told, taken))

    def _is_fresh(self, found: Entry, known: Entry | None) -> bool:
        if known is not None and known.uid == found.uid:
            return is_newer(found.version, known.version)
        gone = self._gone.get(found.uid)
        if gone is not None and not is_newer(found.version, gone.version):
            return False  # an old word of one that is dead
        return known is None or not is_older(found.version, known.version)

    def _bury(
        self, known: Entry, at: datetime, *, quiet: bool, before: Entry | None = None
    ) -> None:
        """Remember one that went, as long as that is worth it; its weight is already counted."""
        buried = known.buried(at)
        if not quiet:
            self._changes.note(before or known, buried, at)
        if known.kind not in _REMEMBERED:
            self._weight -= known.weight
            return
        self._risen(known.uid)  # so that the latest comes last
        self._gone[known.uid] = buried
        while len(self._gone) > self._most_gone:
            self._drop(next(iter(self._gone)))

    def _risen(self, uid: str) -> None:
        """Take an object from those that are gone."""
        gone = self._gone.pop(uid, None)
        if gone is not None:
            self._weight -= gone.weight

    def _drop(self, uid: str) -> None:
        self._risen(uid)
        self._generation += 1
