"""Histories whose truth is known, to try the judge on: a small store and requests that overlap.

It makes what an API server and etcd leave behind, revisions and audit events, and remembers who
really wrote what. Its rules are those by which the judge reasons, seen from the other side.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tests.world.judge.history import marks
from tests.world.judge.records import Place, Request, Write

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(milliseconds=100)  # ten to the second, in which the API server stamps

Verb = Literal["create", "update", "apply", "delete", "release", "kill", "evict"]
Fate = Literal["answered", "unanswered", "late", "timeout"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to invent.

    name    which of a few objects
    value   what it wants to be stored
    begins  ticks after the start; `steps` are ticks from there to its writes, ascending, and the
            last one to its answer
    bodies  whether the log has the answer's body (RequestResponse) or not (Metadata)
    fate    "unanswered": writes, but the log has no answer; "late": ended before it wrote;
            "timeout": answered 504 at once, and writes behind that answer
    """

    user: str
    verb: Verb
    name: str
    value: int
    begins: int
    steps: tuple[int, int, int, int] = (1, 2, 3, 4)
    bodies: bool = True
    dry_run: bool = False
    finalizer: bool = False
    fate: Fate = "answered"


@dataclass
class Invented:
    """What there is to judge, and the truth.

    authors  of each write, the number of the request
    idle     numbers of requests that succeeded and found nothing to do
    """

    writes: list[Write] = field(default_factory=list)
    sides: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    authors: list[int] = field(default_factory=list)
    idle: set[int] = field(default_factory=set)


def invent(asked: Sequence[Asked]) -> Invented:
    """Carry out requests in the order of their ticks; return what is left behind."""
    store = _Store(asked)
    moments = [
        (one.begins + step, number, place)
        for number, one in enumerate(asked)
        for place, step in enumerate(one.steps[:3])
    ]
    for tick, number, place in sorted(moments):
        store.step(number, tick, place)
    store.made.requests = [store.request(number) for number in range(len(asked))]
    return store.made


class _Store:
    def __init__(self, asked: Sequence[Asked]) -> None:
        self.made = Invented()
        self._asked = asked
        self._objects: dict[str, dict[str, Any]] = {}
        self._revisions: dict[str, int] = {}
        self._revision = 1
        self._answers: dict[int, dict[str, Any]] = {}
        self._begun: dict[int, str] = {}  # UID that a delete of several steps is about
        self._uids = 0

    def step(self, number: int, tick: int, place: int) -> None:
        one = self._asked[number]
        stored = self._objects.get(one.name)
        if place == 0:
            self._answers[number] = self._first(number, one, stored, tick)
        elif number in self._begun and stored and _uid(stored) == self._begun[number]:
            self._go_on(number, one, stored, tick, place)

    def _first(
        self, number: int, one: Asked, stored: dict[str, Any] | None, tick: int
    ) -> dict[str, Any]:
        if stored is None and one.verb not in {"create", "apply"}:
            return {"code": 404}
        if stored is not None and one.verb == "create":
            return {"code": 409}
        if one.fate == "late":
            return {}
        if one.dry_run:
            return {"code": 201 if one.verb == "evict" else 200} | self._of(one.name, one.verb)
        if stored is None:
            return self._create(number, one, tick)
        return self._change(number, one, stored, tick)

    def _create(self, number: int, one: Asked, tick: int) -> dict[str, Any]:
        self._uids += 1
        metadata: dict[str, Any] = {"name": one.name, "uid": f"uid-{self._uids}"}
        if one.finalizer:
            metadata["finalizers"] = ["example/keep"]
        made = {"kind": "Pod", "metadata": metadata, "spec": {"value": one.value}}
        self._write(number, one, made, tick)
        return {"code": 201} | self._of(one.name)

    def _change(self, number: int, one: Asked, stored: dict[str, Any], tick: int) -> dict[str, Any]:
        ending = "deletionTimestamp" in stored["metadata"]
        after = deepcopy(stored)
        match one.verb:
            case "update" | "apply":
                after["spec"]["value"] = one.value
            case "release" if ending:
                answer = self._of(one.name) | {"code": 200, "lets_go": True}
                self._write(number, one, None, tick)
                return answer
            case "release":
                after["metadata"].pop("finalizers", None)
            case "delete" if not stored["metadata"].get("finalizers"):
                self._write(number, one, None, tick)
                return {"code": 200, "deleted_uid": _uid(stored), "uid": _uid(stored)}
            case "evict" if not ending:
                condition = {"type": "DisruptionTarget", "by": number}
                after["status"] = {"conditions": [condition]}
                self._begun[number] = _uid(stored)
            case "kill" | "delete" if not ending:
                after["metadata"]["deletionTimestamp"] = _at(tick)
                self._begun[number] = _uid(stored)
        if after == stored:
            self.made.idle.add(number)
        else:
            self._write(number, one, after, tick)
        return {"code": 201 if one.verb == "evict" else 200} | self._of(one.name, one.verb)

    def _go_on(
        self, number: int, one: Asked, stored: dict[str, Any], tick: int, place: int
    ) -> None:
        after = deepcopy(stored)
        if one.verb == "evict" and place == 1:
            after["metadata"].setdefault("deletionTimestamp", _at(tick))
            if after != stored:
                self._write(number, one, after, tick)
        elif one.verb in {"kill", "evict"} and not stored["metadata"].get("finalizers"):
            self._write(number, one, None, tick)
            del self._begun[number]
            if one.verb == "kill":
                self._answers[number]["answered_revision"] = self._revision

    def _write(self, number: int, one: Asked, after: dict[str, Any] | None, tick: int) -> None:
        before = self._objects.get(one.name)
        self._revision += 1
        if after is None:
            del self._objects[one.name]
        else:
            entries = after["metadata"].setdefault("managedFields", [])
            kept = [entry for entry in entries if entry["manager"] != one.user]
            stamp = {"manager": one.user, "time": _at(tick)}
            after["metadata"]["managedFields"] = [*kept, stamp]
            self._objects[one.name] = after
        self._revisions[one.name] = self._revision
        place = Place("", "pods", "space", one.name)
        uid = _uid(after or before or {})
        made = marks(before, after)
        write = Write(revision=self._revision, key=one.name, place=place, uid=uid, **made)
        self.made.writes.append(write)
        self.made.sides.append((before, deepcopy(after)))
        self.made.authors.append(number)

    def _of(self, name: str, verb: str = "") -> dict[str, Any]:
        if name not in self._objects or verb == "evict":
            return {}
        stored = self._objects[name]
        ending = "deletionTimestamp" in stored["metadata"]
        return {
            "answered_revision": self._revisions[name],
            "uid": _uid(stored),
            "lets_go": ending and not stored["metadata"].get("finalizers"),
        }

    def request(self, number: int) -> Request:
        one, answer = self._asked[number], dict(self._answers[number])
        begun = START + one.begins * TICK
        verb = {"apply": "patch", "release": "patch", "kill": "delete", "evict": "create"}
        request = Request(
            audit_id=str(number),
            user=one.user,
            verb=verb.get(one.verb, one.verb),
            uri="",
            place=Place("", "pods", "space", one.name),
            subresource="eviction" if one.verb == "evict" else "",
            received=begun,
            # Deletes and evictions may ask for it in their body, which the log may lack.
            dry_run=one.dry_run and (one.bodies or one.verb not in {"delete", "kill", "evict"}),
            bodies=one.bodies,
            field_manager=one.user,
        )
        if one.fate in {"unanswered", "late"}:
            unnamed = replace(request.place, name="") if one.verb == "create" else request.place
            return replace(request, place=unnamed)
        completed = begun + one.steps[3] * TICK
        if one.fate == "timeout":
            return replace(request, code=504, completed=begun)
        if not one.bodies:
            uid = answer.get("deleted_uid", "")
            answer = {"code": answer["code"], "uid": uid}
        return replace(request, completed=completed, **answer)


def _uid(stored: dict[str, Any]) -> str:
    return str(stored.get("metadata", {}).get("uid", ""))


def _at(tick: int) -> str:
    return f"{START + tick * TICK:%Y-%m-%dT%H:%M:%SZ}"
