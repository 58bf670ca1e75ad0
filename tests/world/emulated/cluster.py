"""One emulated API server: paths to answers; the wire is elsewhere."""

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.adapters.kubernetes.client_server import Asked, Reply, fails, says
from tests.world.emulated import contents, surface
from tests.world.emulated.illness import Illness, answer
from tests.world.simulated.answers import Object, Refused
from tests.world.simulated.clock import stamp
from tests.world.simulated.server import SimulatedServer, Unmodelled, Watch

_LOOK = 5.0  # seconds after which a watch looks for a bookmark that is due; news are told at once
_COMPRESSED_FROM = 128 << 10  # bytes, as in Kubernetes
_METRICS = "/apis/metrics.k8s.io/v1beta1/"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NEWEST = 36


class _Clock:
    """The time of day."""

    def now(self) -> float:
        return time.time()


@dataclass(frozen=True)
class Plan:
    """One cluster as it is to be.

    minor    of Kubernetes 1
    number   tells it from all others: two of one number are one cluster under two addresses
    without  group versions that it does not serve
    """

    name: str
    pods: int = 200
    minor: int = _NEWEST
    illness: Illness = Illness.HEALTHY
    metrics: bool = True
    number: int | None = None
    without: Collection[str] = ()


@dataclass
class EmulatedCluster:
    """A cluster that answers; `illness` may be changed while it runs."""

    plan: Plan
    number: int
    most: int  # pods of the largest cluster beside it
    illness: Illness = field(init=False)
    server: SimulatedServer = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self.illness = plan.illness
        self._kinds = surface.kinds(plan.minor, plan.without)
        self._by_plural = {kind.plural: kind for kind in reversed(self._kinds)}
        self._documents = surface.documents(plan.minor, self._kinds, metrics=plan.metrics)
        self.server = SimulatedServer(_Clock(), kinds=self._kinds, seed=self.number)
        for kind in self._kinds:
            self.server.hold(kind, contents.held(kind.plural, plan.pods, self.most))
        for namespace in contents.namespaces(self.number):
            self.server.place(self._by_plural["namespaces"], namespace)
        self._news = asyncio.Event()

    def answers(self, asked: Asked) -> Reply:
        """Return the answer to a request."""
        found = self._healthy(asked)
        squeezes = "gzip" in asked.headers.get("accept-encoding", "")
        if squeezes and len(found.body) >= _COMPRESSED_FROM and found.pieces is None:
            body = gzip.compress(found.body, compresslevel=1)
            found = Reply(found.status, body, found.headers | {"Content-Encoding": "gzip"})
        return answer(self.illness, found)

    def place(self, plural: str, found: Object) -> None:
        """Store an object, and tell the watches."""
        self.server.place(self._by_plural[plural], found)
        self._tell()

    def take_away(self, plural: str, namespace: str, name: str) -> None:
        """Remove an object, and tell the watches."""
        self.server.take_away(self._by_plural[plural], namespace, name)
        self._tell()

    def compact(self) -> None:
        """Forget the past, and end the watches."""
        self.server.compact()
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _healthy(self, asked: Asked) -> Reply:
        path = asked.path.rstrip("/")
        if path == "/version":
            return self._version()
        if path in ("/readyz", "/livez", "/healthz"):
            return Reply(200, b"ok", {"Content-Type": "text/plain"})
        aggregated = "APIGroupDiscoveryList" in asked.headers.get("accept", "")
        found = self._documents.get((path, aggregated)) or self._documents.get((path, False))
        if found is not None:
            return Reply(200, found[0], {"Content-Type": found[1]})
        if path == _REVIEWS and asked.method == "POST":
            review = msgspec.json.decode(asked.body)
            return says(review | {"status": {"allowed": True}}, 201)
        if path.startswith(_METRICS):
            return self._usage(path.removeprefix(_METRICS))
        return self._objects(asked, path)

    def _objects(self, asked: Asked, path: str) -> Reply:
        try:
            if asked.query.get("watch") in ("1", "true"):
                watch = self.server.watch(path, asked.query)
                return Reply(pieces=lambda: self._events(watch))
            kind = asked.headers.get("content-type", "application/json")
            found = self.server.request(asked.method, path, asked.query, asked.body, kind)
        except Refused as refused:
            return Reply(refused.answer.status, refused.answer.body)
        except Unmodelled as error:
            return fails(501, "NotImplemented", str(error))
        if asked.method != "GET":
            self._tell()
        return Reply(found.status, found.body)

    async def _events(self, watch: Watch) -> AsyncGenerator[bytes]:
        while True:
            news = self._news
            found = self.server.events(watch)
            if found:
                lines = (b'{"type":"%b","object":%b}' % (e.type.encode(), e.body) for e in found)
                yield b"\n".join(lines) + b"\n"
            if watch.ended:
                return
            try:
                async with asyncio.timeout(_LOOK):
                    await news.wait()
            except TimeoutError:
                continue

    def _version(self) -> Reply:
        minor = self.plan.minor
        return says(
            {
                "major": "1",
                "minor": str(minor),
                "gitVersion": f"v1.{minor}.2",
                "platform": "linux/amd64",
            }
        )

    def _usage(self, rest: str) -> Reply:
        if not self.plan.metrics:
            return fails(404, "NotFound", "the server could not find the requested resource")
        at = stamp(time.time())
        plural = rest.rpartition("/")[2]
        table = list(self.server.held(self._by_plural[plural]))
        make, kind = (
            (contents.pod_usage, "PodMetricsList")
            if plural == "pods"
            else (contents.node_usage, "NodeMetricsList")
        )
        items: list[Any] = [make(one, at) for one in table]
        return says(
            {
                "kind": kind,
                "apiVersion": "metrics.k8s.io/v1beta1",
                "metadata": {},
                "items": items,
            }
        )
