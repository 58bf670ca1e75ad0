"""What a client wrote down: one line before each request leaves and one when it ended.

A client that was killed leaves requests without an end, and at most one torn line, the last. As
the first line of a request is whole on disk before anything is sent, a torn one was never sent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

ANSWERED = "ok"
NOT_SENT = "not-sent"
FAILURES = ("status", "refused", "reset", "timeout", "truncated", "wrong-body")
OUTCOMES = frozenset({ANSWERED, NOT_SENT, *FAILURES})


_NANOSECONDS = 1e9


def clock(nanoseconds: int) -> str:
    """Return the time of day, UTC, to the millisecond."""
    at = datetime.fromtimestamp(nanoseconds / _NANOSECONDS, tz=UTC)
    return at.strftime("%H:%M:%S.%f")[:-3]


class LogBroken(Exception):
    """A client's log says what no client writes: the ledger cannot be trusted with it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as its client knows it; times in nanoseconds since 1970.

    sent_ns  None: nothing of it left the client
    done_ns  None: the client was killed before it ended
    outcome  one of OUTCOMES; None: not known, the client was killed
    status   of the protocol, if an answer came; 0 otherwise
    """

    id: str
    protocol: str
    method: str
    path: str
    agent: str
    target: str
    planned_ns: int
    sent_ns: int | None = None
    done_ns: int | None = None
    outcome: str | None = None
    status: int = 0
    detail: str = ""

    @property
    def was_sent(self) -> bool:
        """Return whether it may have left the client."""
        return self.sent_ns is not None and self.outcome != NOT_SENT

    @property
    def failed(self) -> bool:
        """Return whether it was sent and its client knows that it got no good answer."""
        return self.was_sent and self.outcome is not None and self.outcome != ANSWERED


@dataclass(frozen=True, slots=True)
class ClientLog:
    """One run of a client; requests in the order in which they were planned.

    ended  whether the client came to its own end, so that nothing is unknown
    torn   whether its last line was cut off
    """

    run: str
    requests: tuple[Request, ...]
    ended: bool
    torn: bool


class _Line(msgspec.Struct):
    event: str
    id: str = ""
    protocol: str = ""
    method: str = ""
    path: str = ""
    agent: str = ""
    target: str = ""
    planned_ns: int = 0
    sent_ns: int = 0
    done_ns: int = 0
    outcome: str = ""
    status: int = 0
    detail: str = ""
    run: str = ""
    requests: int = 0


_DECODER = msgspec.json.Decoder(_Line)


def read_client_log(path: Path) -> ClientLog:
    """Read a log, whole or as far as a client that still runs has come.

    Raises `LogBroken` for a line that is not one of a client's, wherever but at the end.
    """
    return parse_client_log(path.read_bytes(), str(path))


def parse_client_log(text: bytes, name: str = "the log") -> ClientLog:
    """Return what the lines of a log say; what follows the last line break is torn."""
    *lines, rest = text.split(b"\n")
    reading = _Reading(name)
    for number, line in enumerate(lines, start=1):
        reading.line(number, line)
    return reading.log(torn=rest != b"")


class _Reading:
    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 0
        self._run = ""
        self._ended: int | None = None
        self._requests: dict[str, Request] = {}

    def line(self, number: int, text: bytes) -> None:
        self._number = number
        try:
            line = _DECODER.decode(text)
        except msgspec.MsgspecError as error:
            raise self._broken(f"is no line of a client: {error}") from error
        if self._ended is not None:
            raise self._broken("comes after the end")
        match line.event:
            case "began":
                self._run = line.run
            case "sent":
                self._sent(line)
            case "done":
                self._done(line)
            case "ended":
                self._ended = line.requests
            case other:
                raise self._broken(f"tells of {other!r}")

    def _sent(self, line: _Line) -> None:
        if line.id in self._requests:
            raise self._broken(f"sends {line.id!r} a second time")
        self._requests[line.id] = _request(line)

    def _done(self, line: _Line) -> None:
        known = self._requests.get(line.id)
        if line.outcome not in OUTCOMES:
            raise self._broken(f"ends {line.id!r} with {line.outcome!r}")
        if known is None and line.outcome != NOT_SENT:
            raise self._broken(f"ends {line.id!r}, which was never sent")
        if known is not None and known.outcome is not None:
            raise self._broken(f"ends {line.id!r} a second time")
        self._requests[line.id] = _request(line)

    def _broken(self, what: str) -> LogBroken:
        return LogBroken(f"line {self._number} of {self._name} {what}")

    def log(self, *, torn: bool) -> ClientLog:
        known = self._requests.values()
        if self._ended is not None:
            open_ended = [one.id for one in known if one.outcome is None]
            if torn or open_ended or self._ended != len(known):
                raise LogBroken(
                    f"{self._name} says that the client ended after {self._ended} requests, "
                    f"but tells of {len(known)}, {len(open_ended)} of them without an end"
                )
        ordered = sorted(known, key=lambda one: (one.planned_ns, one.id))
        return ClientLog(self._run, tuple(ordered), self._ended is not None, torn)


def _request(line: _Line) -> Request:
    return Request(
        id=line.id,
        protocol=line.protocol,
        method=line.method,
        path=line.path,
        agent=line.agent,
        target=line.target,
        planned_ns=line.planned_ns,
        sent_ns=line.sent_ns or None,
        done_ns=line.done_ns or None,
        outcome=line.outcome or None,
        status=line.status,
        detail=line.detail,
    )
