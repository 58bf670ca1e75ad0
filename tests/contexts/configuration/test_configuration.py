"""What single clusters have of their own: versions, history, what holds, and for whom.

Broken on purpose, and caught here: `_keep` that takes only the first version, or any; the memory not
filled at the start; the oldest version read instead of the newest.
"""

import asyncio
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from tests.contexts.configuration.conftest import PROD, TEST, Program
from upid.contexts.clusters import ClusterNotFound
from upid.contexts.configuration import ClusterPreferences, Section
from upid.contexts.configuration.errors import ConfigurationConflict
from upid.contexts.configuration.sections import AnySection, General, Rules, Thresholds
from upid.contexts.configuration.types import Configured, Setting
from upid.core.errors import UpidError
from upid.kit.etags import PreconditionFailed

pytestmark = pytest.mark.anyio

UNSET = ClusterPreferences(
    following=True,
    per_second=20,
    at_once=4,
    secrets_metadata=False,
    time_zone="UTC",
    check_interval=timedelta(minutes=1),
    excluded_namespaces=(),
)


async def put(
    program: Program, sent: AnySection, cluster: str = "prod", by: str = "ana"
) -> Configured:
    return await program.settings.change(cluster, sent, if_match=None, by=by)


def one(found: Configured, name: str) -> Setting:
    return next(setting for setting in found.settings if setting.name == name)


async def test_what_nobody_set_is_as_for_all_clusters_and_says_from_where(program: Program) -> None:
    """CFG-1: defaults, and the origin of each value."""
    found = await program.settings.section("prod", Section.THRESHOLDS)

    assert (found.revision.version, found.revision.own, found.revision.by) == (0, {}, None)
    headroom, quantile = one(found, "cpu_headroom"), one(found, "cpu_quantile")
    assert (headroom.value, headroom.own) == (0.3, None)
    assert headroom.origin == "UPID_OPTIMIZATION__CPU_HEADROOM"
    assert (quantile.value, quantile.origin, quantile.least, quantile.most) == (
        0.95,
        "default",
        0.5,
        1,
    )
    assert all(setting.meaning for setting in found.settings)


async def test_an_own_value_stands_before_the_one_of_all_clusters(program: Program) -> None:
    """CFG-1: per cluster."""
    found = await put(program, Thresholds(cpu_headroom=0.5))

    headroom = one(found, "cpu_headroom")
    assert (headroom.value, headroom.own, headroom.default) == (0.5, 0.5, 0.3)
    assert headroom.origin == "cluster"
    assert found == await program.settings.section(PROD, Section.THRESHOLDS)


async def test_what_is_set_for_one_cluster_holds_for_no_other(program: Program) -> None:
    """CFG-1: an override is of one cluster."""
    await put(program, General(following=False, excluded_namespaces=["kube-*"]))

    prod = await program.settings.preferences(PROD)
    assert (prod.following, prod.excluded_namespaces) == (False, ("kube-*",))
    assert await program.settings.preferences(TEST) == UNSET
    assert await program.settings.preferences("cl_never_heard_of") == UNSET


async def test_the_next_start_knows_what_was_set(program: Program) -> None:
    """CFG-1: settings are kept."""
    await put(program, General(requests_at_once=2))
    await put(program, General(requests_at_once=3))
    again = Program(program.db)
    assert await again.settings.preferences(PROD) == UNSET  # nothing is read before the start
    await again.settings.start()

    assert (await again.settings.preferences(PROD)).at_once == 3
    assert again.settings.own(PROD, Section.GENERAL) == {"requests_at_once": 3}


async def test_what_is_not_sent_is_not_set_any_more(program: Program) -> None:
    """CFG-1: a PUT is the whole section."""
    await put(program, General(following=False, requests_at_once=2))
    found = await put(program, General(requests_at_once=2))

    assert one(found, "following").value is True
    assert found.revision.own == {"requests_at_once": 2}
    assert (await program.settings.preferences(PROD)).following is True


async def test_of_two_versions_the_later_holds_in_whichever_order_they_are_heard_of(
    program: Program,
) -> None:
    """CFG-1: two changes may commit in one order and be heard of in the other."""
    first = await put(program, General(requests_at_once=1))
    second = await put(program, General(requests_at_once=2))
    assert (await program.settings.preferences(PROD)).at_once == 2

    program.settings._keep(second.revision)
    program.settings._keep(first.revision)
    assert (await program.settings.preferences(PROD)).at_once == 2


async def test_history_tells_who_set_what_and_when_and_what_was_before(program: Program) -> None:
    """CFG-1: history."""
    first = await put(program, Rules.model_validate({"idle": {"on": False}}), by="ana")
    program.clock.move(timedelta(hours=1))
    await put(program, Rules(), by="ben")
    await put(program, General(following=False), by="cem")  # a section of its own

    page = await program.settings.history("prod", Section.RULES, None, 10)
    assert [(r.version, r.by, r.own, r.before) for r in page.items] == [
        (2, "ben", {}, {"idle": {"on": False}}),
        (1, "ana", {"idle": {"on": False}}, {}),
    ]
    assert [r.at for r in page.items] == [program.clock.now, first.revision.at]


async def test_an_old_version_comes_back_by_sending_it_again(program: Program) -> None:
    """CFG-1: restore."""
    await put(program, Thresholds(efficiency=0.4, least_runs=5))
    await put(program, Thresholds(efficiency=0.9))
    old = (await program.settings.history("prod", Section.THRESHOLDS, None, 10)).items[-1]
    back = await put(program, Thresholds.model_validate(old.own))

    assert back.revision.version == 3
    assert back.revision.own == {"efficiency": 0.4, "least_runs": 5}
    assert program.settings.values(PROD, Section.THRESHOLDS)["efficiency"] == 0.4


async def test_a_long_history_comes_page_by_page_each_version_once(program: Program) -> None:
    """API-5: cursors."""
    for number in range(1, 8):
        await put(program, General(requests_at_once=number))
    seen, cursor = [], None
    while True:
        page = await program.settings.history("prod", Section.GENERAL, cursor, 3)
        seen += [r.version for r in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_who_has_not_seen_the_last_change_changes_nothing(program: Program) -> None:
    """CFG-1: nobody overwrites what he has not seen."""
    seen = (await program.settings.section("prod", Section.GENERAL)).tag
    await put(program, General(requests_at_once=2))

    with pytest.raises(PreconditionFailed):
        await program.settings.change("prod", General(), if_match=seen, by="ben")
    assert (await program.settings.preferences(PROD)).at_once == 2
    now = (await program.settings.section("prod", Section.GENERAL)).tag
    await program.settings.change("prod", General(), if_match=now, by="ben")


async def test_of_writers_at_the_same_moment_each_version_has_one(program: Program) -> None:
    """CFG-1: versions are counted by the database; what holds is the last of them."""
    seen = (await program.settings.section("prod", Section.GENERAL)).tag

    async def write(number: int) -> Configured | UpidError:
        try:
            return await program.settings.change(
                "prod", General(requests_at_once=number), if_match=seen, by=f"writer {number}"
            )
        except (PreconditionFailed, ConfigurationConflict) as error:
            return error

    outcomes = await asyncio.gather(*(write(number) for number in range(1, 9)))
    won = [one for one in outcomes if isinstance(one, Configured)]
    stored = await program.settings.history("prod", Section.GENERAL, None, 20)
    assert len(won) == len(stored.items) == 1
    held = (await program.settings.preferences(PROD)).at_once
    assert won[0].revision.own == {"requests_at_once": held}


async def test_an_unknown_cluster_has_no_settings(program: Program) -> None:
    """CLU-5: 404."""
    for section in Section:
        with pytest.raises(ClusterNotFound):
            await program.settings.section("nowhere", section)
    with pytest.raises(ClusterNotFound):
        await put(program, General(), cluster="nowhere")
    with pytest.raises(ClusterNotFound):
        await program.settings.history("nowhere", Section.GENERAL, None, 10)


async def outbox(program: Program) -> list[tuple[str, str, str, dict[str, object]]]:
    async with program.db.transaction() as tx:
        wanted = sa.text("SELECT topic, key, actor, payload FROM outbox ORDER BY seq")
        rows = (await tx.sql.execute(wanted)).all()
    return [(r.topic, r.key, r.actor, json.loads(r.payload)) for r in rows]


async def test_each_change_is_announced_with_what_differs_and_a_refused_one_is_not(
    program: Program,
) -> None:
    """EVT-1: the event is a row of the transaction that caused it."""
    await put(program, Rules.model_validate({"idle": {"on": False}}))
    await put(program, Rules.model_validate({"idle": {"on": False}, "cost": {"on": True}}))
    with pytest.raises(PreconditionFailed):
        await program.settings.change("prod", Rules(), if_match='"old"', by="ben")

    told: list[dict[str, object]] = [
        {"cluster_id": PROD, "section": "rules", "version": 1, "changed": ["idle.on"]},
        {"cluster_id": PROD, "section": "rules", "version": 2, "changed": ["cost.on"]},
    ]
    assert await outbox(program) == [("configuration.changed", PROD, "ana", one) for one in told]
