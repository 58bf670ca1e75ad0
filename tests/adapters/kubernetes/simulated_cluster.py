"""The client on the simulated API server: everything is real but the wire, which a test breaks."""

import asyncio
import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

import httpx2

from tests.adapters.kubernetes.client_server import access_to
from tests.adapters.kubernetes.hand_time import HandTime
from tests.world.simulated.kinds import CONFIG_MAP, DEPLOYMENT, POD_DISRUPTION_BUDGET, Kind
from tests.world.simulated.server import Event, SimulatedServer, Watch
from upid.adapters.kubernetes.client import ClusterClient, Limits
from upid.adapters.kubernetes.client.connections import Connections
from upid.adapters.kubernetes.client.failures import translated

POD = replace(CONFIG_MAP, name="Pod", plural="pods")  # a pod's name and life, for what is followed
KINDS = (POD, DEPLOYMENT, POD_DISRUPTION_BUDGET)
_AGGREGATED = {"Content-Type": "application/json;as=APIGroupDiscoveryList"}
_NODES = "/api/v1/nodes"
_JSON = {"Content-Type": "application/json"}
_SMALL = 2  # objects a page
_DISCOVERY = "/api", "/apis"


@dataclass
class Faults:
    """What is wrong with the wire; each number counts down to nothing.

    apart      nobody gets through, and what is open breaks
    deaf       open watches stay open and say nothing: their peer has gone
    past       answers of lists that are as of `behind` revisions ago
    lose       events that never arrive
    repeat     events that arrive twice
    refuse     requests answered with 429
    expired    plurals whose next watch is told that the past is forgotten
    forbidden  plurals that may not be read
    missing    plurals that are not served
    """

    apart: bool = False
    deaf: bool = False
    past: int = 0
    behind: int = 0
    lose: int = 0
    repeat: int = 0
    refuse: int = 0
    expired: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


class SimulatedCluster:
    """A simulated API server behind a wire with faults."""

    def __init__(self, time: HandTime, kinds: Sequence[Kind] = KINDS) -> None:
        self.time, self.kinds = time, tuple(kinds)
        self.server = SimulatedServer(time.clock, kinds=self.kinds)
        self.faults = Faults()
        self.lists: dict[str, int] = {}  # lists begun, of whole objects
        self.watches: dict[str, int] = {}
        self._open: WeakSet[_Stream] = WeakSet()
        self._restored = count(1)

    def changed(self) -> None:
        """Let open watches look for something to tell."""
        for stream in self._open:
            stream.woken.set()

    def cut(self) -> None:
        """Break every open watch."""
        for stream in self._open:
            stream.broken = True
        self.changed()

    def compact(self) -> None:
        """Forget history."""
        self.server.compact()
        self.changed()

    def copy(self) -> SimulatedServer:
        """Return a copy of what is stored, as a backup of etcd is."""
        there = self.server
        memo: dict[int, Any] = {id(self.time.clock): self.time.clock, id(there._open): WeakSet()}
        return copy.deepcopy(there, memo)

    def restore(self, backup: SimulatedServer) -> None:
        """Go back to a copy: what happened since has never happened."""
        self.server = backup
        self.server._writer._made += 1_000 * next(self._restored)  # UIDs never come again
        self.cut()

    def answer(self, path: str, query: dict[str, str], *, whole: bool) -> httpx2.Response:
        """Return what the server says to a request that is no watch."""
        if path in _DISCOVERY:
            return httpx2.Response(200, json=self._discovery(path), headers=_AGGREGATED)
        if self.faults.refuse:
            self.faults.refuse -= 1
            return _status(429, {"Retry-After": "1"})
        plural = path.rpartition("/")[2]
        if path == _NODES:
            found = {"metadata": {"resourceVersion": str(self._moment())}, "items": []}
            return httpx2.Response(200, json={"kind": "NodeList", "apiVersion": "v1", **found})
        if plural in self.faults.forbidden:
            return _status(403)
        if plural in self.faults.missing:
            return _status(404)
        if "continue" not in query:
            self.lists[plural] = self.lists.get(plural, 0) + whole
            moment = self._moment()
            if moment != self.server.revision:
                query |= {"resourceVersion": str(moment), "resourceVersionMatch": "Exact"}
        said = self.server.request("GET", path, query | {"limit": str(_SMALL)})
        return httpx2.Response(said.status, content=said.body, headers=_JSON)

    def stream(self, path: str, query: dict[str, str], silence: float) -> httpx2.Response:
        """Return a watch."""
        plural = path.rpartition("/")[2]
        self.watches[plural] = self.watches.get(plural, 0) + 1
        if plural in self.faults.forbidden:
            return _status(403)
        if plural in self.faults.missing:
            return _status(404)
        if plural in self.faults.expired:
            self.faults.expired.remove(plural)
            return _status(410)
        made = _Stream(self, self.server.watch(path, query), silence)
        self._open.add(made)
        return httpx2.Response(200, headers=_JSON, stream=made)

    def _moment(self) -> int:
        """Return the moment that a list shows, which may be past and is still remembered."""
        now = self.server.revision
        if not self.faults.past:
            return now
        self.faults.past -= 1
        return max(now - self.faults.behind, self.server.compacted, 1)

    def _discovery(self, path: str) -> dict[str, Any]:
        """Return the kinds, as an aggregated answer has them."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for kind in self.kinds:
            if bool(kind.group) == (path == "/apis") and kind.plural not in self.faults.missing:
                served = {
                    "resource": kind.plural,
                    "responseKind": {"kind": kind.name},
                    "verbs": ["get", "list", "watch"],
                }
                groups.setdefault(kind.group, []).append(
                    {"version": kind.version, "resources": [served]}
                )
        items = [{"metadata": {"name": one}, "versions": v} for one, v in groups.items()]
        return {"kind": "APIGroupDiscoveryList", "items": items}


class _Stream(httpx2.AsyncByteStream):
    """The bytes of one watch."""

    def __init__(self, cluster: SimulatedCluster, watch: Watch, silence: float) -> None:
        self._cluster, self._watch, self._silence = cluster, watch, silence
        self._server = cluster.server
        self.woken = asyncio.Event()
        self.broken = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        quiet_at = self._cluster.time.clock.now() + self._silence
        while True:
            if self.broken or self._cluster.faults.apart:
                raise httpx2.ReadError("the connection broke")
            deaf = self._cluster.faults.deaf
            for event in [] if deaf else self._server.events(self._watch):
                quiet_at = self._cluster.time.clock.now() + self._silence
                for line in self._told(event):
                    yield line
            if self._watch.ended and not deaf:
                return
            self.woken.clear()
            await self._wait(quiet_at)

    def _told(self, event: Event) -> list[bytes]:
        """Return an event once, twice or not at all."""
        faults = self._cluster.faults
        line = b'{"type":"%b","object":%b}\n' % (event.type.encode(), event.body)
        if event.type in {"ERROR", "BOOKMARK"}:
            return [line]
        if faults.lose:
            faults.lose -= 1
            return []
        if faults.repeat:
            faults.repeat -= 1
            return [line, line]
        return [line]

    async def _wait(self, quiet_at: float) -> None:
        left = quiet_at - self._cluster.time.clock.now()
        sleeping = asyncio.ensure_future(self._cluster.time.sleep(max(left, 0.001)))
        waking = asyncio.ensure_future(self.woken.wait())
        try:
            await asyncio.wait([sleeping, waking], return_when=asyncio.FIRST_COMPLETED)
        finally:
            quiet = sleeping.done() and not waking.done()
            sleeping.cancel()
            waking.cancel()
        if quiet:
            raise httpx2.ReadTimeout("silence")


class _Wire(Connections):
    """The way to a simulated cluster."""

    cluster: SimulatedCluster

    @asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        *,
        asked: str,
        silence: float,
    ) -> AsyncIterator[httpx2.Response]:
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        with translated(self._access, asked, silence):
            if self.cluster.faults.apart:
                raise httpx2.ConnectError("nobody is there")
            if query.pop("watch", ""):
                answer = self.cluster.stream(parts.path, query, silence)
            else:
                whole = "PartialObject" not in dict(headers)["Accept"]
                answer = self.cluster.answer(parts.path, query, whole=whole)
            try:
                yield answer
            finally:
                await answer.aclose()


class SimulatedClient(ClusterClient):
    """The real client, but for its connections."""

    def __init__(self, cluster: SimulatedCluster, limits: Limits) -> None:
        access = access_to("https://simulated.example")
        super().__init__(access, limits, cluster.time.pace)
        wire = _Wire(access, limits)
        wire.cluster = cluster
        self._asking._connections = wire


def _status(code: int, headers: dict[str, str] | None = None) -> httpx2.Response:
    said = {"kind": "Status", "code": code, "message": "no"}
    return httpx2.Response(code, json=said, headers=headers)
