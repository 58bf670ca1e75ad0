"""The emulated API servers answer as the real ones do where UPID asks, and are ill as they say.

Broken on purpose: the aggregated document for every version, the bookmark's annotation, a page
without its `continue`, `EXPIRED` with a fresh certificate, a bomb that is not gzip; each is found.
"""

import asyncio
import json
import zlib
from pathlib import Path

import msgspec
import pytest

from tests.adapters.kubernetes.client_server import QUICK
from tests.world.emulated import Emulated, Illness, Plan, apart, emulating
from tests.world.emulated.contents import pod
from tests.world.emulated.illness import bomb
from upid.adapters.kubernetes.client import (
    AnswerTooLarge,
    ClusterClient,
    ClusterError,
    Limits,
    NotKubernetes,
    NotTrusted,
    Pace,
    TimedOut,
    TooManyRequests,
    resource,
)
from upid.adapters.kubernetes.live import identify, read_objects, read_usage
from upid.core.ports.cluster_connection import Usage
from upid.kit.clock import system_clock

pytestmark = pytest.mark.anyio

PODS = resource("v1", "pods")
IMPATIENT = Limits(
    first_pause=0.001, longest_pause=0.01, connect=1, request=2, attempts=2, answer=1 << 20
)


class _Meta(msgspec.Struct, frozen=True):
    name: str


class _Named(msgspec.Struct, frozen=True):
    metadata: _Meta


async def _reading(one: Emulated) -> tuple[int, set[str]]:
    """Return how many pods UPID reads, and the kinds that it found there."""
    async with ClusterClient(one.way.access()) as client:
        held = await read_objects(client, lambda _: None)
        found = await client.discovery()
    versions = {served.resource.api_version for served in found.served}
    return sum(1 for one in held.objects if one.kind == "Pod"), versions


@pytest.mark.parametrize("minor", range(25, 38))
async def test_every_version_of_kubernetes_in_support_and_out_of_it_is_read(
    minor: int, tmp_path: Path
) -> None:
    """CLU-7: 1.25 knows no aggregated discovery, 1.27 to 1.29 the first form of it."""
    async with emulating(tmp_path / "ca", [Plan("one", pods=60, minor=minor)]) as found:
        one = found["one"]
        pods, versions = await _reading(one)
        asked = one.listening.paths()
    assert pods == 60
    assert "batch/v1" in versions
    assert ("autoscaling/v2beta2" in versions) is (minor < 26)
    assert ("/apis/apps/v1" in asked) is (minor < 27), "older ones are asked group by group"


async def test_a_server_without_some_groups_is_read_by_those_it_has(tmp_path: Path) -> None:
    """CLU-7: no autoscaling/v2, batch or policy at all, and no metrics server."""
    lacking = ("autoscaling/v2", "autoscaling/v1", "batch/v1", "policy/v1")
    plan = Plan("old", pods=30, minor=25, without=lacking, metrics=False)
    async with emulating(tmp_path / "ca", [plan]) as found:
        pods, versions = await _reading(found["old"])
        async with ClusterClient(found["old"].way.access()) as client:
            usage = await read_usage(client, system_clock())
    assert pods == 30
    assert "batch/v1" not in versions
    assert "autoscaling/v2beta2" in versions
    assert "no metrics server" in str(usage)


async def test_a_list_comes_in_pages_that_show_one_moment(tmp_path: Path) -> None:
    async with emulating(tmp_path / "ca", [Plan("one", pods=120)]) as found:
        one = found["one"]
        seen, pages = [], 0
        async with ClusterClient(one.way.access(), Limits(page=50)) as client:
            async for page in client.list(PODS, _Named):
                pages += 1
                seen += [each.metadata.name for each in page.items]
                if pages == 1:
                    one.cluster.place("pods", _pod("newcomer"))
    assert pages == 3
    assert len(set(seen)) == 120
    assert "newcomer" not in seen


async def test_a_watch_tells_what_comes_changes_and_goes(tmp_path: Path) -> None:
    async with emulating(tmp_path / "ca", [Plan("one", pods=5)]) as found:
        one = found["one"]
        async with ClusterClient(one.way.access()) as client:
            since = [page.version async for page in client.list(PODS, _Named)][-1]
            events = client.watch(PODS, _Named, since=since)
            told = []

            async def listen() -> None:
                async for event in events:
                    told.append((event.change, event.item.metadata.name if event.item else ""))
                    if len(told) == 3:
                        return

            listening = asyncio.create_task(listen())
            one.cluster.place("pods", _pod("web"))
            one.cluster.place("pods", _pod("web", phase="Failed"))
            one.cluster.take_away("pods", "shop", "web")
            await asyncio.wait_for(listening, 10)
            await events.aclose()
    assert told == [("ADDED", "web"), ("MODIFIED", "web"), ("DELETED", "web")]


def _pod(name: str, phase: str = "Pending") -> dict[str, object]:
    found = pod(1)
    found["metadata"] |= {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    return found | {"status": {"phase": phase}}


async def test_usage_is_that_of_the_pods_that_are_there(tmp_path: Path) -> None:
    async with (
        emulating(tmp_path / "ca", [Plan("one", pods=75)]) as found,
        ClusterClient(found["one"].way.access()) as client,
    ):
        usage = await read_usage(client, system_clock())
    assert isinstance(usage, Usage)
    assert (len(usage.containers), len(usage.nodes)) == (75, 3)
    assert all(0 < one.cores < 0.2 for one in usage.containers)


async def test_clusters_tell_themselves_apart_by_their_identity(tmp_path: Path) -> None:
    """CLU-7: two addresses of one cluster have one identity."""
    plans = [Plan("a", number=7), Plan("b"), Plan("also-a", number=7)]
    async with emulating(tmp_path / "ca", plans) as found:
        seen = {}
        for name, one in found.items():
            async with ClusterClient(one.way.access()) as client:
                seen[name] = await identify(client)
    assert seen["a"] == seen["also-a"] != seen["b"]


ILL: dict[Illness, type[ClusterError]] = {
    Illness.BLACKHOLED: TimedOut,
    Illness.SILENT: TimedOut,
    Illness.DRIPPING: TimedOut,
    Illness.HUGE: AnswerTooLarge,
    Illness.PAGE: NotKubernetes,
    Illness.BROKEN: NotKubernetes,
    Illness.BOMB: AnswerTooLarge,
    Illness.EXPIRED: NotTrusted,
    Illness.BUSY: TooManyRequests,
}


async def test_each_illness_is_an_error_of_its_own_within_its_time(tmp_path: Path) -> None:
    """O1, CLU-7: and of each one, its neighbour hears nothing."""
    assert {*ILL} == {*Illness} - {Illness.HEALTHY}
    plans = [Plan(illness.value, pods=40, illness=illness) for illness in Illness]
    async with emulating(tmp_path / "ca", plans) as found:
        started = asyncio.get_running_loop().time()
        outcomes = await asyncio.gather(*map(_asked, found.values()))
        raised = dict(zip(found, outcomes, strict=True))
        took = asyncio.get_running_loop().time() - started
    assert raised.pop("healthy") is None
    assert {name: type(error) for name, error in raised.items()} == {
        illness.value: error for illness, error in ILL.items()
    }
    assert took < 10


async def _asked(one: Emulated) -> ClusterError | None:
    async def no_time(seconds: float) -> None:
        await asyncio.sleep(0)

    try:
        async with ClusterClient(one.way.access(), IMPATIENT, Pace(sleep=no_time)) as client:
            await client.version()
    except ClusterError as error:
        return error
    return None


async def test_who_was_ill_can_be_well_again(tmp_path: Path) -> None:
    async with emulating(tmp_path / "ca", [Plan("one", illness=Illness.PAGE)]) as found:
        one = found["one"]
        assert isinstance(await _asked(one), NotKubernetes)
        one.cluster.illness = Illness.HEALTHY
        assert await _asked(one) is None


async def test_a_bomb_is_small_on_the_wire_and_large_behind_it() -> None:
    squeezed = bomb()
    opened = zlib.decompressobj(31).decompress(squeezed, 50 << 20)
    assert len(squeezed) < 2 << 20
    assert len(opened) == 50 << 20


def test_servers_in_a_process_of_their_own_answer_count_and_change() -> None:
    with apart([Plan("one", pods=10), Plan("hole", illness=Illness.BLACKHOLED)]) as found:
        way = found.ways["one"]

        async def ask() -> str:
            async with ClusterClient(way.access(), QUICK) as client:
                return str(await client.version())

        assert asyncio.run(ask()) == "v1.36.2"
        assert found.counts("one").requests == 1
        found.behave("one", Illness.PAGE)
        with pytest.raises(NotKubernetes):
            asyncio.run(ask())
        assert found.counts("one").connections == 2
        assert found.counts("hole").connections == 0
        assert json.dumps(sorted(found.ways)) == '["hole", "one"]'


async def test_ten_thousand_pods_are_read_in_twenty_five_lists(tmp_path: Path) -> None:
    """O2: pages of 500, by the server's own log; every other kind takes a page or two."""
    async with emulating(tmp_path / "ca", [Plan("large", pods=10_000)]) as found:
        one = found["large"]
        pods, _ = await _reading(one)
        lists = [asked for asked in one.listening.asked if "limit" in asked.query]
    assert pods == 10_000
    assert sum(asked.path == "/api/v1/pods" for asked in lists) <= 25
    assert len(lists) <= 45
