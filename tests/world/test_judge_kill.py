"""The judge and an API server that is killed in the middle of writes, its log rotated meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.world import control_plane as planes
from tests.world import needs
from tests.world.cluster import Cluster, namespace
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import Enclosure
from tests.world.judge import Change, How, Judge, Outcome
from tests.world.judge.actors import NAMES, Actor, Record
from tests.world.switches import Switches
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

KILLS = 2
BETWEEN = 60  # operations of both users between two kills
MOST = 2_000  # operations of one user until it must have met a kill
SECONDS = 60
SMALL_LOG = Switches(extra={"audit-log-maxsize": 1})  # MiB; a start alone writes more


@pytest.fixture(scope="module")
def alone(enclosure: Enclosure) -> Iterator[ControlPlane]:
    """Yield an API server that nobody else uses, so that it can be killed."""
    needs.need_parts("kubernetes")
    with planes.running(enclosure, slot=2, switches=SMALL_LOG, controllers=False) as running:
        yield running


@pytest.fixture
def corner(alone: ControlPlane) -> Iterator[Cluster]:
    with namespace(alone) as found:
        yield found


def act_until_it_breaks(actor: Actor, begin: int, step: int) -> None:
    for number in range(begin, begin + MOST * step, step):
        name = NAMES[number % len(NAMES)]
        verb = "apply" if number % 5 == 0 else "patch"
        if actor.do(verb, "configmaps", name, number).status == 0:
            return
    raise AssertionError(f"{actor.user} met no kill in {MOST} operations")


def test_what_a_killed_api_server_did_is_told_from_what_it_only_was_asked(
    alone: ControlPlane, corner: Cluster
) -> None:
    judge = Judge(alone.audit_log, alone.etcd)
    users = ("admin", "rival")
    actors = [
        Actor(user, alone.api(user, agent=f"{user}-tool/1.0"), corner.namespace) for user in users
    ]
    begin = 0
    for _ in range(KILLS):
        kill_while_they_act(alone, actors, begin)
        begin += MOST * len(actors)
        alone.start_api_server()
    actors[0].do("create", "configmaps", "last", begin)

    changes = [one for one in judge.changes(namespace=corner.namespace) if one.kind == "ConfigMap"]

    records = {one.mark: one for actor in actors for one in actor.records}
    broken = [one for one in records.values() if one.status == 0]
    assert len(broken) == KILLS * len(actors)
    told = {mark_of(one): one for one in changes if mark_of(one)}
    unclear = [change for change in told.values() if change.how is How.AMBIGUOUS]
    assert len(unclear) <= len(broken), "only what was under way at a kill may be unclear"
    for mark, change in told.items():
        if (
            change in unclear
        ):  # two were under way at once, and the log says of neither what it wrote
            assert change.may_be_by(records[mark].user), judge.timeline(change.revision - 1)
        else:
            assert_is_by(change, records[mark], judge)
    for record in records.values():
        assert (record.mark in told) or not record.wrote
    assert list(alone.folder.glob("audit-*T*.log")), "the log was to be rotated"
    assert [one for one in judge.unattributed() if one.how is How.UNSEEN] == [], judge.timeline()
    assert judge.unwritten() == []


def test_what_was_left_open_and_never_written_has_an_unknown_outcome(
    alone: ControlPlane, corner: Cluster
) -> None:
    """A stopped API server has logged that it was asked, and answers nobody."""
    judge = Judge(alone.audit_log, alone.etcd)
    corner.create("configmaps", {"metadata": {"name": "c"}})
    etcd = alone.program("etcd")
    etcd.signal(19)
    try:
        path = corner.path("configmaps", "c")
        with (
            alone.api(agent="stopped-tool/1.0").client as client,
            pytest.raises(httpx2.TimeoutException),
        ):
            client.patch(
                path,
                content='{"data":{"a":"1"}}',
                headers={"Content-Type": "application/merge-patch+json"},
                timeout=1.0,
            )
        alone.program("apiserver").kill()
    finally:
        etcd.signal(18)
    alone.start_api_server()

    asked = judge.requests(verb="patch", resource="configmaps", namespace=corner.namespace)

    changes = judge.changes(namespace=corner.namespace, name="c")
    wrote = len(changes) == 2  # etcd may have had the write in its socket when it went on
    assert [judge.outcome(one) for one in asked] == [Outcome.WROTE if wrote else Outcome.UNKNOWN]
    assert asked[0].code is None
    assert asked[0].gone_by is not None


def kill_while_they_act(alone: ControlPlane, actors: list[Actor], begin: int) -> None:
    def count() -> int:
        return sum(len(actor.records) for actor in actors)

    before = count()
    with ThreadPoolExecutor(len(actors)) as pool:
        acting = [
            pool.submit(act_until_it_breaks, actor, begin + place, len(actors))
            for place, actor in enumerate(actors)
        ]
        enough = f"{BETWEEN} operations"
        wait_until(enough, lambda: count() - before >= BETWEEN, SECONDS, alone.audit_log)
        alone.program("apiserver").kill()
        for one in acting:
            one.result(SECONDS)


def mark_of(change: Change) -> str:
    stored = change.after or {}
    return str(stored.get("data", {}).get("mark", ""))


def assert_is_by(change: Change, record: Record, judge: Judge) -> None:
    message = f"{record} but {judge.timeline(change.revision - 1, name=change.name)[:500]}"
    assert (change.user, change.verb) == (record.user, record.asked), message
    if record.status == 0:
        assert change.how in {How.DEDUCED, How.ANSWERED}, message
    else:
        assert (change.revision, change.how) == (record.revision, How.ANSWERED), message
