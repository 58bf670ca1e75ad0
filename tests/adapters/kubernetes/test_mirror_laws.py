"""Laws of the mirror, over random schedules of a simulated cluster on a broken wire (O2)."""

import asyncio
import contextlib
import os
from typing import Any

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.adapters.kubernetes.hand_time import HandTime
from tests.adapters.kubernetes.simulated_cluster import (
    KINDS,
    Faults,
    SimulatedClient,
    SimulatedCluster,
)
from tests.world.simulated.kinds import Kind
from tests.world.simulated.subjects import BUDGETS, CONFIG_MAPS, DEPLOYMENTS
from tests.world.simulated.writing import MERGE_PATCH
from upid.adapters.kubernetes.client import Limits
from upid.adapters.kubernetes.mirror import Habits, Mirror
from upid.adapters.kubernetes.mirror.slim import slim
from upid.core.ports.cluster_connection import Freshness, Happened, ObjectChange
from upid.core.ports.cluster_source import ObjectVersion

EXAMPLES = int(os.environ.get("UPID_MIRROR_SCHEDULES", "12"))
STEPS = 30
SETTLED = 10  # seconds after the last fault (O2)
HABITS = Habits(pulse=2, comparison=600, relists=1000, longest_pause=3, believed=3)
LIMITS = Limits(per_second=1000, burst=1000, longest_pause=1, watch_silence=5, patience=20)
SUBJECTS = {"pods": CONFIG_MAPS, "deployments": DEPLOYMENTS, "poddisruptionbudgets": BUDGETS}
KIND = st.sampled_from([one.plural for one in KINDS])
_PATHS = {one.plural: one.path for one in KINDS}
NAMES = st.sampled_from(["a", "b", "c", "d"])
NUMBERS = st.integers(0, 2)

Held = dict[tuple[str, str], tuple[str, bytes]]  # kind and name → UID and body


def kinds_of(found: tuple[Kind, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.plural, (one.api_version,)) for one in found]


def listed(cluster: SimulatedCluster) -> Held:
    """Return what a list of each kind says, as it is kept."""
    found: Held = {}
    for kind in cluster.kinds:
        answer = cluster.server.request("GET", kind.path("default")).json()
        for item in answer["items"]:
            whole = {"kind": kind.name, "apiVersion": kind.api_version, **item}
            kept = slim(msgspec.json.encode(whole))
            found[kept.kind, kept.name] = kept.uid, kept.body
    return found


def held(mirror: Mirror) -> Held:
    """Return what the mirror says is there."""
    return {(o.kind, o.name): (o.uid, o.body) for o in mirror.objects() if o.until is None}


class Shadow:
    """One who only takes changes, and knows by them what is there."""

    def __init__(self) -> None:
        self.there: dict[str, ObjectVersion] = {}

    def take(self, changes: tuple[ObjectChange, ...]) -> None:
        assert len({_whose(one).uid for one in changes}) == len(changes)
        for one in changes:
            before, uid = self.there.pop(_whose(one).uid, None), _whose(one).uid
            if one.happened is Happened.REMOVED:
                assert one.after is None
                assert one.before is not None
                continue
            assert one.after is not None
            assert (one.happened is Happened.ADDED) is (before is None)
            assert before is None or one.before == before
            self.there[uid] = one.after


def _whose(change: ObjectChange) -> ObjectVersion:
    found = change.after or change.before
    assert found is not None
    return found


class Schedules(RuleBasedStateMachine):
    """A cluster that people change while the wire breaks, and a mirror that follows it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.backup: Any = None
        self.lost = False  # an event was, so that only a comparison can know
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        self.time = HandTime()
        self.cluster = SimulatedCluster(self.time)
        for number, kind in enumerate(KINDS):
            self._write(kind.plural, "a", number)
        self.client = SimulatedClient(self.cluster, LIMITS)
        pace = self.time.pace
        kinds = kinds_of(KINDS)
        self.mirror = Mirror(
            self.client, kinds=kinds, clock=self.time.today, pace=pace, habits=HABITS
        )
        self.running = asyncio.create_task(self.mirror.run())
        await self.time.advance(1)
        assert self.mirror.following().freshness is Freshness.LIVE
        assert self.mirror.changes() == ()
        self.shadow = Shadow()
        self.shadow.there = {one.uid: one for one in self.mirror.objects()}

    def _write(self, kind: str, name: str, number: int) -> None:
        body = {"metadata": {"name": name}, **SUBJECTS[kind].content(number)}
        self.cluster.server.request("POST", _PATHS[kind]("default"), None, body)
        self.cluster.changed()

    def _pass(self, seconds: float) -> None:
        self.loop.run_until_complete(self.time.advance(seconds))
        if self.running.done():
            self.running.result()

    def _heal(self) -> None:
        self.cluster.faults = Faults()
        self.cluster.changed()

    # ── what people do ──────────────────────────────────────────────────────────────────────────

    @rule(kind=KIND, name=NAMES, number=NUMBERS)
    def create(self, kind: str, name: str, number: int) -> None:
        self._write(kind, name, number)

    @rule(kind=KIND, name=NAMES, pick=st.integers(0, 20), number=NUMBERS)
    def change(self, kind: str, name: str, pick: int, number: int) -> None:
        changes = SUBJECTS[kind].changes(number)
        path, body = _PATHS[kind]("default", name), changes[pick % len(changes)]
        self.cluster.server.request("PATCH", path, None, body, MERGE_PATCH)
        self.cluster.changed()

    @rule(kind=KIND, name=NAMES)
    def delete(self, kind: str, name: str) -> None:
        self.cluster.server.request("DELETE", _PATHS[kind]("default", name))
        self.cluster.changed()

    @rule(kind=KIND, name=NAMES, number=NUMBERS)
    def replace(self, kind: str, name: str, number: int) -> None:
        """A pod of a StatefulSet comes again under its name."""
        self.delete(kind, name)
        self._write(kind, name, number)

    # ── what goes wrong ─────────────────────────────────────────────────────────────────────────

    @rule()
    def cut(self) -> None:
        self.cluster.cut()

    @rule()
    def compact(self) -> None:
        self.cluster.compact()

    @rule(apart=st.booleans())
    def part(self, apart: bool) -> None:
        self.cluster.faults.apart = apart
        self.cluster.changed()

    @rule(deaf=st.booleans())
    def fall_silent(self, deaf: bool) -> None:
        self.cluster.faults.deaf = deaf
        self.cluster.changed()

    @rule(times=st.integers(1, 2), behind=st.integers(1, 6))
    def answer_from_the_past(self, times: int, behind: int) -> None:
        self.cluster.faults.past, self.cluster.faults.behind = times, behind

    @rule(times=st.integers(1, 3))
    def repeat(self, times: int) -> None:
        self.cluster.faults.repeat = times

    @rule(times=st.integers(1, 2))
    def lose(self, times: int) -> None:
        self.cluster.faults.lose = times
        self.lost = True

    @rule(times=st.integers(1, 8))
    def refuse(self, times: int) -> None:
        self.cluster.faults.refuse = times

    @rule()
    def save(self) -> None:
        self.backup = self.cluster.copy()

    @rule()
    def restore(self) -> None:
        """etcd comes back from a copy: revisions are given out a second time.

        Nobody writes while that is noticed; who did could make it unnoticeable.
        """
        if self.backup is not None:
            self._heal()
            self._pass(SETTLED)
            self.cluster.restore(self.backup)
            self.backup = None
            self._pass(3 * SETTLED)

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 7.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self._pass(seconds)

    # ── what holds ──────────────────────────────────────────────────────────────────────────────

    @rule()
    def look(self) -> None:
        self.shadow.take(self.mirror.changes())
        there = {one.uid: one for one in self.mirror.objects() if one.until is None}
        assert self.shadow.there == there

    @rule()
    def mend(self) -> None:
        """O2: within ten seconds after the faults stop it is equal to a list."""
        self._heal()
        self._pass(SETTLED)
        if self.lost:
            self._pass(2 * HABITS.comparison)
            self.lost = False
        assert held(self.mirror) == listed(self.cluster)
        following = self.mirror.following()
        assert following.freshness is Freshness.LIVE
        assert sum(following.objects.values()) == len(listed(self.cluster))

    @invariant()
    def one_object_has_one_name(self) -> None:
        there = [one for one in self.mirror.objects() if one.until is None]
        assert len({(one.kind, one.namespace, one.name) for one in there}) == len(there)
        assert len({one.uid for one in self.mirror.objects()}) == len([*self.mirror.objects()])

    def teardown(self) -> None:
        try:
            self.mend()
            self.look()
        finally:
            self.running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(self.running)
            self.loop.close()


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    report_multiple_bugs=False,
)
