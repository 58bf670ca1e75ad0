"""The mirror: what it keeps, what it says of itself, and when it gives up (CLU-7, O2, O3)."""

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import msgspec
import pytest

from tests.adapters.kubernetes.following import HABITS, following
from tests.adapters.kubernetes.hand_time import HandTime
from tests.adapters.kubernetes.simulated_cluster import KINDS, POD, SimulatedCluster
from tests.world.simulated.kinds import DEPLOYMENT
from tests.world.simulated.kinds import POD_DISRUPTION_BUDGET as BUDGET
from upid.adapters.kubernetes.client import Forbidden
from upid.adapters.kubernetes.mirror import MirrorFull
from upid.adapters.kubernetes.mirror.entries import Entry, entry
from upid.adapters.kubernetes.mirror.slim import slim
from upid.adapters.kubernetes.mirror.store import Store
from upid.core.ports.cluster_connection import Freshness, Happened

pytestmark = pytest.mark.anyio


def crowded(count: int = 7) -> SimulatedCluster:
    cluster = SimulatedCluster(HandTime())
    for number in range(count):
        body = {"metadata": {"name": f"pod-{number}"}}
        cluster.server.request("POST", POD.path("default"), None, body)
    return cluster


async def test_the_first_lists_are_read_once_in_pages_and_are_no_changes() -> None:
    async with following(cluster=crowded()) as found:
        await found.mirror.loaded()
        assert found.there(POD) == [f"pod-{number}" for number in range(7)]
        assert found.mirror.changes() == ()
        said = found.mirror.following()
        assert (said.freshness, said.objects, said.relists) == (Freshness.LIVE, {"Pod": 7}, 0)
        assert said.contact is not None
        assert found.cluster.lists == dict.fromkeys((one.plural for one in KINDS), 1)


async def test_changes_are_told_once_each_object_first_and_last() -> None:
    async with following(cluster=crowded(1)) as found:
        await found.create(POD, "b")
        found.cluster.server.request(
            "PATCH",
            POD.path("default", "b"),
            None,
            {"data": {"k": "v"}},
            "application/merge-patch+json",
        )
        await found.delete(POD, "pod-0")
        told = found.mirror.changes()
        assert [one.happened for one in told] == [Happened.ADDED, Happened.REMOVED]
        assert told[0].before is None
        assert told[0].after is not None
        assert b'"k":"v"' in told[0].after.body
        assert told[1].before is not None
        assert told[1].before.name == "pod-0"
        assert found.mirror.changes() == ()


async def test_what_comes_and_goes_between_two_looks_is_remembered() -> None:
    async with following() as found:
        await found.create(POD, "brief")
        await found.advance(5)
        await found.delete(POD, "brief")
        (change,) = found.mirror.changes()
        assert change.happened is Happened.REMOVED
        assert change.before is not None
        (gone,) = found.gone(POD)
        assert change.before == gone
        assert gone.until is not None
        assert gone.until - gone.since == timedelta(seconds=5)


async def test_a_pod_that_comes_again_under_its_name_is_another_one() -> None:
    async with following(cluster=crowded(1)) as found:
        (first,) = found.mirror.objects()
        found.cluster.server.request("DELETE", POD.path("default", "pod-0"))
        await found.create(POD, "pod-0")
        old, young = found.mirror.objects()
        assert old.uid == first.uid != young.uid
        assert (old.until is None, young.until is None) == (False, True)
        told = found.mirror.changes()
        assert [one.happened for one in told] == [Happened.REMOVED, Happened.ADDED]


async def test_only_what_lived_by_the_hour_is_remembered_and_not_for_ever() -> None:
    async with following(most_gone=3, remembered=timedelta(minutes=2)) as found:
        await found.create(DEPLOYMENT, "web")
        await found.delete(DEPLOYMENT, "web")
        for number in range(5):
            await found.create(POD, f"pod-{number}")
            await found.delete(POD, f"pod-{number}")
        assert [one.name for one in found.mirror.objects()] == ["pod-2", "pod-3", "pod-4"]
        generation = found.mirror.following().generation
        await found.advance(130)
        assert list(found.mirror.objects()) == []
        said = found.mirror.following()
        assert said.generation > generation
        assert said.memory == 0


async def test_a_kind_that_may_not_be_read_is_named_and_tried_again() -> None:
    """CLU-5: one that is not needed hides no other."""
    cluster = crowded(1)
    cluster.faults.forbidden = {BUDGET.plural}
    async with following(cluster=cluster) as found:
        await found.mirror.loaded()
        (sentence,) = found.mirror.following().left_out
        assert sentence.startswith("poddisruptionbudgets are left out: ")
        cluster.faults.forbidden = set()
        await found.create(BUDGET, "calm")
        await found.advance(HABITS.rediscovery * 1.3)
        assert found.mirror.following().left_out == ()
        assert found.there(BUDGET) == ["calm"]
        assert found.mirror.changes() == ()  # it was there before


async def test_a_right_that_is_taken_away_kills_nothing() -> None:
    async with following() as found:
        await found.create(BUDGET, "calm")
        found.mirror.changes()
        found.cluster.faults.forbidden = {BUDGET.plural}
        found.cluster.cut()
        await found.advance(30)
        assert len(found.mirror.following().left_out) == 1
        assert found.there(BUDGET) == []
        assert found.mirror.changes() == ()


async def test_pods_that_may_not_be_read_end_it() -> None:
    cluster = crowded(1)
    cluster.faults.forbidden = {POD.plural}
    async with following(cluster=cluster) as found:
        with pytest.raises(Forbidden):
            await found.running
        with pytest.raises(Forbidden):
            await found.mirror.loaded()


async def test_a_kind_is_followed_as_soon_as_the_cluster_has_it() -> None:
    cluster = crowded(1)
    cluster.faults.missing = {DEPLOYMENT.plural}
    async with following(cluster=cluster) as found:
        await found.mirror.loaded()
        cluster.faults.missing = set()
        assert found.mirror.following().objects == {"Pod": 1}
        await found.create(DEPLOYMENT, "web")
        await found.advance(HABITS.rediscovery * 1.3)
        assert found.there(DEPLOYMENT) == ["web"]


async def test_objects_of_a_kind_that_is_gone_are_gone() -> None:
    async with following() as found:
        await found.create(BUDGET, "calm")
        found.cluster.faults.missing = {BUDGET.plural}
        found.cluster.compact()  # so that it has to be listed
        await found.create(POD, "other")
        found.cluster.cut()
        await found.advance(30)
        assert found.there(BUDGET) == []
        assert found.mirror.following().left_out == ()


async def test_a_lost_deletion_is_mended_by_a_comparison_and_counted() -> None:
    async with following(cluster=crowded(3)) as found:
        found.cluster.faults.lose = 1
        await found.delete(POD, "pod-1")
        await found.create(POD, "pod-3")  # a watch that is resumed goes on after this one
        await found.advance(60)
        assert "pod-1" in found.there(POD)  # nobody can know yet
        await found.advance(HABITS.comparison * 1.3)
        assert found.there(POD) == ["pod-0", "pod-2", "pod-3"]
        assert found.mirror.following().mended == 1


async def test_comparisons_without_a_difference_list_no_objects() -> None:
    async with following(cluster=crowded(3)) as found:
        for number in range(20):
            await found.create(POD, f"more-{number}")
            await found.advance(HABITS.comparison / 4)
        assert found.cluster.lists == dict.fromkeys((one.plural for one in KINDS), 1)
        assert found.mirror.following().mended == 0


async def test_a_cluster_out_of_reach_is_stale_and_is_asked_by_one_question_only() -> None:
    """O3: no lists of anything while it is lost, nor because of it."""
    async with following(cluster=crowded(3)) as found:
        found.cluster.faults.apart = True
        found.cluster.cut()
        await found.advance(10)
        assert found.mirror.following().freshness is Freshness.LIVE  # for what it knows
        contact = found.mirror.following().contact
        await found.advance(300)
        said = found.mirror.following()
        assert (said.freshness, said.contact) == (Freshness.STALE, contact)
        assert len(found.there(POD)) == 3
        watches = dict(found.cluster.watches)
        found.cluster.faults.apart = False
        await found.advance(10)
        assert found.mirror.following().freshness is Freshness.LIVE
        assert found.cluster.lists == dict.fromkeys((one.plural for one in KINDS), 1)
        assert all(found.cluster.watches[one] - watches[one] <= 3 for one in watches)


async def test_a_connection_whose_peer_is_gone_is_noticed() -> None:
    """Half open: nothing arrives, and nothing says so."""
    async with following() as found:
        found.cluster.faults.deaf = True
        await found.create(POD, "unheard")
        await found.advance(1)
        assert found.there(POD) == []
        found.cluster.faults.deaf = False
        await found.advance(2 * 5 + 1)  # LIMITS.watch_silence
        assert found.there(POD) == ["unheard"]


async def test_lists_from_the_past_are_not_taken() -> None:
    async with following(cluster=crowded(2)) as found:
        await found.create(POD, "young")
        generation = found.mirror.following().generation
        found.cluster.faults.past, found.cluster.faults.behind = 2, 1
        found.cluster.faults.expired = {POD.plural}
        found.cluster.cut()
        await found.advance(10)
        assert found.cluster.faults.past == 0
        assert "young" in found.there(POD)
        assert found.mirror.following().generation == generation  # it never was away


async def test_one_that_came_again_while_nobody_looked_is_another_one() -> None:
    async with following(cluster=crowded(1)) as found:
        found.cluster.faults.apart = True
        found.cluster.cut()
        await found.delete(POD, "pod-0")
        await found.create(POD, "pod-0")
        found.cluster.compact()
        found.cluster.faults.apart = False
        await found.advance(10)
        assert len(found.gone(POD)) == len(found.there(POD)) == 1
        told = found.mirror.changes()
        assert [one.happened for one in told] == [Happened.REMOVED, Happened.ADDED]


async def test_watches_that_stand_and_say_nothing_are_not_taken_for_live() -> None:
    """A server that is cut off from etcd: it takes watches, and the question fails."""
    async with following(cluster=crowded(1)) as found:
        found.cluster.faults.deaf, found.cluster.faults.refuse = True, 10**6
        await found.advance(HABITS.silence + 10)
        assert found.mirror.following().freshness is Freshness.STALE
        found.cluster.faults.refuse = 0
        await found.advance(10)
        assert found.mirror.following().freshness is Freshness.LIVE


def test_an_older_word_of_one_that_is_dead_wakes_nobody() -> None:
    store, at = Store(timedelta(hours=1), 10, 10), datetime(2026, 11, 2, tzinfo=UTC)

    def pod(version: int) -> Entry:
        meta = {"name": "web", "uid": "u", "resourceVersion": str(version)}
        return entry(slim(msgspec.json.encode({"kind": "Pod", "metadata": meta})))

    store.put("pods", pod(5), at, quiet=False)
    store.remove("pods", pod(5), at, last=pod(7))
    assert not store.put("pods", pod(6), at, quiet=False)
    assert [one.until for one in store.objects(None)] == [at]
    assert store.put("pods", pod(6), at, quiet=False, force=True)  # another history
    assert [one.until for one in store.objects(None)] == [None]


async def test_a_history_that_was_replaced_is_believed_in_the_end() -> None:
    """etcd restored from a copy: revisions fall, and what was made since has never been."""
    async with following(cluster=crowded(2)) as found:
        backup = found.cluster.copy()
        await found.create(POD, "undone")
        await found.advance(5)
        found.cluster.restore(backup)
        await found.advance(30)
        assert found.there(POD) == ["pod-0", "pod-1"]
        await found.create(POD, "again")
        assert "again" in found.there(POD)


async def test_a_past_that_is_forgotten_is_listed_anew_and_only_the_difference_told() -> None:
    async with following(cluster=crowded(5)) as found:
        found.cluster.faults.apart = True
        found.cluster.cut()
        await found.create(POD, "meanwhile")
        await found.delete(POD, "pod-3")
        found.cluster.compact()
        found.cluster.faults.apart = False
        await found.advance(10)
        told = {(one.happened, (one.after or one.before).name) for one in found.mirror.changes()}  # type: ignore[union-attr]
        assert told == {(Happened.ADDED, "meanwhile"), (Happened.REMOVED, "pod-3")}
        assert found.mirror.following().relists >= 1


async def test_changes_that_nobody_takes_are_dropped_and_that_is_said() -> None:
    async with following(most_changes=3) as found:
        for number in range(5):
            await found.create(POD, f"pod-{number}")
        assert found.mirror.following().left_out == (
            "changes are left out: too many waited to be taken",
        )
        assert found.mirror.changes() == ()
        assert found.mirror.following().left_out == ()
        await found.create(POD, "next")
        assert len(found.mirror.changes()) == 1


async def test_a_cluster_without_end_is_given_up() -> None:
    async with following(cluster=crowded(50), most_bytes=20_000) as found:
        with pytest.raises(MirrorFull, match="more than 20000 bytes"):
            await found.running


async def test_it_may_be_run_again_and_goes_on_from_where_it_was() -> None:
    async with following(cluster=crowded(2)) as found:
        found.running.cancel()
        await asyncio.gather(found.running, return_exceptions=True)
        await found.create(POD, "meanwhile")
        found.running = asyncio.create_task(found.mirror.run())
        await found.advance(1)
        assert found.there(POD) == ["meanwhile", "pod-0", "pod-1"]
        assert found.cluster.lists[POD.plural] == 1


async def test_threads_read_while_the_loop_writes() -> None:
    async with following(cluster=crowded(20)) as found:
        stop, wrong = Event(), list[object]()

        def reading() -> None:
            while not stop.is_set():
                there = [one for one in found.mirror.objects() if one.until is None]
                names = [one.name for one in there]
                if names != sorted(set(names)) or not all(one.body for one in there):
                    wrong.append(names)
                found.mirror.following()
                found.mirror.changes()

        threads = [Thread(target=reading) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(60):
                await found.delete(POD, f"pod-{number % 20}")
                await found.create(POD, f"pod-{number % 20}")
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
        assert wrong == []
