"""A mirror of a real cluster, people who change it, and who judges the two by plain lists."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from time import monotonic

from tests.adapters.kubernetes.client_world import reaching
from tests.world.api import Api, ApiError, Json
from tests.world.control_plane import ControlPlane
from upid.adapters.kubernetes.client import Limits
from upid.adapters.kubernetes.live.kinds import READ
from upid.adapters.kubernetes.mirror import Habits, Mirror

IN_TIME = 10  # seconds after faults stop (O2)
LIMITS = Limits(
    per_second=200,
    burst=200,
    connect=1,  # before the whole request: what is cancelled in TLS leaves a socket
    request=2.5,
    patience=4,
    first_pause=0.05,
    longest_pause=1,
    watch_silence=3,
    page=40,
)
HABITS = Habits(pulse=1, first_pause=0.1, longest_pause=2, relists=1000, relist_every=0.01)
_ABSENT = ("autoscaling.k8s.io", "apps.openshift.io", "argoproj.io")
_LABELS = {"app": "web"}
_POD = {
    "automountServiceAccountToken": False,
    "containers": [
        {"name": "app", "image": "x", "env": [{"name": "PASSWORD", "value": "hunter2"}]}
    ],
}

Held = dict[tuple[str, str, str], tuple[str, str]]  # kind, namespace, name → UID, version


def paths() -> list[str]:
    """Return the collections that a cluster without add-ons has."""
    found = []
    for plural, versions in READ:
        group = versions[0].rpartition("/")[0]
        if group not in _ABSENT:
            found.append(f"/{'apis' if group else 'api'}/{versions[0]}/{plural}")
    return found


def listed(api: Api) -> Held:
    """Return everything that a cluster holds, by quorum lists."""
    found: Held = {}
    for path in paths():
        answer = api.get(path)
        kind = answer["kind"].removesuffix("List")
        for item in answer["items"]:
            meta = item["metadata"]
            key = kind, meta.get("namespace", ""), meta["name"]
            found[key] = meta["uid"], meta["resourceVersion"]
    return found


def held(mirror: Mirror) -> Held:
    """Return everything that a mirror says is there."""
    return {
        (one.kind, one.namespace, one.name): (
            one.uid,
            json.loads(one.body)["metadata"]["resourceVersion"],
        )
        for one in mirror.objects()
        if one.until is None
    }


async def agrees(mirror: Mirror, api: Api, after: str = "", *, seconds: float = IN_TIME) -> float:
    """Return after how many seconds mirror and lists were equal; fail after `seconds`."""
    began = monotonic()
    while True:
        wanted = await asyncio.to_thread(listed, api)
        took = monotonic() - began
        if held(mirror) == wanted:
            return took
        if took > seconds:
            there = held(mirror)
            phantoms = {key for key in there if key not in wanted}
            missing = {key for key in wanted if key not in there}
            raise AssertionError(
                f"{after}, after {took:.1f} s: phantoms {phantoms}, missing {missing}, "
                f"others {len(there.items() ^ wanted.items())}; {mirror.following()}"
            )
        await asyncio.sleep(0.1)


@asynccontextmanager
async def mirroring(
    plane: ControlPlane,
    url: str | None = None,
    limits: Limits = LIMITS,
    habits: Habits = HABITS,
    user: str = "admin",
) -> AsyncIterator[Mirror]:
    """Yield a mirror that is loaded and runs."""
    async with reaching(plane, user, limits, url) as client:
        mirror = Mirror(client, habits=habits)
        running = asyncio.create_task(mirror.run())
        try:
            async with asyncio.timeout(60):
                await mirror.loaded()
            yield mirror
            if running.done():
                running.result()
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    await asyncio.sleep(0.1)  # until what was closed is gone


class People:
    """Who makes, changes and deletes objects of some kinds in one namespace, by a seed."""

    def __init__(self, api: Api, namespace: str, seed: int) -> None:
        self._api, self._chance = api, Random(seed)
        root = f"namespaces/{namespace}"
        self._paths: dict[str, Callable[[], Json]] = {
            f"/api/v1/{root}/pods": lambda: {"spec": _POD},
            f"/apis/apps/v1/{root}/deployments": _deployment,
            f"/apis/policy/v1/{root}/poddisruptionbudgets": _budget,
        }
        self.deleted = 0

    def settle_in(self, pods: int) -> None:
        """Make some pods."""
        for number in range(pods):
            self._make(next(iter(self._paths)), f"pod-{number:03}")

    def act(self, times: int) -> None:
        """Do so many things; pods come again under their names."""
        for _ in range(times):
            path = self._chance.choice([*self._paths, next(iter(self._paths))])
            name = f"pod-{self._chance.randrange(60):03}"
            with contextlib.suppress(ApiError):
                match self._chance.randrange(4):
                    case 0:
                        self._make(path, name)
                    case 1:
                        self._delete(path, name)
                    case 2:
                        self._delete(path, name)
                        self._make(path, name)
                    case _:
                        labels = {"n": str(self._chance.random())}
                        self._api.patch(f"{path}/{name}", {"metadata": {"labels": labels}})

    def _make(self, path: str, name: str) -> None:
        self._api.create(
            path, {"metadata": {"name": name, "labels": _LABELS}, **self._paths[path]()}
        )

    def _delete(self, path: str, name: str) -> None:
        self._api.delete(f"{path}/{name}", {"gracePeriodSeconds": 0})
        self.deleted += 1


def _deployment() -> Json:
    template = {"metadata": {"labels": _LABELS}, "spec": _POD}
    return {"spec": {"replicas": 0, "selector": {"matchLabels": _LABELS}, "template": template}}


def _budget() -> Json:
    return {"spec": {"minAvailable": 1, "selector": {"matchLabels": _LABELS}}}


class Junction:
    """A TCP line whose far end can be changed, as a load balancer's or an address' can."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._lines: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[str]:
        """Yield its address while it stands."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.turn(*self._to)
            await asyncio.gather(*self._carriers, return_exceptions=True)

    def turn(self, host: str, port: int) -> None:
        """Lead elsewhere from now on; what is connected breaks."""
        self._to = host, port
        for line in list(self._lines):
            line.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection(*self._to)
        self._lines |= {writer, to}
        carriers = {
            asyncio.create_task(_carry(reader, to)),
            asyncio.create_task(_carry(there, writer)),
        }
        self._carriers |= carriers
        await asyncio.wait(carriers)
        self._lines -= {writer, to}
        self._carriers -= carriers


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()
