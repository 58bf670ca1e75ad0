"""What the proxy saw of one request, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl

from tests.world.faults.kinds import Fault


class Outcome(StrEnum):
    """What became of a request."""

    OPEN = "open"  # under way, as a watch is for most of its life
    PASSED = "passed"  # the reply was delivered whole
    ANSWERED = "answered"  # by the proxy, in upstream's place
    KILLED = "killed"  # its author was ended
    DROPPED = "dropped"  # upstream acted, the reply was thrown away
    CUT = "cut"  # closed in the middle of the reply
    RESET = "reset"  # broken with RST
    SWALLOWED = "swallowed"  # read and never answered
    CLIENT_LEFT = "client left"
    UPSTREAM_REFUSED = "upstream refused"
    UPSTREAM_BROKE = "upstream broke"
    TUNNEL = "tunnel"  # after 101: bytes both ways


@dataclass(slots=True)
class Record:
    """One request, in the order in which its complete head arrived.

    number       from 1
    at           seconds since 1970
    connection   from 1; requests of one connection share it
    method       HTTP's, a Redis command, a PostgreSQL message's or a NATS verb
    path         HTTP's; else the first argument: key, statement, subject (at most 200 characters)
    query        HTTP's, as it was sent
    headers      HTTP's, names in lower case, credentials left out
    body_bytes   bytes of the request's body so far; for TCP the size of the message
    reply_bytes  bytes of the reply's body that went to the client so far
    forwarded    whether upstream got it
    status       upstream's status; the proxy's own if it answered; None without one
    effects      the faults that really took effect, in order
    """

    number: int
    at: float
    connection: int
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body_bytes: int = 0
    reply_bytes: int = 0
    forwarded: bool = False
    status: int | None = None
    outcome: Outcome = Outcome.OPEN
    effects: tuple[Fault, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """Return the query's parameters; of one that stands twice, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def had(self, kind: type[Fault]) -> bool:
        """Return whether a fault of this kind took effect."""
        return any(isinstance(fault, kind) for fault in self.effects)
