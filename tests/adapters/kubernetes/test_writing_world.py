"""Writing to real API servers of two versions: nothing is ever stored, and refusals say why.

What was stored is judged by the audit log and etcd's history, never by what a writer says of it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.kubernetes.writing_world import (
    OPERATION,
    Corner,
    another,
    corner,
    earlier,
    make_budget,
    missing,
    writing,
)
from tests.world.cluster import Cluster
from tests.world.control_plane import ControlPlane
from tests.world.judge import Judge, Outcome
from tests.world.waiting import wait_until
from upid.adapters.kubernetes.client import ClusterError, Forbidden, Limits, ObjectMissing
from upid.adapters.kubernetes.writing import (
    DisruptionRefused,
    FieldsOwned,
    KubernetesWriter,
    ObjectChanged,
    ObjectReplaced,
    QuotaExceeded,
    WebhookRefused,
    WriteInvalid,
)
from upid.core.errors import Kind
from upid.core.ports.cluster_writer import Amounts, Leaving, Rehearsed, Target

pytestmark = [pytest.mark.world, pytest.mark.anyio]

Call = Callable[[KubernetesWriter, Target], Awaitable[Rehearsed]]

SMALLER = {"c": Amounts({"cpu": "50m"}, {})}


def _apply(writer: KubernetesWriter, target: Target) -> Awaitable[Rehearsed]:
    """Declare a field that nobody has declared before, so that no owner is in the way."""
    return writer.apply(target, {"spec": _FREE[target.place.kind]}, OPERATION)


def _scale(writer: KubernetesWriter, target: Target) -> Awaitable[Rehearsed]:
    return writer.scale(target, 3, OPERATION)


def _resize(writer: KubernetesWriter, target: Target) -> Awaitable[Rehearsed]:
    return writer.resize(target, SMALLER, OPERATION)


def _evict(writer: KubernetesWriter, target: Target) -> Awaitable[Rehearsed]:
    return writer.evict(target, OPERATION)


def _delete(writer: KubernetesWriter, target: Target) -> Awaitable[Rehearsed]:
    return writer.delete(target, Leaving.BACKGROUND, OPERATION)


_FREE = {
    "Deployment": {"minReadySeconds": 7},
    "StatefulSet": {"minReadySeconds": 7},
    "DaemonSet": {"minReadySeconds": 7},
    "CronJob": {"startingDeadlineSeconds": 7},
    "Pod": {"activeDeadlineSeconds": 7},
}
VERBS: list[tuple[str, str, Call]] = [
    *(("apply", kind, _apply) for kind in _FREE),
    *(("delete", kind, _delete) for kind in _FREE),
    *(("scale", kind, _scale) for kind in ("Deployment", "StatefulSet")),
    ("resize", "Pod", _resize),
    ("evict", "Pod", _evict),
]
each_verb = pytest.mark.parametrize(
    ("kind", "call"), [pytest.param(kind, call, id=f"{n}-{kind}") for n, kind, call in VERBS]
)


@pytest.fixture(scope="module", params=["control_plane", "old_control_plane"])
def place(request: pytest.FixtureRequest) -> Iterator[Corner]:
    plane: ControlPlane = request.getfixturevalue(request.param)
    with corner(plane) as found:
        yield found


@pytest.fixture(scope="module")
def judge(place: Corner) -> Judge:
    """Return who has to say at the end whether anything was stored."""
    return Judge(place.cluster.control_plane.audit_log, place.cluster.control_plane.etcd)


@pytest.fixture
def quiet(place: Corner) -> Iterator[None]:
    """Fail the test if an object that nobody else writes to has another revision afterwards."""
    kinds = [kind for kind in _FREE if kind != "Pod"]  # a pod's conditions are its node's
    before = {kind: place.version(kind) for kind in kinds}
    yield
    assert {kind: place.version(kind) for kind in kinds} == before


@each_verb
async def test_what_would_be_stored_is_answered_and_nothing_is_stored(
    place: Corner, quiet: None, kind: str, call: Call
) -> None:
    """C10: a dry run first."""
    before = place.version(kind)
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place(kind))).target
        answered = json.loads((await call(writer, seen)).body)
    assert answered["kind"] in {kind, "Scale", "Status"}
    if call is _apply:
        assert answered["spec"].items() >= _FREE[kind].items()
        assert answered["metadata"]["annotations"]["upid.io/operation"] == str(OPERATION)
    if call is _scale:
        assert answered["spec"]["replicas"] == 3
    if call is _resize:
        assert answered["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "50m"
    assert place.version(kind) == before


@each_verb
async def test_another_object_of_that_name_is_not_written_to(
    place: Corner, quiet: None, kind: str, call: Call
) -> None:
    """C1: a recreated object (another UID) is never touched."""
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place(kind))).target
        with pytest.raises(ObjectReplaced) as refused:
            await call(writer, another(seen))
    assert refused.value.kind is Kind.CONFLICT


@each_verb
async def test_an_object_that_changed_since_is_not_written_to(
    place: Corner, quiet: None, kind: str, call: Call
) -> None:
    """C10: what was approved is what is sent, or nothing is."""
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place(kind))).target
        with pytest.raises(ObjectChanged):
            await call(writer, earlier(seen))


@each_verb
async def test_an_object_that_is_gone_is_not_made_anew(
    place: Corner, quiet: None, kind: str, call: Call
) -> None:
    """Server-side apply creates what is not there; the UID of what was seen forbids it."""
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place(kind))).target
        with pytest.raises(ObjectMissing):
            await call(writer, missing(seen))
    assert not place.api.exists(place.path(kind, "gone"))


@each_verb
async def test_who_may_not_write_is_told_what(place: Corner, kind: str, call: Call) -> None:
    plane = place.cluster.control_plane
    async with writing(plane) as reader:
        seen = (await reader.read(place.place(kind))).target
    async with writing(plane, "viewer") as writer:
        with pytest.raises(Forbidden, match='User "viewer" cannot'):
            await call(writer, seen)


@pytest.mark.parametrize("kind", ["DaemonSet", "CronJob"])
async def test_what_has_no_scale_cannot_be_scaled(place: Corner, quiet: None, kind: str) -> None:
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place(kind))).target
        with pytest.raises(ObjectMissing):
            await _scale(writer, seen)


async def test_a_field_of_somebody_else_is_not_taken_and_he_is_named(
    place: Corner, quiet: None
) -> None:
    """C3: no rival's field is overwritten."""
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place("Deployment"))).target
        with pytest.raises(FieldsOwned, match=r"\.spec\.replicas belong to 'world-admin'") as found:
            await writer.apply(seen, {"spec": {"replicas": 5}}, OPERATION)
    assert [(one.field, one.owner) for one in found.value.owned] == [
        (".spec.replicas", "world-admin")
    ]


async def test_a_field_that_does_not_exist_is_refused_and_not_asked_for_again(
    place: Corner, quiet: None
) -> None:
    """The server blames itself for it (500), which is no reason to try again."""
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place("Deployment"))).target
        with pytest.raises(WriteInvalid, match="replica"):
            await writer.apply(seen, {"spec": {"replica": 5}}, OPERATION)


async def test_what_would_not_be_valid_is_told_by_field(place: Corner, quiet: None) -> None:
    async with writing(place.cluster.control_plane) as writer:
        seen = (await writer.read(place.place("Pod"))).target
        with pytest.raises(WriteInvalid) as found:
            await writer.resize(seen, {"c": Amounts({}, {"cpu": "-1"})}, OPERATION)
        with pytest.raises(WriteInvalid, match="may not be added or removed"):
            await writer.resize(seen, {"other": Amounts({"cpu": "1"}, {})}, OPERATION)
    assert "spec.containers[0].resources.limits[cpu]" in found.value.details["fields"]  # type: ignore[operator]


async def test_a_disruption_budget_refuses_an_eviction_and_is_named(place: Corner) -> None:
    """C4."""
    plane = place.cluster.control_plane
    make_budget(place)
    path = place.cluster.path("poddisruptionbudgets", "strict", "policy/v1")
    try:
        if "controllers" in plane.running_programs():
            wait_until(
                "the budget to be counted",
                lambda: place.api.get(path).get("status", {}).get("currentHealthy") == 1,
                30,
            )
        async with writing(plane) as writer:
            seen = (await writer.read(place.place("Pod"))).target
            async with asyncio.timeout(5):  # it is not asked again, although the status is 429
                with pytest.raises(DisruptionRefused, match="budget strict") as refused:
                    await writer.evict(seen, OPERATION)
        assert refused.value.kind is Kind.UNSAFE
        assert place.api.exists(place.path("Pod"))
    finally:
        place.api.delete(path)


async def test_a_quota_that_has_no_room_is_named(control_plane: ControlPlane) -> None:
    with corner(control_plane) as found:
        hard = {"spec": {"hard": {"requests.cpu": "150m"}}}
        found.cluster.create("resourcequotas", {"metadata": {"name": "small"}, **hard})
        path = found.cluster.path("resourcequotas", "small")
        wait_until(
            "the quota to be counted",
            lambda: found.api.get(path).get("status", {}).get("used"),
            30,
        )
        async with writing(control_plane) as writer:
            seen = (await writer.read(found.place("Pod"))).target
            larger = {"c": Amounts({"cpu": "400m"}, {})}
            with pytest.raises(QuotaExceeded, match="exceeded quota: small"):
                await writer.resize(seen, larger, OPERATION)


async def test_a_policy_that_denies_is_named(control_plane: ControlPlane) -> None:
    """A ValidatingAdmissionPolicy; a webhook's words are in the fast tests."""
    with corner(control_plane) as found:
        name, api = found.cluster.namespace, found.api
        root = "/apis/admissionregistration.k8s.io/v1"
        rule = {
            "apiGroups": ["apps"],
            "apiVersions": ["v1"],
            "operations": ["UPDATE"],
            "resources": ["deployments"],
        }
        policy = {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "the shop is closed"}],
        }
        only = {"matchLabels": {"kubernetes.io/metadata.name": name}}
        binding = {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": only},
        }
        kinds = {
            "validatingadmissionpolicies": policy,
            "validatingadmissionpolicybindings": binding,
        }
        for resource, spec in kinds.items():
            api.create(f"{root}/{resource}", {"metadata": {"name": name}, "spec": spec})
        try:
            async with writing(control_plane) as writer:
                seen = (await writer.read(found.place("Deployment"))).target
                refused = await _denied(writer, seen)
        finally:
            for resource in kinds:
                api.delete(f"{root}/{resource}/{name}")
    assert refused.details["webhook"] == name
    assert "the shop is closed" in refused.message


async def _denied(writer: KubernetesWriter, seen: Target) -> WebhookRefused:
    """Ask until the server has come to know its policy."""
    for _ in range(100):
        try:
            await _apply(writer, seen)
        except WebhookRefused as refused:
            return refused
        await asyncio.sleep(0.2)
    pytest.fail("the policy was never heard of")


async def test_a_dry_run_in_the_query_alone_would_really_delete(cluster: Cluster) -> None:
    """Why it stands in the body: the trap itself, without the writer."""
    stored = cluster.create("configmaps", {"metadata": {"name": "trap"}})["metadata"]
    path = cluster.path("configmaps", "trap")
    cluster.api.delete(path, {"preconditions": {"uid": stored["uid"]}}, dryRun="All")
    assert not cluster.api.exists(path)


_TWISTS: list[Callable[[Target], Target]] = [lambda seen: seen, another, earlier, missing]
_STEPS = st.lists(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(_TWISTS)), min_size=1, max_size=12
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
)
@given(steps=_STEPS)
def test_any_sequence_of_writes_leaves_every_object_at_its_revision(
    place: Corner,
    steps: list[tuple[tuple[str, str, Call], Callable[[Target], Target]]],
) -> None:
    """C1, C10: as long as there is only the dry run, nothing a caller does is stored."""
    before = {kind: place.version(kind) for kind in _FREE if kind != "Pod"}
    codes = asyncio.run(_walk(place, steps))
    assert all(code.startswith("cluster_") for code in codes)
    assert {kind: place.version(kind) for kind in before} == before


async def _walk(
    place: Corner, steps: list[tuple[tuple[str, str, Call], Callable[[Target], Target]]]
) -> list[str]:
    """Take steps and return the codes of what was refused."""
    codes = []
    quick = Limits(first_pause=0.01, longest_pause=0.02)
    async with writing(place.cluster.control_plane, limits=quick) as writer:
        for (_, kind, call), twist in steps:
            seen = (await writer.read(place.place(kind))).target
            try:
                await call(writer, twist(seen))
            except ClusterError as refused:
                codes.append(refused.code)
    return codes


def test_nothing_of_all_this_was_stored_and_each_write_stands_in_the_audit_log(
    place: Corner, judge: Judge
) -> None:
    """C1, C10: judged by etcd's history and the audit log; the last of these tests but one."""
    changes = judge.changes(namespace=place.cluster.namespace)
    assert [one for one in changes if one.may_be_by("upid")] == [], judge.timeline()
    asked = judge.requests(user="upid", namespace=place.cluster.namespace)
    assert {judge.outcome(one) for one in asked} <= {
        Outcome.READ, Outcome.DRY_RUN, Outcome.REFUSED,
    }  # fmt: skip
    wrote = [one for one in asked if one.verb in {"patch", "create", "delete"}]
    assert len(wrote) > 4 * len(VERBS)
    assert all(one.audit_id.startswith(f"{OPERATION}-") for one in wrote)
    assert len({one.audit_id for one in wrote}) == len(wrote)
    assert all(one.dry_run for one in wrote)


async def test_the_judge_would_have_seen_a_write(place: Corner, judge: Judge) -> None:
    since = judge.now()
    plane = place.cluster.control_plane
    plane.api("upid").patch(place.path("CronJob"), {"metadata": {"labels": {"a": "b"}}})
    changes = judge.changes(since, namespace=place.cluster.namespace)
    assert [one.kind for one in changes if one.may_be_by("upid")] == ["CronJob"]
