"""The mirror of a real cluster, over a line that breaks in every way there is (CLU-7, O2, O3)."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from random import Random
from time import monotonic
from urllib.parse import urlsplit

import pytest

from tests.adapters.kubernetes.mirror_world import (
    HABITS,
    IN_TIME,
    LIMITS,
    Junction,
    People,
    agrees,
    held,
    listed,
    mirroring,
)
from tests.world import control_plane as planes
from tests.world import needs
from tests.world.api import Api, ApiError
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import Enclosure
from tests.world.faults import (
    Answer,
    Blackhole,
    Drip,
    DropReply,
    Fault,
    FaultProxy,
    Plan,
    Record,
    Reset,
    Truncate,
)
from tests.world.judge.audit import AuditLog
from tests.world.waiting import wait_until
from upid.adapters.kubernetes.live.kinds import READ
from upid.adapters.kubernetes.mirror import Mirror
from upid.core.ports.cluster_connection import Freshness

pytestmark = [pytest.mark.world, pytest.mark.anyio]

EPISODES = int(os.environ.get("UPID_FAULT_EPISODES", "60"))
PODS = 200
_FAULTS: dict[str, Fault] = {
    "410": Answer(410),
    "429": Answer(429, retry_after=1),
    "500": Answer(500),
    "503": Answer(503),
    "reset": Reset(),
    "reset-later": Reset(after=700),
    "dropped": DropReply(),
    "cut-short": Truncate(after=900),
    "black-hole": Blackhole(),
    "drip": Drip(100),
}
_LINES = ("cut", "parted")
_LASTING = ("drip",)  # what a line that is open does until it breaks
_WATCHED_ONLY = ("410",)  # of lists no server says so without a token


@pytest.fixture(scope="module")
def plane(enclosure: Enclosure) -> Iterator[ControlPlane]:
    """Yield a control plane of these tests' own: they restart all of it."""
    needs.need_parts("kubernetes")
    with planes.running(enclosure, slot=4, controllers=False) as running:
        running.api().create(
            "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}}
        )
        yield running


@pytest.fixture(scope="module")
def people(plane: ControlPlane) -> People:
    found = People(plane.api(), "default", seed=7)
    found.settle_in(PODS)
    return found


@dataclass
class Weather:
    """Which fault meets requests just now; read by the proxy's thread."""

    now: str = ""

    def plan(self) -> Plan:
        found = Plan()
        for name, fault in _FAULTS.items():
            found = found.when(self._meets(name), fault, times=None, optional=True)
        return found

    def _meets(self, name: str) -> Callable[[Record], bool]:
        def meets(record: Record) -> bool:
            return self.now == name and (name not in _WATCHED_ONLY or "watch" in record.parameters)

        return meets


async def test_after_every_fault_the_mirror_is_equal_to_a_list(
    plane: ControlPlane, people: People
) -> None:
    """O2: within ten seconds, with no phantom; the list goes another way."""
    api, chance, weather = plane.api(), Random(11), Weather()
    slowest: dict[str, float] = {}
    with FaultProxy(plane.server, weather.plan(), upstream_ca=plane.ca) as proxy:
        async with mirroring(plane, proxy.url) as mirror:
            await agrees(mirror, api)
            mirror.changes()
            for _ in range(EPISODES):
                name = chance.choice([*_FAULTS, *_LINES])
                await asyncio.to_thread(people.act, 3)
                weather.now = name
                if name == "parted":
                    await asyncio.to_thread(proxy.partition)
                else:
                    await asyncio.to_thread(proxy.cut)
                await asyncio.to_thread(people.act, 6)
                await asyncio.sleep(chance.choice([0.05, 0.3, 1.0]))
                weather.now = ""
                if name == "parted":
                    await asyncio.to_thread(proxy.heal)
                elif name in _LASTING:
                    await asyncio.to_thread(proxy.cut)
                took = await agrees(mirror, api, name)
                slowest[name] = max(took, slowest.get(name, 0))
            said = mirror.following()
            seen = {(one.after or one.before).uid for one in mirror.changes()}  # type: ignore[union-attr]
    assert said.freshness is Freshness.LIVE
    assert people.deleted > EPISODES / 2
    assert len(seen) > EPISODES / 2
    assert max(slowest.values()) <= IN_TIME, slowest


async def test_it_outlives_restarts_of_the_api_server_and_of_etcd(
    plane: ControlPlane, people: People
) -> None:
    """O2. Killed and stopped, with changes right before and after."""
    async with mirroring(plane) as mirror:
        for name, kill in (("apiserver", True), ("apiserver", False), ("etcd", False)):
            await asyncio.to_thread(people.act, 10)
            await asyncio.to_thread(_restart, plane, name, kill=kill)
            await asyncio.to_thread(people.act, 10)
            await agrees(mirror, plane.api(), name)
        assert mirror.following().left_out == ()


def _restart(plane: ControlPlane, name: str, *, kill: bool) -> None:
    program = plane.program(name)
    if kill:
        program.kill()
    else:
        program.stop()
    if name == "etcd":
        plane._start_etcd()
        plane.wait_ready()
    else:
        plane.start_api_server()


async def test_a_stale_api_server_takes_nobody_back_in_time(
    plane: ControlPlane, people: People, enclosure: Enclosure
) -> None:
    """O2: a client that is moved to a server that lost etcd, and back."""
    api = plane.api()
    etcd = plane.etcd.replace("http://", "tcp://")
    with FaultProxy(etcd, host=enclosure.networks.gateway) as link:
        way = f"http://{link.address[0]}:{link.address[1]}"
        with plane.second_api_server(etcd=way) as second:
            first, other = urlsplit(plane.server), urlsplit(second)
            junction = Junction(str(other.hostname), int(other.port or 0))
            async with junction.standing() as url, mirroring(plane, url) as mirror:
                await agrees(mirror, api)
                await asyncio.to_thread(link.partition)
                junction.turn(str(first.hostname), int(first.port or 0))
                await asyncio.to_thread(people.act, 30)
                await agrees(mirror, api)
                known = held(mirror)
                junction.turn(str(other.hostname), int(other.port or 0))
                for _ in range(20):
                    await asyncio.sleep(0.25)
                    assert held(mirror) == known
                await asyncio.to_thread(people.act, 30)
                await asyncio.sleep(1)
                junction.turn(str(first.hostname), int(first.port or 0))
                await agrees(mirror, api)
                link.heal()


async def test_a_stale_api_server_is_not_taken_for_live(
    plane: ControlPlane, people: People, enclosure: Enclosure
) -> None:
    """What it says may be old: the question that etcd has to answer is not answered."""
    etcd = plane.etcd.replace("http://", "tcp://")
    with FaultProxy(etcd, host=enclosure.networks.gateway) as link:
        way = f"http://{link.address[0]}:{link.address[1]}"
        with plane.second_api_server(etcd=way) as second:
            async with mirroring(plane, second, habits=replace(HABITS, silence=4)) as mirror:
                await asyncio.to_thread(link.partition)
                await asyncio.to_thread(people.act, 5)
                await _becomes(mirror, Freshness.STALE, 20)
                await asyncio.to_thread(link.heal)
                await agrees(mirror, plane.api(), seconds=30)
                await _becomes(mirror, Freshness.LIVE, 10)


async def _becomes(mirror: Mirror, freshness: Freshness, seconds: float) -> None:
    await _eventually(lambda: mirror.following().freshness is freshness, seconds)


async def test_a_server_that_says_wait_is_not_asked_before(
    plane: ControlPlane, people: People
) -> None:
    """O3: `Retry-After`, by what the proxy before the server saw."""
    weather = Weather()
    with FaultProxy(plane.server, weather.plan(), upstream_ca=plane.ca) as proxy:
        async with mirroring(plane, proxy.url) as mirror:
            weather.now = "429"
            proxy.cut()
            await asyncio.sleep(5)
            weather.now = ""
            await asyncio.to_thread(people.act, 3)
            await agrees(mirror, plane.api())
            asked = proxy.requests
    refused = [one.at for one in asked if one.status == 429]
    assert refused
    last = max(refused)
    early = [one.at - last for one in asked if last + 0.05 < one.at < last + 0.95]
    assert early == []
    assert len(refused) < 5 * 25  # a burst of all kinds at most each second, not a storm


async def test_lists_are_few_by_the_audit_log(plane: ControlPlane, people: People) -> None:
    """O3: 200 pods in pages of ten, as 10,000 in pages of 500: 20 lists; and no more after it."""
    log = AuditLog(plane.audit_log)
    log.read()
    before = len(log.requests)
    there = Counter(kind for kind, _, _ in listed(plane.api()))
    async with mirroring(plane, limits=replace(LIMITS, page=10), user="rival") as mirror:
        await asyncio.to_thread(people.act, 20)
        await agrees(mirror, plane.api())
        await asyncio.sleep(5)  # watches are resumed twice meanwhile
    log.read()
    mine = [one for one in log.requests[before:] if one.user == "rival"]
    lists = [one for one in mine if one.verb == "list"]
    pods = [one for one in lists if one.place.resource == "pods"]
    assert len(pods) <= 25
    assert len(pods) >= there["Pod"] // 10
    rest = [one for one in lists if one.place.resource not in {"pods", "nodes"}]
    pages = sum(ceil(count / 10) for kind, count in there.items() if kind not in {"Pod", "Node"})
    assert len(rest) <= pages + len(READ)  # a kind of which there is nothing takes one too
    assert {one.verb for one in mine} <= {"list", "watch", "get"}
    assert not any(one.place.resource in {"secrets", "configmaps"} for one in mine)


async def test_what_is_kept_has_no_secret_in_it(plane: ControlPlane, people: People) -> None:
    """SEC-8: the pods' environment holds a password."""
    async with mirroring(plane) as mirror:
        bodies = b"".join(one.body for one in mirror.objects())
    assert b'"PASSWORD"' in bodies
    assert b"hunter2" not in bodies


async def test_a_kind_that_is_installed_is_followed_and_gone_when_it_is_removed(
    plane: ControlPlane,
) -> None:
    api = plane.api()
    habits = replace(HABITS, rediscovery=1)
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    rollouts = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts"
    async with mirroring(plane, habits=habits) as mirror:
        await asyncio.to_thread(api.create, crds, _ROLLOUTS)
        await asyncio.to_thread(_make, api, rollouts)
        await _eventually(lambda: mirror.following().objects.get("Rollout") == 1)
        await asyncio.to_thread(api.delete, f"{crds}/rollouts.argoproj.io")
        await _eventually(lambda: "Rollout" not in mirror.following().objects)


def _make(api: Api, path: str) -> None:
    """Make a rollout as soon as the server serves them."""
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}}

    def made() -> bool:
        with suppress(ApiError):
            api.create(path, body)
            return True
        return False

    wait_until("rollouts to be served", made, 20, pause=0.2)


async def _eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = monotonic() + seconds
    while not holds():
        assert monotonic() < end
        await asyncio.sleep(0.2)


_ROLLOUTS = {
    "metadata": {"name": "rollouts.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "scope": "Namespaced",
        "names": {"plural": "rollouts", "singular": "rollout", "kind": "Rollout"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}
