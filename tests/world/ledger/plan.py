"""What a client is to send, and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROTOCOLS = ("http/1.1", "http/2", "grpc", "websocket", "tcp")
_SLACK = 10.0  # seconds for a client to start and to end on a busy machine
_UNLUCKY = 2.0  # a Poisson plan of 100 requests takes twice its mean once in 10^15 runs


@dataclass(frozen=True, slots=True)
class Target:
    """Where a protocol is spoken; `weight` beside the other targets' is its share."""

    protocol: str
    address: str
    weight: float = 1

    def __post_init__(self) -> None:
        """Refuse a protocol that the client does not speak."""
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"{self.protocol!r} is none of {', '.join(PROTOCOLS)}")

    def __str__(self) -> str:
        return f"{self.weight:g}*{self.protocol}={self.address}"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a request looks to whoever tells health checks from business; HTTP takes all of it."""

    path: str = "/"
    method: str = "GET"
    agent: str = "actor"
    weight: float = 1

    def __str__(self) -> str:
        return f"{self.weight:g}*{self.method} {self.path} {self.agent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An open loop: each request leaves when it is due, however slow the answers are.

    rate           requests a second
    count, seconds  where to end: after so many requests, after so long, or whichever comes first
    poisson        apart as strangers arrive, instead of evenly; drawn from `seed`, as the mix is
    timeout        seconds that one request may take, from when it leaves
    max_in_flight  requests under way at most; what is due beyond it is written down as not sent
    keep_alive     use a connection again; otherwise each request opens its own
    connections    WebSockets to a target, in turn
    body_bytes     size of the body of a POST
    run            starts each id, so it must differ between clients of one ledger; None: drawn
    """

    targets: Sequence[Target]
    rate: float
    count: int | None = None
    seconds: float | None = None
    shapes: Sequence[Shape] = (Shape(),)
    poisson: bool = False
    seed: int = 1
    timeout: float = 10.0
    max_in_flight: int = 4096
    keep_alive: bool = True
    connections: int = 1
    body_bytes: int = 256
    run: str | None = None

    def __post_init__(self) -> None:
        """Refuse a plan without targets or without an end."""
        if not self.targets or (self.count is None and self.seconds is None):
            raise ValueError("a plan needs targets, and a count or seconds")

    def arguments(self, log: Path) -> list[str]:
        """Return the command line of `actor call` after the name of the command."""
        told = [
            f"--log={log}",
            f"--rate={self.rate:g}",
            f"--schedule={'poisson' if self.poisson else 'fixed'}",
            f"--seed={self.seed}",
            f"--timeout={self.timeout:g}s",
            f"--max-in-flight={self.max_in_flight}",
            f"--keep-alive={str(self.keep_alive).lower()}",
            f"--connections={self.connections}",
            f"--body-bytes={self.body_bytes}",
            *(f"--target={one}" for one in self.targets),
            *(f"--shape={one}" for one in self.shapes),
        ]
        if self.count is not None:
            told.append(f"--count={self.count}")
        if self.seconds is not None:
            told.append(f"--duration={self.seconds:g}s")
        if self.run is not None:
            told.append(f"--run={self.run}")
        return told

    @property
    def longest(self) -> float:
        """Return the seconds after which the client has ended by itself, or something is wrong."""
        limits = [] if self.seconds is None else [self.seconds]
        if self.count is not None:
            limits.append(self.count / self.rate * (_UNLUCKY if self.poisson else 1))
        return min(limits) + self.timeout + _SLACK


def everywhere(http: str, grpc: str, tcp: str) -> tuple[Target, ...]:
    """Return a target for each protocol of one `actor serve`, in equal shares."""
    spoken = {"grpc": grpc, "tcp": tcp}
    return tuple(Target(protocol, spoken.get(protocol, http)) for protocol in PROTOCOLS)
