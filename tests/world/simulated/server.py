"""The simulated API server: requests in, answers out, nothing else happens by itself."""

import random
from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakSet

from tests.world.simulated import reading, writing
from tests.world.simulated.answers import About, Answer, Object, expired, not_found, refusal
from tests.world.simulated.clock import Clock, HandClock
from tests.world.simulated.kinds import KINDS, Kind
from tests.world.simulated.paths import Target, target_of
from tests.world.simulated.reading import Query
from tests.world.simulated.selectors import selector
from tests.world.simulated.store import Stored, Table
from tests.world.simulated.watches import Event, Watch
from tests.world.simulated.writing import Unmodelled, Writer

__all__ = ["Event", "SimulatedServer", "Unmodelled", "Watch"]

_COLLECTION_ONLY, _OBJECT_ONLY = {"POST"}, {"PUT", "PATCH"}
_NOTHING: Query = {}


class SimulatedServer:
    """A Kubernetes API server with etcd, in memory, with a clock that a test moves.

    The same requests with the same seed give the same answers, down to UIDs and generated names.
    No controllers, no admission beyond the existence of namespaces, one user who may do all.
    Whatever it does not know it refuses to answer, with `Unmodelled`.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        namespaces: Iterable[str] = ("default",),
        kinds: Iterable[Kind] = KINDS,
        seed: int = 0,
    ) -> None:
        self.clock = clock or HandClock()
        self.compacted = 0  # the revision below which history is forgotten
        self._tables = {(kind.root, kind.plural): Table(kind) for kind in kinds}
        self._writer = Writer(self.clock, set(namespaces), random.Random(seed), seed)
        self._open: WeakSet[Watch] = WeakSet()

    @property
    def revision(self) -> int:
        """Return the latest revision: that of the last write of any kind."""
        return self._writer.revision

    def add_namespace(self, name: str) -> None:
        """Let objects be created in a namespace; it takes a revision, as everywhere."""
        self._writer.add_namespace(name)

    def hold(self, kind: Kind, found: Sequence[Stored]) -> None:
        """Begin with objects of a kind, which other servers may hold as well."""
        self._table(kind).hold(found)
        self._writer.revision = max([self._writer.revision, *(one.revision for one in found)])

    def place(self, kind: Kind, found: Object) -> None:
        """Store an object as it is, as a controller or kubelet would: no rule is asked."""
        self._writer.revision += 1
        metadata = found["metadata"]
        key = f"{metadata.get('namespace', '')}/{metadata['name']}"
        copy = found | {"metadata": dict(metadata)}
        self._table(kind).put(key, copy, self._writer.revision, self.clock.now())

    def take_away(self, kind: Kind, namespace: str, name: str) -> None:
        """Remove an object at once, as when its grace period ends."""
        self._writer.revision += 1
        key = f"{namespace}/{name}"
        self._table(kind).remove(key, self._writer.revision, self.clock.now())

    def held(self, kind: Kind) -> Iterable[Stored]:
        """Yield the objects of a kind as they are now."""
        return self._table(kind).list("", "")

    def _table(self, kind: Kind) -> Table:
        return self._tables[kind.root, kind.plural]

    def request(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: bytes | Mapping[str, object] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Answer one request, a refusal included; watches go through `watch`.

        path   without server and query, such as `/api/v1/namespaces/default/configmaps/x`
        body   as sent, or as a mapping that is encoded at once, so that nothing is shared

        Raises `Unmodelled` for what a real server would answer and this one does not know.
        """
        query = query or _NOTHING
        try:
            target = target_of(path, self._tables)
            _check_method(method, target)
            if method == "GET":
                return self._read(target, query)
            return self._writer.write(method, target, query, body, content_type)
        except writing.Refused as refused:
            return refused.answer

    def watch(self, path: str, query: Query | None = None) -> Watch:
        """Open a watch on a collection; its events are had by `events`.

        Raises `Refused` for a request that cannot be served at all; a version that is too old is
        an ERROR event, as on the real one.
        """
        query = query or _NOTHING
        target = target_of(path, self._tables)
        if target.name:
            raise Unmodelled("a watch on the path of one object; take a fieldSelector")
        match = selector(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        initial = query.get("sendInitialEvents", "")
        reading.check_watch_match(query.get("resourceVersionMatch", ""), initial)
        seconds = reading.number(query.get("timeoutSeconds", ""))
        since = reading.revision_of(query.get("resourceVersion", ""))
        watch = Watch(
            target.table,
            self.clock,
            match,
            target.prefix,
            since=since or self.revision,
            seconds=seconds or None,
            bookmarks=query.get("allowWatchBookmarks", "") in {"true", "1"},
        )
        if initial in {"true", "1"} or (not initial and not since):
            watch.show(target.table.list(target.prefix, target.prefix), self.revision)
        elif since and since < self.compacted:
            message = f"too old resource version: {since} ({self.compacted})"
            watch.fail(expired(message).answer)
        self._open.add(watch)
        return watch

    def events(self, watch: Watch) -> list[Event]:
        """Return what a watch has to tell since it was last asked."""
        return watch.read(self.revision)

    def compact(self) -> None:
        """Forget history: etcd is compacted at the latest revision and the server restarts.

        Open watches end after what happened so far. Lists and watches from before get 410; a real
        server that keeps running may still serve some of them from its cache.
        """
        for watch in self._open:
            watch.cut(self.revision)
        self._open.clear()
        self.compacted = self.revision
        for table in self._tables.values():
            table.compact(self.compacted)

    def _read(self, target: Target, query: Query) -> Answer:
        if query.get("watch") in {"true", "1"}:
            raise Unmodelled("a watch as a plain request; call watch")
        if not target.name:
            current = self.revision
            return reading.answer_list(target.table, target.prefix, query, current, self.compacted)
        wanted = reading.revision_of(query.get("resourceVersion", ""), "invalid resource version: ")
        if wanted > self.revision:
            raise reading.too_large(wanted, self.revision)
        stored = target.table.get(target.key)
        if stored is None:
            raise not_found(target.about)
        return Answer(200, target.table.body(stored))


def _check_method(method: str, target: Target) -> None:
    if method == "DELETE" and not target.name:
        raise Unmodelled("deletion of a collection")
    misplaced = _COLLECTION_ONLY if target.name else _OBJECT_ONLY
    if method in misplaced or method not in {"GET", "POST", "PUT", "PATCH", "DELETE"}:
        message = "the server does not allow this method on the requested resource"
        raise refusal(405, "MethodNotAllowed", message, About())
