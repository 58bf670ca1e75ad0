"""The proxy as a test sees it: started, asked and stopped from ordinary synchronous code."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.world.faults.certificate import client_context, server_context
from tests.world.faults.dialling import Dialling
from tests.world.faults.errors import ProxyTrouble
from tests.world.faults.framing import Framing, OpaqueSession
from tests.world.faults.kinds import Answer, Victim
from tests.world.faults.line import Upstream
from tests.world.faults.nats import NatsSession
from tests.world.faults.plan import Plan
from tests.world.faults.postgres import PostgresSession
from tests.world.faults.reception import Reception, bound
from tests.world.faults.records import Record
from tests.world.faults.redis import RedisSession
from tests.world.waiting import wait_until

_CALL = 15.0  # seconds for the proxy's thread to do what a test asks
_TURNS = 3  # of the loop: a client may have the last byte before the proxy wrote down that it has
_FRAMINGS: dict[str, Framing] = {
    "redis": RedisSession,
    "postgresql": PostgresSession,
    "nats": NatsSession,
}

T = TypeVar("T")


class FaultProxy:
    """Stands before one server and does to its requests what a plan says.

    upstream     https://, http://, redis://, postgresql://, nats:// or tcp:// with host and port
                 and for some a database, or unix:///path
    plan         the faults; `arm` changes it
    victim       who dies of a `Kill` that names nobody
    tls          True: speak TLS to clients, who trust `certificate`
    upstream_ca  what upstream's certificate is checked against; None: it is not checked
    framing      how a TCP protocol's messages are told apart; None: by the scheme
    host         the address to listen on

    Used as a context manager; leaving it closes every connection and raises `FaultNeverFired`
    when a fault of the plan had no effect, and `ProxyTrouble` when the proxy could not do its part.
    """

    def __init__(
        self,
        upstream: str,
        plan: Plan | None = None,
        *,
        victim: Victim | None = None,
        tls: bool = False,
        upstream_ca: Path | None = None,
        framing: Framing | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._upstream = Upstream.parse(upstream)
        self._host, self._port = host, 0
        self._plan = plan or Plan()
        self._check(self._plan)
        self._context: ssl.SSLContext | None = None
        self.certificate = ""
        if tls:
            self._context, self.certificate = server_context(host)
        secure = self._upstream.scheme == "https"
        dialling = Dialling(self._upstream, client_context(upstream_ca) if secure else None)
        framing = framing or _FRAMINGS.get(self._upstream.scheme, OpaqueSession)
        self._reception = Reception(dialling, framing, self._context, victim)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="fault proxy")
        self._reserved: socket.socket | None = None

    @property
    def url(self) -> str:
        """Return where clients go, with upstream's scheme unless HTTP's security differs."""
        scheme = self._upstream.scheme
        if self._upstream.speaks_http:
            scheme = "https" if self._context else "http"
        return f"{scheme}://{self._host}:{self._port}{self._upstream.path}"

    @property
    def address(self) -> tuple[str, int]:
        """Return the host and port that clients connect to."""
        return self._host, self._port

    @property
    def requests(self) -> list[Record]:
        """Return what came since the plan was armed, in order, as it is now."""
        desk = self._reception.desk
        if self._loop is None:
            return [replace(record) for record in desk.records]

        async def now() -> list[Record]:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            return [replace(record) for record in desk.records]

        return self._call(now())

    @property
    def victim(self) -> Victim | None:
        """Return who dies of a `Kill` that names nobody; may be set at any time."""
        return self._reception.desk.victim

    @victim.setter
    def victim(self, victim: Victim | None) -> None:
        self._reception.desk.victim = victim

    def arm(self, plan: Plan) -> None:
        """Check that the plan before took effect, forget its records, and count from 1 again.

        Raises what `close` would raise. Nothing may be under way.
        """
        self._check(plan)

        async def change() -> Exception | None:
            missed = self._reception.complaint()
            self._reception.desk.arm(plan)
            return missed

        missed = self._call(change())
        if missed is not None:
            raise missed

    def wait_for(
        self, what: str, holds: Callable[[list[Record]], bool], seconds: float = 10
    ) -> list[Record]:
        """Return the requests as soon as there are some and `holds` does.

        Raises `WaitedInVain` after `seconds`.
        """
        seen: list[Record] = []

        def check() -> bool:
            seen[:] = self.requests
            return bool(seen) and holds(seen)

        wait_until(f"{what} at the proxy {self.url}", check, seconds)
        return seen

    def partition(self) -> None:
        """Break every connection and refuse each one that comes, until `heal`."""
        self._call(self._reception.part())

    def heal(self) -> None:
        """Accept connections again, at the same address."""
        self._call(self._reception.heal())

    @contextlib.contextmanager
    def partitioned(self) -> Iterator[None]:
        """Partition for the length of a block."""
        self.partition()
        try:
            yield
        finally:
            self.heal()

    def cut(self) -> None:
        """Break every connection that is open now; those that come are served."""
        self._call(self._reception.cut())

    def start(self) -> Self:
        """Listen. Raises OSError."""
        # A socket that is bound and does not listen keeps the port during a partition, when the
        # one that listens is closed so that connections are refused
        self._reserved = bound(self._host, 0)
        self._port = self._reserved.getsockname()[1]
        self._reception.desk.arm(self._plan)
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        try:
            self._call(self._reception.open(self._host, self._port))
        except BaseException:
            self.close(check=False)
            raise
        return self

    def _run(self) -> None:
        assert self._loop is not None
        self._loop.run_forever()

    def close(self, *, check: bool = True) -> None:
        """Close every connection and end; raises what went wrong, unless `check` is False."""
        loop = self._loop
        if loop is None:
            return
        try:
            self._call(self._reception.end())
        finally:
            self._loop = None
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(_CALL)
            loop.close()
            if self._reserved is not None:
                self._reserved.close()
        missed = self._reception.complaint()
        if check and missed is not None:
            raise missed

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(check=error is None)  # a test's own failure says more than a fault it missed

    def _call(self, asked: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            asked.close()
            raise ProxyTrouble("the proxy is not running")
        try:
            return asyncio.run_coroutine_threadsafe(asked, self._loop).result(_CALL)
        except TimeoutError as error:
            raise ProxyTrouble(f"the proxy {self.url} did not do it within {_CALL:g} s") from error

    def _check(self, plan: Plan) -> None:
        answers = [rule for rule in plan.rules if isinstance(rule.fault, Answer)]
        if answers and not self._upstream.speaks_http:
            raise ValueError(f"{answers[0].fault.name}: only HTTP has answers to give")
