"""Random histories: what a client might do to an API server, as data made from a seed.

What the steps are, and how they speak of each other, is in `steps`.
"""

from collections.abc import Callable, Mapping
from random import Random

from tests.world.simulated.answers import Object
from tests.world.simulated.steps import History, Step
from tests.world.simulated.subjects import SUBJECTS
from tests.world.simulated.writing import MERGE_PATCH

FEWEST, MOST = 10, 25  # steps drawn; marks and closes come on top
COMPACTED = 5  # one history in five loses its past in the middle
EXPIRING = 66  # one in so many waits for a watch to end by itself, which takes real seconds
EXPIRY = 5  # seconds; a bookmark is due two before, and the server looks about once a second
MARK = "mark"  # the annotation by which a watch is read to its end
NAMES = ("x0", "x1", "x2", "x3", "x-10")
_OTHER_UID = "11111111-2222-3333-4444-555555555555"
_FINALIZERS = (None, ["a.b/c"], ["a.b/c", "a.b/d"], ["a.b/d"], ["plain"])
_BAD_NAMES = ("A_b", "a.", "-", "x" * 254)
_LABELS: tuple[dict[str, str], ...] = ({}, {"app": "a"}, {"app": "b"}, {"app": "a", "tier": "x"})
# A selector, and labels that it takes.
_SELECTORS: tuple[tuple[str, dict[str, str]], ...] = (
    ("app=a", {"app": "a"}),
    ("app!=a", {"app": "b"}),
    ("app in (a,b)", {"app": "a"}),
    ("app notin (b)", {}),
    ("!app", {}),
    ("app", {"app": "b"}),
    ("app==a,tier!=x", {"app": "a"}),
)


def history(seed: int) -> History:
    """Return the history of a seed; the same one every time."""
    return _Drawing(seed).drawn()


class _Drawing:
    """A history in the making."""

    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        self.subject = SUBJECTS[seed % len(SUBJECTS)]
        self.steps = [Step("namespace")]
        self.watches: dict[int, Callable[[str], list[Step]]] = {}  # open ones, with their marks
        self.opened = 0
        self.generated = 0
        self.pages: list[int] = []  # steps that were lists with a limit
        self.lists: list[int] = []
        self.written: dict[str, list[int]] = {}  # name → steps that wrote it

    def drawn(self) -> History:
        length = self.chance.randint(FEWEST, MOST)
        lost = length // 2 if self.seed % COMPACTED == 0 else -1
        for at in range(length):
            if at == lost:
                self._lose_past()
            self._draw()
        self._close_all()
        if self.seed % EXPIRING == 1:
            self._expire()
        return History(self.seed, self.subject, tuple(self.steps))

    def _lose_past(self) -> None:
        """Compact in the middle of a list in pages, and go on with it afterwards."""
        self._page()
        self._close_all()
        self.steps.append(Step("compact"))
        self._page()

    def _draw(self) -> None:
        draws: list[tuple[Callable[[], None], int]] = [
            (self._create, 18 if len(self.written) > 1 else 80),
            (self._create_wrongly, 4),
            (self._get, 4),
            (self._replace, 14),
            (self._patch, 20),
            (self._delete, 11),
            (self._release, 4),
            (self._list, 8),
            (self._page, 8),
            (self._watch, 8 if len(self.watches) < 2 else 0),
            (self._close, 3 if self.watches else 0),
            (self._write_status, 7 if self.subject.status(0) else 0),
        ]
        self.chance.choices([d for d, _ in draws], [weight for _, weight in draws])[0]()

    # What is sent.

    def _add(
        self,
        method: str,
        name: str = "",
        body: Object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        namespace: str = "$ns",
        part: str = "",
    ) -> int:
        path = self.subject.kind.path(namespace, name) + part
        kind = MERGE_PATCH if method == "PATCH" else "application/json"
        self.steps.append(Step("request", method, path, query or {}, body, kind))
        at = len(self.steps) - 1
        if name and method != "GET":
            self.written.setdefault(name, []).append(at)
        return at

    def _name(self) -> str:
        """Return a name, most often one that was written before."""
        if self.written and self.chance.random() < 0.85:
            return self.chance.choice(list(self.written))
        return self.chance.choice(NAMES)

    def _object(self, metadata: Object) -> Object:
        content = self.subject.content(self.subject.number(self.chance))
        return {"metadata": metadata, **content}

    def _dry(self) -> dict[str, str]:
        return {"dryRun": "All"} if self.chance.random() < 0.06 else {}

    def _create(self) -> None:
        labels = self.chance.choice(_LABELS)
        metadata: Object = {"labels": labels} if labels else {}
        query = self._dry()
        if self.generated < 2 and self.chance.random() < 0.15:
            # One name a prefix: two would come in an order that the server rolls dice for.
            metadata["generateName"] = f"g{self.generated}-"
            self.generated += 1
            at = self._add("POST", "", self._object(metadata), query=query)
            self.written[f"$name{at}"] = [at]
            return
        name = self.chance.choice(NAMES)
        finalizers = self.chance.choice(_FINALIZERS) if self.chance.random() < 0.3 else None
        metadata |= {"name": name} | ({"finalizers": finalizers} if finalizers else {})
        at = self._add("POST", "", self._object(metadata), query=query)
        self.written.setdefault(name, []).append(at)

    def _create_wrongly(self) -> None:
        name = self.chance.choice(NAMES)
        mistakes: list[tuple[Object, str]] = [
            ({"metadata": {"name": self.chance.choice(_BAD_NAMES)}}, "$ns"),
            ({"metadata": {}}, "$ns"),
            ({"metadata": {"generateName": "Bad_"}}, "$ns"),
            ({"metadata": {"name": name, "namespace": "elsewhere"}}, "$ns"),
            ({"metadata": {"name": name, "resourceVersion": "$rv0"}}, "$ns"),
            ({"metadata": {"name": name, "labels": {"bad key": "v"}}}, "$ns"),
            ({"metadata": {"name": name, "labels": {"key": "bad value"}}}, "$ns"),
            ({"metadata": {"name": name}}, "never-made"),
            ({"metadata": {"name": name}, "kind": "Secret"}, "$ns"),
        ]
        body, namespace = self.chance.choice(mistakes)
        content = self.subject.content(1)
        if self.chance.random() < 0.3:
            body, namespace = {"metadata": {"name": name}}, "$ns"
            content = self.chance.choice(self.subject.mistakes)
        self._add("POST", "", {**content, **body}, namespace=namespace)

    def _get(self) -> None:
        query = self.chance.choice([{}, {}, {"resourceVersion": "0"}])
        self._add("GET", self._name(), query=query)

    def _seen(self, name: str) -> int:
        """Return a step that may know an object's version: often one that just looked."""
        if self.chance.random() < 0.35:
            return self._add("GET", name)
        steps = self.written.get(name, [0])
        return steps[-1] if self.chance.random() < 0.7 else self.chance.choice(steps)

    def _replace(self) -> None:
        name = self._name()
        at = self._seen(name)
        labels = self.chance.choice(_LABELS)
        metadata: Object = {"name": name} | ({"labels": labels} if labels else {})
        roll = self.chance.random()
        if roll < 0.6:
            metadata["resourceVersion"] = f"$rv{at}"
        if roll > 0.9:
            metadata["resourceVersion"] = self.chance.choice(["0", "$rv0"])
        if self.chance.random() < 0.3:
            metadata["uid"] = self.chance.choice([f"$uid{at}", f"$uid{at}", _OTHER_UID])
        if self.chance.random() < 0.15:
            metadata["finalizers"] = self.chance.choice(_FINALIZERS)
        if self.chance.random() < 0.04:
            metadata["name"] = "another"
        self._add("PUT", name, self._object(metadata), query=self._dry())

    def _patch(self) -> None:
        name = self._name()
        body = dict(self.chance.choice(self.subject.changes(self.subject.number(self.chance))))
        if self.chance.random() < 0.5:
            metadata = self._metadata_change(name)
            body = {"metadata": metadata} | (body if self.chance.random() < 0.4 else {})
        self._add("PATCH", name, body, query=self._dry())

    def _metadata_change(self, name: str) -> Object:
        at = self._seen(name)
        changes: list[Object] = [
            {"labels": self.chance.choice([None, {"app": "a"}, {"app": "b"}, {"app": None}])},
            {"annotations": {"note": self.chance.choice(["1", "2", None])}},
            {"resourceVersion": f"$rv{at}"},
            {"resourceVersion": f"$rv{at}", "uid": f"$uid{at}"},
            {"resourceVersion": "$rv0"},
            {"resourceVersion": None},
            {"finalizers": self.chance.choice(_FINALIZERS)},
            {"finalizers": None},
            {"uid": self.chance.choice([None, _OTHER_UID])},
            {"name": self.chance.choice([None, "another"])},
            {"creationTimestamp": None, "generation": 7},
        ]
        return self.chance.choice(changes)

    def _write_status(self) -> None:
        name = self._name()
        number = self.subject.number(self.chance)
        body: Object = {"status": self.chance.choice(self.subject.status(number))}
        if self.chance.random() < 0.3:
            body |= self.chance.choice(self.subject.changes(number))
        if self.chance.random() < 0.3:
            body["metadata"] = self._metadata_change(name)
        self._add("PATCH", name, body, part="/status")

    def _delete(self) -> None:
        name = self._name()
        at = self._seen(name)
        wanted: Object | None = self.chance.choice(
            [
                None,
                None,
                {"uid": f"$uid{at}"},
                {"uid": _OTHER_UID},
                {"resourceVersion": f"$rv{at}"},
                {"resourceVersion": f"$rv{at}", "uid": f"$uid{at}"},
                {"resourceVersion": "$rv0"},
            ]
        )
        body = {"preconditions": wanted} if wanted else None
        self._add("DELETE", name, body, query=self._dry())

    def _release(self) -> None:
        self._add("PATCH", self._name(), {"metadata": {"finalizers": None}})

    # What is read.

    def _selected(self) -> tuple[dict[str, str], dict[str, str], str]:
        """Return a query's selector, labels that it takes, and the one name that it takes."""
        roll = self.chance.random()
        if roll < 0.3:
            text, labels = self.chance.choice(_SELECTORS)
            return {"labelSelector": text}, labels, ""
        if roll < 0.5:
            name = self.chance.choice(NAMES)
            return {"fieldSelector": f"metadata.name={name}"}, {}, name
        return {}, {}, ""

    def _list(self) -> None:
        query, _, _ = self._selected()
        known = f"$rv{self._any_step()}"
        versions: list[dict[str, str]] = [
            {},
            {"resourceVersion": "0"},
            {"resourceVersion": known},
            {"resourceVersion": known, "resourceVersionMatch": "NotOlderThan"},
            {"resourceVersion": known, "resourceVersionMatch": "Exact"},
            {"resourceVersion": known, "resourceVersionMatch": "Exact", "limit": "2"},
            {"resourceVersion": "0", "resourceVersionMatch": "Exact"},
            {"resourceVersionMatch": "Exact"},
            {"resourceVersion": "x"},
            {"continue": "garbage"},
            {"fieldSelector": "spec.unknown=1"},
            {"labelSelector": "app=!"},
        ]
        weights = [8, 4, 4, 4, 6, 4, 1, 1, 1, 1, 1, 1]
        query |= self.chance.choices(versions, weights)[0]
        self.lists.append(self._add("GET", query=query))

    def _any_step(self) -> int:
        """Return a step that may have answered a version."""
        written = [at for steps in self.written.values() for at in steps]
        return self.chance.choice([0, *self.lists, *written])

    def _page(self) -> None:
        """Begin a list in pages, or go on with one, however old."""
        limit = str(self.chance.randint(1, 2))
        if self.pages and self.chance.random() < 0.75:
            at = self.chance.choice(self.pages[-2:])
            query = dict(self.steps[at].query) | {"limit": limit, "continue": f"$continue{at}"}
            for name in ("resourceVersion", "resourceVersionMatch"):
                query.pop(name, None)
        else:
            query = self._selected()[0] | {"limit": limit}
            if self.chance.random() < 0.3:
                query["resourceVersion"] = f"$rv{self._any_step()}"
        at = self._add("GET", query=query)
        self.pages.append(at)
        self.lists.append(at)

    def _watch(self) -> None:
        query, labels, name = self._selected()
        match = {"resourceVersionMatch": "NotOlderThan"}
        known = f"$rv{self._any_step()}"
        starts: list[dict[str, str]] = [
            {},
            {"resourceVersion": "0"},
            {"resourceVersion": known},
            {"sendInitialEvents": "true", **match},
            {"sendInitialEvents": "true", "resourceVersion": known, **match},
            {"sendInitialEvents": "false", **match},
            {"sendInitialEvents": "false", "resourceVersion": known, **match},
            {"sendInitialEvents": "true"},
            match,
            {"resourceVersion": "x"},
        ]
        query |= self.chance.choices(starts, [5, 5, 14, 3, 2, 2, 2, 1, 1, 1])[0]
        if self.chance.random() < 0.5:
            query["allowWatchBookmarks"] = "true"
        self._open(query, lambda mark: self._marks(mark, labels, name))

    def _open(self, query: Mapping[str, str], marks: Callable[[str], list[Step]]) -> None:
        self.opened += 1
        path = self.subject.kind.path("$ns")
        self.steps.append(Step("watch", "GET", path, query, watch=self.opened))
        self.watches[self.opened] = marks

    def _marks(self, mark: str, labels: dict[str, str], name: str) -> list[Step]:
        """Return writes of which exactly one reaches the watch, with its mark."""
        kind = self.subject.kind
        metadata: Object = {"name": name or f"zz-{mark}", "annotations": {MARK: mark}}
        if labels:
            metadata["labels"] = labels
        made = Step("request", "POST", kind.path("$ns"), body=self._object(metadata))
        if not name:
            return [made]
        change = {"metadata": {"annotations": {MARK: mark}}}
        path = kind.path("$ns", name)
        return [Step("request", "PATCH", path, {}, change, MERGE_PATCH), made]

    def _close(self) -> None:
        number = self.chance.choice(list(self.watches))
        marks = self.watches.pop(number)
        self.steps += marks(str(number))
        self.steps.append(Step("close", watch=number))

    def _close_all(self) -> None:
        while self.watches:
            self._close()

    def _expire(self) -> None:
        """Watch one object while others change, until the watch ends by itself."""
        query = {"fieldSelector": "metadata.name=never", "allowWatchBookmarks": "true"}
        query |= {"resourceVersion": "$rv0" if self.seed % COMPACTED else "0"}
        self._open(query | {"timeoutSeconds": str(EXPIRY)}, lambda _mark: [])
        self._create()
        self._add("POST", "", self._object({"name": "last"}))
        self.watches.clear()
        self.steps.append(Step("expire", watch=self.opened))
