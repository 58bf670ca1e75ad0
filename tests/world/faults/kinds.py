"""What can be done to a request: each fault is a small frozen value with a readable name."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Victim = int | Callable[[], object]
"""Who dies: the id of a process, which gets SIGKILL, or a function that ends it."""

_LINGER = 0.05  # seconds: enough for a client on the same machine to see that its socket closed


class Moment(StrEnum):
    """The three points around one I/O operation at which its author can die."""

    BEFORE_FORWARD = "before-forward"
    AFTER_FORWARD = "after-forward"
    AFTER_DROP = "after-drop"


class Fault:
    """Something that is done to a request or to its reply."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """Return what a test's id says, such as `answer-429-retry-after-2`; no spaces."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Kill(Fault):
    """End the author of the request.

    before-forward  upstream never hears of the request
    after-forward   upstream acted on it; the author dies while it waits and gets no byte
    after-drop      the reply came and was dropped, the author saw its connection close without
                    a byte, and dies `linger` seconds later; nothing else passes meanwhile

    victim  None: the proxy's own `victim`
    """

    moment: Moment
    victim: Victim | None = None
    linger: float = _LINGER

    @property
    def name(self) -> str:
        return f"kill-{self.moment}"


@dataclass(frozen=True, slots=True)
class DropReply(Fault):
    """Let upstream act, and close the client's connection without a byte of the reply."""

    @property
    def name(self) -> str:
        return "drop-reply"


@dataclass(frozen=True, slots=True)
class Answer(Fault):
    """Answer in upstream's place with a Kubernetes Status; upstream never hears of the request.

    status       409, 410, 429, 500, 503, 504 or any other code from 400
    retry_after  seconds; sent as the header and in the Status, as the API server does
    reason       None: the reason that the API server gives with this code
    """

    status: int
    retry_after: int | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ValueError(f"{self.status} is no error that a server answers")

    @property
    def name(self) -> str:
        later = "" if self.retry_after is None else f"-retry-after-{self.retry_after}"
        return f"answer-{self.status}{later}"


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """Hold the request back for some seconds, or with `reply=True` the reply to it."""

    seconds: float
    reply: bool = False

    @property
    def name(self) -> str:
        return f"delay{'-reply' if self.reply else ''}-{self.seconds:g}s"


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """Let the reply's body through slowly; its head passes at once."""

    bytes_per_second: float = 1.0

    def __post_init__(self) -> None:
        if self.bytes_per_second <= 0:
            raise ValueError("a drip of nothing is a Blackhole")

    @property
    def name(self) -> str:
        return f"drip-{self.bytes_per_second:g}-bytes-per-second"


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """Close the connection in the usual way after `after` bytes of the reply's body."""

    after: int

    @property
    def name(self) -> str:
        return f"truncate-after-{self.after}"


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """Break the connection with RST.

    after  None: instead of forwarding the request; else after so many bytes of the reply's body
    """

    after: int | None = None

    @property
    def name(self) -> str:
        return "reset" if self.after is None else f"reset-after-{self.after}"


@dataclass(frozen=True, slots=True)
class Blackhole(Fault):
    """Read all that the client sends and never answer, until it leaves or the proxy closes.

    forward  True: upstream gets the request and acts on it
    """

    forward: bool = False

    @property
    def name(self) -> str:
        return "blackhole-forwarded" if self.forward else "blackhole"


@dataclass(frozen=True, slots=True)
class Partition(Fault):
    """Break this and every other connection and refuse what comes, until healed.

    seconds  None: until the test calls `proxy.heal()`
    """

    seconds: float | None = None

    @property
    def name(self) -> str:
        return "partition" if self.seconds is None else f"partition-{self.seconds:g}s"
