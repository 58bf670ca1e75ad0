"""Watches of real API servers, lists whose moment is forgotten, and bad lines between."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from urllib.parse import urlsplit

import pytest

from tests.adapters.kubernetes.client_world import (
    MAPS,
    Map,
    fill,
    names,
    reaching,
)
from tests.world import control_plane as planes
from tests.world import needs
from tests.world.cluster import Cluster
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
    Reset,
    Truncate,
)
from tests.world.switches import Switches
from upid.adapters.kubernetes.client import (
    Change,
    ClusterClient,
    Event,
    Expired,
    Limits,
    Selection,
    TimedOut,
    WhenExpired,
)

pytestmark = [pytest.mark.world, pytest.mark.anyio]


class Following:
    """Takes the events of a watch one by one."""

    def __init__(self, events: AsyncIterator[Event[Map]]) -> None:
        self._events = events

    async def until(self, name: str, change: Change) -> list[Event[Map]]:
        """Return the events up to one change of one object."""
        found: list[Event[Map]] = []
        async with asyncio.timeout(30):
            async for one in self._events:
                found.append(one)
                if one.item and one.item.metadata.name == name and one.change is change:
                    return found
        raise AssertionError("the watch ended")


@asynccontextmanager
async def following(client: ClusterClient, namespace: str, since: str) -> AsyncIterator[Following]:
    async with aclosing(client.watch(MAPS, Map, Selection(namespace), since=since)) as events:
        yield Following(events)


async def test_a_watch_follows_a_list_without_a_gap(cluster: Cluster) -> None:
    path = cluster.path("configmaps")
    async with reaching(cluster.control_plane) as client:
        _, version, _ = await names(client, cluster.namespace)
        cluster.api.create(path, {"metadata": {"name": "one"}, "data": {"n": "1"}})
        cluster.api.patch(f"{path}/one", {"data": {"n": "2"}})
        cluster.api.delete(f"{path}/one")
        async with following(client, cluster.namespace, version) as follows:
            found = await follows.until("one", Change.DELETED)
    mine = [one for one in found if one.item and one.item.metadata.name == "one"]
    assert [one.change for one in mine] == [Change.ADDED, Change.MODIFIED, Change.DELETED]
    assert [int(one.version) for one in mine] == sorted(int(one.version) for one in mine)


async def test_watches_that_end_are_resumed_from_bookmarks(cluster: Cluster) -> None:
    """The server ends each watch after a second; a bookmark comes before the end."""
    limits = Limits(watch_seconds=1, per_second=100)
    path = cluster.path("configmaps")
    async with reaching(cluster.control_plane, limits=limits) as client:
        _, version, _ = await names(client, cluster.namespace)
        async with following(client, cluster.namespace, version) as follows:
            seen: list[Event[Map]] = []
            for number in range(4):
                await asyncio.sleep(1.2)
                cluster.api.create(path, {"metadata": {"name": f"at-{number}"}})
                seen += await follows.until(f"at-{number}", Change.ADDED)
    mine = [one.item.metadata.name for one in seen if one.item]
    assert [name for name in mine if name.startswith("at-")] == ["at-0", "at-1", "at-2", "at-3"]


@pytest.fixture(scope="module")
def forgetful(enclosure: Enclosure) -> Iterator[ControlPlane]:
    """Yield an API server that drops its history every second."""
    needs.need_parts("kubernetes")
    switches = Switches(compaction="1s", watch_cache=False)
    with planes.running(enclosure, slot=3, switches=switches, controllers=False) as running:
        yield running


async def test_a_watch_from_a_forgotten_moment_has_expired(forgetful: ControlPlane) -> None:
    api = forgetful.api()
    path = "/api/v1/namespaces/default/configmaps"
    async with reaching(forgetful) as client:
        _, version, _ = await names(client, "default")

        async def ticking() -> None:
            for number in range(60):
                api.create(path, {"metadata": {"name": f"tick-{number}"}})
                await asyncio.sleep(0.3)
                async with following(client, "default", version) as follows:
                    await follows.until(f"tick-{number}", Change.ADDED)

        with pytest.raises(Expired):
            await ticking()


@pytest.mark.parametrize("expired", list(WhenExpired))
async def test_a_list_that_expires_between_pages_recovers(
    forgetful: ControlPlane, expired: WhenExpired
) -> None:
    """O3: with a real expired continue token."""
    api = forgetful.api()
    space = f"slow-{expired.value}"
    api.create("/api/v1/namespaces", {"metadata": {"name": space}})
    made = fill(api, f"/api/v1/namespaces/{space}/configmaps", 30)
    found: list[str] = []
    first, consistent, slow = 0, True, True
    async with reaching(forgetful, limits=Limits(page=20)) as client:
        async for page in client.list(MAPS, Map, Selection(space), expired=expired):
            if page.first:
                found.clear()
                first += 1
            found += [one.metadata.name for one in page.items]
            consistent = page.consistent
            if slow:  # until the moment of the first page is forgotten
                slow = False
                for number in range(12):
                    api.patch(
                        f"/api/v1/namespaces/{space}", {"metadata": {"labels": {"n": str(number)}}}
                    )
                    await asyncio.sleep(0.3)
    assert [name for name in found if name.startswith("many-")] == made
    if expired is WhenExpired.RESTART:
        assert (first, consistent) == (2, True)
    else:
        assert (first, consistent) == (1, False)


# ── a bad line ──────────────────────────────────────────────────────────────────────────────────

BAD_LINE = Limits(request=3, first_pause=0.01, watch_silence=1, per_second=200)


@pytest.mark.parametrize(
    "fault",
    [
        Reset(),
        Reset(after=500),
        DropReply(),
        Truncate(after=700),
        Answer(429, retry_after=1),
        Answer(503),
        Answer(500),
    ],
    ids=lambda fault: fault.name,
)
async def test_a_list_over_a_bad_line_is_whole(
    fault: Fault, control_plane: ControlPlane, crowd: tuple[str, list[str]]
) -> None:
    """H3: the second request meets the fault."""
    plan = Plan().at(2, fault)
    with FaultProxy(control_plane.server, plan, upstream_ca=control_plane.ca) as proxy:
        async with reaching(control_plane, limits=BAD_LINE, url=proxy.url) as client:
            found, _, pages = await names(client, crowd[0])
        asked = len(proxy.requests)
    assert [name for name in found if name.startswith("many-")] == crowd[1]
    assert (pages, asked) == (3, 4)


@pytest.mark.parametrize("fault", [Drip(100), Blackhole()], ids=lambda fault: fault.name)
async def test_a_server_that_does_not_come_to_an_end_is_left(
    fault: Fault, control_plane: ControlPlane, crowd: tuple[str, list[str]]
) -> None:
    plan = Plan().always(fault)
    limits = Limits(request=0.5, attempts=2, first_pause=0.01, compressed=False)
    with FaultProxy(control_plane.server, plan, upstream_ca=control_plane.ca) as proxy:
        async with reaching(control_plane, limits=limits, url=proxy.url) as client:
            with pytest.raises(TimedOut):
                await names(client, crowd[0])


async def test_a_watch_over_a_line_that_falls_silent_misses_nothing(cluster: Cluster) -> None:
    plane, path = cluster.control_plane, cluster.path("configmaps")
    with FaultProxy(plane.server, upstream_ca=plane.ca) as proxy:
        async with reaching(plane, limits=BAD_LINE, url=proxy.url) as client:
            _, version, _ = await names(client, cluster.namespace)
            async with following(client, cluster.namespace, version) as follows:
                cluster.api.create(path, {"metadata": {"name": "before"}})
                await follows.until("before", Change.ADDED)
                proxy.partition()
                cluster.api.create(path, {"metadata": {"name": "meanwhile"}})
                proxy.heal()
                found = await follows.until("meanwhile", Change.ADDED)
    assert found[-1].change is Change.ADDED
    assert urlsplit(proxy.url).hostname
