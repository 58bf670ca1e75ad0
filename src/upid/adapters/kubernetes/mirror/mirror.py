"""A cluster followed: every kind by lists and watches, with one question that keeps contact."""

import asyncio
from collections.abc import Iterator, Sequence

from upid.adapters.kubernetes.client import Discovery
from upid.adapters.kubernetes.client.limits import Pace
from upid.adapters.kubernetes.live.kinds import READ
from upid.adapters.kubernetes.mirror.contact import Beat, Contact, is_hopeless
from upid.adapters.kubernetes.mirror.follower import NEEDED, Follower
from upid.adapters.kubernetes.mirror.habits import Habits, Readable
from upid.adapters.kubernetes.mirror.store import Store
from upid.core.errors import UpidError
from upid.core.ports.cluster_connection import ClusterMirror, Following, Freshness, ObjectChange
from upid.core.ports.cluster_source import ObjectVersion
from upid.kit.clock import Clock, system_clock

_FOLLOWABLE = frozenset({"list", "watch"})


class Mirror(ClusterMirror):
    """The objects of a cluster, kept equal to it.

    kinds  plural name → the group versions that are understood, the best first
    clock  the time of day, for what is told; `pace` has the time that is waited
    """

    def __init__(
        self,
        client: Readable,
        *,
        kinds: Sequence[tuple[str, tuple[str, ...]]] = READ,
        clock: Clock = system_clock,
        pace: Pace | None = None,
        habits: Habits | None = None,
    ) -> None:
        self._client, self._clock = client, clock
        self._pace, self._habits = pace or Pace(clock=clock), habits or Habits()
        limits = self._habits
        self._store = Store(limits.remembered, limits.most_gone, limits.most_changes)
        self._contact = Contact(client, limits, self._pace)
        gate = asyncio.Semaphore(limits.at_once)
        self._kinds = dict(kinds)
        self._followers = {
            plural: Follower(plural, client, self._store, self._contact, limits, self._pace, gate)
            for plural in self._kinds
        }
        self._discovered, self._loaded = asyncio.Event(), asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Follow the cluster until cancelled; raise an `UpidError` only where waiting is no help.

        May be run again afterwards, and goes on from where it was.
        """
        self._failure = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._discovering())
                group.create_task(self._loading())
                group.create_task(self._beating())
                group.create_task(self._comparing())
                for follower in self._followers.values():
                    group.create_task(follower.follow())
        except BaseExceptionGroup as failures:
            self._failure = _first(failures)
            self._loaded.set()
            raise self._failure from failures

    async def loaded(self) -> None:
        """Return once every kind that may be read has been listed in full; raise what `run` did."""
        await self._loaded.wait()
        if self._failure is not None:
            raise self._failure

    def following(self) -> Following:
        """Return how the cluster is followed just now."""
        followers = self._followers.values()
        return Following(
            freshness=self._freshness(),
            generation=self._store.generation,
            contact=self._contact.at,
            left_out=tuple(self._left_out()),
            objects=self._store.counts(),
            relists=sum(one.relists for one in followers),
            memory=self._store.weight,
            mended=sum(one.mended for one in followers),
        )

    def objects(self, kinds: Sequence[str] | None = None) -> Iterator[ObjectVersion]:
        """Yield the objects by kind, namespace, name and age, and those that are gone of late.

        Remembered are pods, nodes, and what stands between pods and their workloads; other
        objects are there or not.
        """
        return self._store.objects(kinds)

    def changes(self) -> tuple[ObjectChange, ...]:
        """Return what changed since it was last asked, in order; nothing of the first lists.

        What came and went in between is told as removed, with its last state as the one before.
        Changes of too many objects that nobody took are dropped, and none are noted until
        somebody asks.
        """
        return self._store.take_changes()

    async def compare(self, plural: str) -> None:
        """Compare a kind with the cluster now. Raises `UpidError`s of the client."""
        await self._followers[plural].compare()

    def _freshness(self) -> Freshness:
        if not self._loaded.is_set() or self._failure is not None:
            return Freshness.LOADING if self._contact.at is None else Freshness.STALE
        troubled = any(one.in_trouble for one in self._followers.values())
        return Freshness.STALE if troubled or self._contact.is_silent else Freshness.LIVE

    def _left_out(self) -> Iterator[str]:
        for one in self._followers.values():
            if one.left_out:
                yield one.left_out
            if one.unreadable:
                yield f"{one.unreadable} {one.plural} are left out: they are not shaped as objects"
        if self._store.dropped:
            yield "changes are left out: too many waited to be taken"

    # ── what runs side by side ──────────────────────────────────────────────────────────────────

    async def _discovering(self) -> None:
        """Find what is served, again and again: a kind may come later, or a right to read it."""
        failures = 0
        while True:
            try:
                self._offer(await self._client.discovery())
            except UpidError as error:
                failures += 1
                patience = self._habits.patience if self._discovered.is_set() else 1
                if is_hopeless(error) and failures >= patience:
                    raise
                await self._pace.sleep(self._habits.pause(failures, self._pace))
                continue
            failures = 0
            self._discovered.set()
            await self._pace.sleep(self._habits.spread(self._habits.rediscovery, self._pace))

    def _offer(self, found: Discovery) -> None:
        for plural, versions in self._kinds.items():
            served = found.find(plural, *versions)
            failed = (found.failed[one] for one in versions if one in found.failed)
            why = next((f"their group does not answer: {one}" for one in failed), "")
            if served is None and plural in NEEDED:
                why = why or "the cluster does not serve them"
            if served is not None and not served.verbs >= _FOLLOWABLE:
                served, why = None, "the cluster does not let anybody watch them"
            self._followers[plural].offer(served.resource if served else None, why)

    async def _loading(self) -> None:
        for follower in self._followers.values():
            await follower.settled()
        self._loaded.set()

    async def _beating(self) -> None:
        await self._discovered.wait()
        while True:
            beat = await self._contact.beat()
            for follower in self._followers.values():
                if beat is Beat.BACK:
                    follower.resume()
                elif beat is Beat.REPLACED:
                    follower.begin_anew()
            self._store.prune(self._clock())
            await self._contact.rest(beat)

    async def _comparing(self) -> None:
        """Compare one kind after the other, so that each has its turn in the time for one."""
        await self._loaded.wait()
        while True:
            for follower in self._followers.values():
                turn = self._habits.comparison / len(self._followers)
                await self._pace.sleep(self._habits.spread(turn, self._pace))
                try:
                    await follower.compare()
                except UpidError:
                    self._contact.doubt()  # the next comparison is an hour away, which is fine


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first failure of a group; a fault of ours before the errors of a cluster."""
    found = [
        _first(one) if isinstance(one, BaseExceptionGroup) else one for one in group.exceptions
    ]
    return next((one for one in found if not isinstance(one, UpidError)), found[0])
