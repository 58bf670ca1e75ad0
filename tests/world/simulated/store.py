"""Objects with every version they had: what etcd and the API server's watch cache hold together."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter

import msgspec

from tests.world.simulated.answers import Object
from tests.world.simulated.kinds import Kind
from tests.world.simulated.selectors import Labels, Match

_encode = msgspec.json.Encoder().encode
_NO_LABELS: Labels = {}
_by_revision = attrgetter("revision")


def stored(found: Object, revision: int) -> "Stored":
    """Return a version of an object, to be held by any number of tables."""
    metadata = found["metadata"] | {"resourceVersion": str(revision)}
    whole = found | {"metadata": metadata}
    return Stored(whole, _encode(whole), revision)


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object: decoded, never to be changed, and encoded without its kind."""

    object: Object
    item: bytes
    revision: int

    @property
    def namespace(self) -> str:
        """Return its namespace; nothing for what lies in none."""
        return str(self.object["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """Return its name."""
        return str(self.object["metadata"]["name"])

    def matches(self, match: Match) -> bool:
        """Return whether a selector takes it."""
        metadata = self.object["metadata"]
        return match(self.namespace, metadata["name"], metadata.get("labels", _NO_LABELS))


@dataclass(frozen=True, slots=True)
class Change:
    """One write: what was there, what is there now (nothing after a removal), and when."""

    revision: int
    key: str
    before: Stored | None
    after: Stored | None
    at: float


class Table:
    """The objects of one kind, with their history back to the last compaction."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._head = f'{{"kind":"{kind.name}","apiVersion":"{kind.api_version}",'.encode()
        self._live: dict[str, Stored] = {}
        self._versions: dict[str, list[tuple[int, Stored | None]]] = {}
        self._keys: list[str] = []  # sorted; of the removed ones too, until they are compacted
        self._log: list[Change] = []

    def get(self, key: str) -> Stored | None:
        """Return the object at a key, which is `namespace/name`."""
        return self._live.get(key)

    def put(self, key: str, found: Object, revision: int, at: float) -> Stored:
        """Store a version of an object under a revision higher than all before."""
        found["metadata"]["resourceVersion"] = str(revision)
        stored = Stored(found, _encode(found), revision)
        before = self._live.get(key)
        self._live[key] = stored
        self._note(Change(revision, key, before, stored, at))
        return stored

    def hold(self, found: Sequence[Stored]) -> None:
        """Begin with versions that other tables may hold as well, as from before anybody looked."""
        for stored in found:
            key = f"{stored.namespace}/{stored.name}"
            self._live[key] = stored
            self._versions[key] = [(stored.revision, stored)]
        self._keys = sorted(self._versions)

    def remove(self, key: str, revision: int, at: float) -> None:
        """Remove an object, which takes a revision too."""
        self._note(Change(revision, key, self._live.pop(key), None, at))

    def _note(self, change: Change) -> None:
        versions = self._versions.get(change.key)
        if versions is None:
            versions = self._versions[change.key] = []
            insort(self._keys, change.key)
        versions.append((change.revision, change.after))
        self._log.append(change)

    def body(self, stored: Stored) -> bytes:
        """Return an object as the server answers it: with its kind."""
        return self._head + stored.item[1:]

    def list(self, start: str, prefix: str, revision: int | None = None) -> Iterator[Stored]:
        """Yield objects in the order of keys, from `start` on, as of a revision or as of now."""
        for at in range(bisect_left(self._keys, max(start, prefix)), len(self._keys)):
            key = self._keys[at]
            if not key.startswith(prefix):
                return
            found = self._live.get(key) if revision is None else self._as_of(key, revision)
            if found is not None:
                yield found

    def _as_of(self, key: str, revision: int) -> Stored | None:
        versions = self._versions[key]
        at = bisect_right(versions, revision, key=itemgetter(0))
        return versions[at - 1][1] if at else None

    def since(self, revision: int) -> Iterator[Change]:
        """Yield the changes after a revision, oldest first."""
        for at in range(bisect_right(self._log, revision, key=_by_revision), len(self._log)):
            yield self._log[at]

    def compact(self, revision: int) -> None:
        """Forget changes up to a revision, and versions that no later one needs."""
        self._log = self._log[bisect_right(self._log, revision, key=_by_revision) :]
        for key in list(self._versions):
            versions = self._versions[key]
            kept = max(0, bisect_right(versions, revision, key=itemgetter(0)) - 1)
            if kept == len(versions) - 1 and versions[kept][1] is None:
                del self._versions[key]
            else:
                self._versions[key] = versions[kept:]
        self._keys = sorted(self._versions)
