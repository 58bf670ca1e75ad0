"""Plays a history on a server, simulated or real, and keeps what came back."""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tests.world.simulated.answers import Answer, Json, Object, Refused
from tests.world.simulated.clock import HandClock
from tests.world.simulated.histories import EXPIRY, MARK
from tests.world.simulated.server import SimulatedServer
from tests.world.simulated.steps import History, Step
from tests.world.simulated.watches import Watch

NO_UID = "00000000-0000-0000-0000-000000000000"
ELSEWHERE = "elsewhere"  # a namespace whose writes move revisions on, as other people's do
_PLACEHOLDER = re.compile(r"\$(rv|uid|name|continue)(\d+)|\$ns")


@dataclass(frozen=True)
class Seen:
    """What one step gave: a status and a body, or the events of a watch with their types."""

    status: int = 0
    body: Json = None
    events: tuple[tuple[str, Json], ...] = ()
    kind: str = ""  # of the step: request, watch, close, expire


class Side(Protocol):
    """A server that a history is played on."""

    def make_namespace(self, name: str) -> Object:
        """Make a namespace; return it, with its resourceVersion."""

    def request(self, step: Step) -> tuple[int, Json]:
        """Send a request; return status and decoded body."""

    def open_watch(self, step: Step) -> tuple[int, Json]:
        """Open a watch; return the status, and the body if it was refused."""

    def read_watch(self, number: int, mark: str) -> list[tuple[str, Json]]:
        """Close a watch after the event with a mark, or after its end; return all its events."""


@dataclass
class Playing:
    """A history under way on one side."""

    history: History
    side: Side
    namespace: str
    seen: list[Seen] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)  # watches that never opened

    def run(self) -> Generator[None, None, None]:
        """Play the steps; stops at each compaction until it is resumed."""
        for step in self.history.steps:
            if step.verb == "compact":
                self.seen.append(Seen(kind="compact"))
                yield
            else:
                self.seen.append(self._played(self._filled(step)))

    def _played(self, step: Step) -> Seen:
        if step.verb == "namespace":
            return Seen(201, self.side.make_namespace(self.namespace), kind="namespace")
        if step.verb == "request":
            return Seen(*self.side.request(step), kind="request")
        if step.verb == "watch":
            status, body = self.side.open_watch(step)
            if body is not None:
                self.refused.add(step.watch)
            return Seen(status, body, kind="watch")
        if step.watch in self.refused:
            return Seen(kind=step.verb)
        mark = str(step.watch) if step.verb == "close" else ""
        return Seen(events=tuple(self.side.read_watch(step.watch, mark)), kind=step.verb)

    def _filled(self, step: Step) -> Step:
        """Return a step with its placeholders filled in from what was seen."""
        query = {name: self._text(value) for name, value in step.query.items()}
        return Step(
            step.verb,
            step.method,
            self._text(step.path),
            query,
            self._value(step.body),
            step.content_type,
            step.watch,
        )

    def _value(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {name: self._value(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        return _PLACEHOLDER.sub(self._meaning, text) if "$" in text else text

    def _meaning(self, found: re.Match[str]) -> str:
        if found[1] is None:
            return self.namespace
        body = self.seen[int(found[2])].body
        metadata: dict[str, str] = body.get("metadata", {}) if isinstance(body, dict) else {}
        return {
            "rv": metadata.get("resourceVersion") or self._version_of_namespace(),
            "uid": metadata.get("uid", NO_UID),
            "name": metadata.get("name", "never-made"),
            "continue": metadata.get("continue", ""),
        }[found[1]]

    def _version_of_namespace(self) -> str:
        return str(self.seen[0].body["metadata"]["resourceVersion"])


class Simulated:
    """The simulated server as a side; a neighbour writes between a history's own steps."""

    def __init__(self, server: SimulatedServer, clock: HandClock) -> None:
        self.server, self._clock = server, clock
        self._watches: dict[int, Watch] = {}
        self._steps = 0
        server.add_namespace(ELSEWHERE)

    def make_namespace(self, name: str) -> Object:
        """Make a namespace; return it, with its resourceVersion."""
        self.server.add_namespace(name)
        return {"metadata": {"name": name, "resourceVersion": str(self.server.revision)}}

    def request(self, step: Step) -> tuple[int, Json]:
        """Send a request; return status and decoded body."""
        self._neighbour()
        answer = self.server.request(
            step.method, step.path, step.query, step.body, step.content_type
        )
        return answer.status, answer.json()

    def open_watch(self, step: Step) -> tuple[int, Json]:
        """Open a watch; return the status, and the body if it was refused."""
        try:
            self._watches[step.watch] = self.server.watch(step.path, step.query)
        except Refused as refused:
            return refused.answer.status, refused.answer.json()
        return 200, None

    def read_watch(self, number: int, mark: str) -> list[tuple[str, Json]]:
        """Close a watch after the event with a mark, or after its end; return all its events."""
        watch = self._watches.pop(number)
        if not mark:
            self._clock.advance(EXPIRY)
        events = [(event.type, event.json()) for event in self.server.events(watch)]
        return up_to(events, mark)

    def compact(self) -> None:
        """Lose the past, as `Real` does: someone writes, and everything before is forgotten."""
        self.server.add_namespace(f"compacted-{self.server.revision}")
        self.server.compact()

    def _neighbour(self) -> None:
        self._steps += 1
        if self._steps % 2:
            body = {"metadata": {"generateName": "n-"}}
            self._sent("POST", f"/api/v1/namespaces/{ELSEWHERE}/configmaps", body)

    def _sent(self, method: str, path: str, body: Mapping[str, object]) -> Answer:
        return self.server.request(method, path, None, body)


def up_to(events: list[tuple[str, Json]], mark: str) -> list[tuple[str, Json]]:
    """Return the events up to the one whose object carries a mark; all, if none does."""
    for at, (_, body) in enumerate(events):
        if mark and is_marked(body, mark):
            return events[: at + 1]
    return events


def is_marked(body: Json, mark: str) -> bool:
    """Return whether an event's object carries a mark."""
    notes = body.get("metadata", {}).get("annotations") or {}
    return bool(notes.get(MARK) == mark)


def simulated(history: History, namespace: str) -> list[Seen]:
    """Play a history on a fresh simulated server; return what came back."""
    clock = HandClock()
    side = Simulated(SimulatedServer(clock, namespaces=(), seed=history.seed), clock)
    playing = Playing(history, side, namespace)
    for _ in playing.run():
        side.compact()
    return playing.seen
