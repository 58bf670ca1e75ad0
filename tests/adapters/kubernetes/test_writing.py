"""How writes are spelled and what refusals mean, shown on a small server; the real ones are in
`test_writing_world.py`.

Broken on purpose, each seen red: the dry run left out of the body of a deletion, or out of the
query of a patch; the UID or the version left out of any body; `force` added to an apply; the
budget's 429 taken for a busy server; a POST let through by the client that only asks.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.kubernetes.client_server import (
    QUICK,
    Answers,
    Asked,
    Reply,
    access_to,
    says,
    serving,
)
from upid.adapters.kubernetes.client import (
    ClusterError,
    Forbidden,
    NotKubernetes,
    ObjectMissing,
    ServerFailed,
    TooManyRequests,
)
from upid.adapters.kubernetes.client.asking import Asking, Question
from upid.adapters.kubernetes.client.limits import Pace
from upid.adapters.kubernetes.writing import (
    AdmissionRefused,
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
from upid.core.ports.cluster_writer import (
    Amounts,
    DryRun,
    Leaving,
    Operation,
    Place,
    Rehearsed,
    Target,
)

pytestmark = pytest.mark.anyio

POD = Target(Place("v1", "Pod", "pods", "shop", "web-1"), "uid-1", "42")
WEB = Target(Place("apps/v1", "Deployment", "deployments", "shop", "web"), "uid-2", "43")
OPERATION = Operation("job-7")
OBJECT = {"kind": "Thing", "metadata": {}}

Call = Callable[[KubernetesWriter], Awaitable[Rehearsed]]

CALLS: dict[str, Call] = {
    "apply": lambda writer: writer.apply(WEB, {"spec": {"paused": True}}, OPERATION),
    "scale": lambda writer: writer.scale(WEB, 0, OPERATION),
    "resize": lambda writer: writer.resize(POD, {"app": Amounts({"cpu": "1"}, {})}, OPERATION),
    "evict": lambda writer: writer.evict(POD, OPERATION),
    "delete": lambda writer: writer.delete(WEB, Leaving.ORPHAN, OPERATION),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


async def _asked(call: Call, answers: Answers = lambda _: says(OBJECT)) -> list[Asked]:
    async with (
        serving(answers) as server,
        KubernetesWriter(access_to(server.url), DryRun(), QUICK) as writer,
    ):
        await call(writer)
        return server.asked


@each_call
async def test_every_write_is_a_dry_run_with_conditions_and_its_operation(call: Call) -> None:
    """C1, C10."""
    [one] = await _asked(call)
    body = json.loads(one.body)
    assert one.query["dryRun"] == "All"
    assert "force" not in one.query
    assert one.headers["audit-id"].startswith("job-7-")
    target = POD if "/pods/" in one.path else WEB
    conditions = {"uid": target.uid, "resourceVersion": target.version}
    options = body.get("deleteOptions", body)
    if one.method == "PATCH":
        assert body["metadata"].items() >= conditions.items()
        assert one.query["fieldManager"] == "upid"
        assert one.query["fieldValidation"] == "Strict"
    else:
        assert options["preconditions"] == conditions
        assert options["dryRun"] == ["All"], "a DELETE with a body does not look at its query"
    if one.method != "DELETE":  # it has no object that could be annotated
        assert body["metadata"]["annotations"] == {"upid.io/operation": "job-7"}


async def test_each_write_is_spelled_as_its_verb_demands() -> None:
    spelled = {}
    for name, call in CALLS.items():
        [one] = await _asked(call)
        spelled[name] = one.method, one.path, one.headers["content-type"]
    web, pod = "/apis/apps/v1/namespaces/shop/deployments/web", "/api/v1/namespaces/shop/pods/web-1"
    assert spelled == {
        "apply": ("PATCH", web, "application/apply-patch+yaml"),
        "scale": ("PATCH", f"{web}/scale", "application/merge-patch+json"),
        "resize": ("PATCH", f"{pod}/resize", "application/strategic-merge-patch+json"),
        "evict": ("POST", f"{pod}/eviction", "application/json"),
        "delete": ("DELETE", web, "application/json"),
    }


async def test_a_resize_names_only_what_it_changes() -> None:
    [one] = await _asked(CALLS["resize"])
    assert json.loads(one.body)["spec"] == {
        "containers": [{"name": "app", "resources": {"requests": {"cpu": "1"}}}]
    }


async def test_what_would_be_stored_is_given_as_the_server_wrote_it() -> None:
    raw = b'{"kind":"Deployment","spec":{"replicas":  0}}'
    async with (
        serving(lambda _: Reply(body=raw)) as server,
        KubernetesWriter(access_to(server.url), DryRun(), QUICK) as writer,
    ):
        assert (await CALLS["scale"](writer)).body == raw


async def test_reading_before_a_decision_asks_etcd_and_no_cache() -> None:
    stored = {"metadata": {"uid": "u", "resourceVersion": "7"}}
    async with (
        serving(lambda _: says(stored)) as server,
        KubernetesWriter(access_to(server.url), DryRun(), QUICK) as writer,
    ):
        seen = await writer.read(WEB.place)
    [one] = server.asked
    assert (one.method, one.query) == ("GET", {})  # any resourceVersion would let a cache answer
    assert seen.target == Target(WEB.place, "u", "7")


async def test_a_lost_reply_to_a_dry_run_is_asked_for_again() -> None:
    """Only because nothing is stored: a dry run may be had twice."""
    replies = iter([Reply(body=b"{", cut=True), says(OBJECT)])
    asked = await _asked(CALLS["scale"], lambda _: next(replies))
    assert [one.method for one in asked] == ["PATCH", "PATCH"]
    assert asked[0].body == asked[1].body
    assert asked[0].headers["audit-id"] != asked[1].headers["audit-id"]


@pytest.mark.parametrize("mode", [None, True, "dry-run", object()])
def test_there_is_no_writer_without_the_mode_that_stores_nothing(mode: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="no mode"):
        KubernetesWriter(access_to("http://127.0.0.1:1"), mode)
    with pytest.raises(TypeError):
        KubernetesWriter(access_to("http://127.0.0.1:1"))  # type: ignore[call-arg]


@pytest.mark.parametrize(("uid", "version"), [("", "1"), ("u", ""), ("u", "0")])
def test_a_target_without_what_was_seen_cannot_be_made(uid: str, version: str) -> None:
    with pytest.raises(ValueError, match="UID and the resourceVersion"):
        Target(WEB.place, uid, version)


@given(st.text(max_size=60))
def test_an_operation_is_safe_in_a_header_and_an_annotation(text: str) -> None:
    try:
        found = Operation(text)
    except ValueError:
        return
    assert found.id.isascii()
    assert 1 <= len(found.id) <= 40
    assert not set(found.id) - set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
    )


@pytest.mark.parametrize("name", ["metadata", "kind", "apiVersion"])
async def test_fields_that_say_which_object_it_is_cannot_be_declared(name: str) -> None:
    async with KubernetesWriter(access_to("http://127.0.0.1:1"), DryRun()) as writer:
        with pytest.raises(ValueError, match="the target's own"):
            await writer.apply(WEB, {name: {}}, OPERATION)


@pytest.mark.parametrize(
    "call",
    [
        lambda writer: writer.scale(WEB, -1, OPERATION),
        lambda writer: writer.resize(POD, {}, OPERATION),
    ],
)
async def test_what_means_nothing_is_not_sent(call: Call) -> None:
    with pytest.raises(ValueError, match=r"less than none|no container"):
        await _asked(call)


async def test_who_only_asks_cannot_write_even_by_mistake() -> None:
    """The client package sends GET, and POST to the one group that stores nothing."""
    async with serving(lambda _: says(OBJECT)) as server:
        asking = Asking(access_to(server.url), QUICK, Pace())
        try:
            with pytest.raises(ValueError, match="one who only asks"):
                await asking.ask(Question("write", "/api/v1/namespaces/shop/pods", body=b"{}"))
        finally:
            await asking.close()
        assert server.asked == []


# As API servers 1.34 and 1.36 said it, shortened; webhooks as the API server's source writes it.
REFUSALS: list[tuple[str, int, dict[str, Any], type[ClusterError], Kind]] = [
    (
        "fields owned",
        409,
        {
            "reason": "Conflict",
            "message": "Apply failed with 2 conflicts",
            "details": {
                "causes": [
                    {
                        "reason": "FieldManagerConflict",
                        "message": 'conflict with "helm" using apps/v1',
                        "field": ".spec.replicas",
                    },
                    {
                        "reason": "FieldManagerConflict",
                        "message": 'conflict with "kubectl" with subresource "scale"',
                        "field": ".spec.paused",
                    },
                ]
            },
        },
        FieldsOwned,
        Kind.CONFLICT,
    ),
    (
        "another UID, scaled",
        409,
        {"message": "Precondition failed: UID in precondition: a, UID in object meta: b"},
        ObjectReplaced,
        Kind.CONFLICT,
    ),
    (
        "another UID, evicted",
        409,
        {"message": "the UID in the precondition (a) does not match the UID in record (b)."},
        ObjectReplaced,
        Kind.CONFLICT,
    ),
    (
        "another UID, resized",
        422,
        {
            "message": "metadata.uid: Invalid value: field is immutable",
            "details": {"causes": [{"reason": "FieldValueInvalid", "field": "metadata.uid"}]},
        },
        ObjectReplaced,
        Kind.CONFLICT,
    ),
    (
        "changed",
        409,
        {"message": 'Operation cannot be fulfilled on pods "p": the object has been modified'},
        ObjectChanged,
        Kind.CONFLICT,
    ),
    (
        "gone, applied",
        409,
        {"message": "uid mismatch: the provided object specified uid a, and no existing object "
                    "was found"},
        ObjectMissing,
        Kind.MISSING,
    ),
    (
        "no right",
        403,
        {"message": 'pods "p" is forbidden: User "ana" cannot patch resource "pods/resize"'},
        Forbidden,
        Kind.DENIED,
    ),
    (
        "quota",
        403,
        {"message": 'pods "p" is forbidden: exceeded quota: small, requested: requests.cpu=300m'},
        QuotaExceeded,
        Kind.DENIED,
    ),
    (
        "limit range",
        403,
        {"message": 'pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2'},
        AdmissionRefused,
        Kind.DENIED,
    ),
    (
        "webhook",
        403,
        {"message": 'admission webhook "guard.example.com" denied the request: not on Fridays'},
        WebhookRefused,
        Kind.DENIED,
    ),
    (
        "webhook with side effects",
        400,
        {"message": 'admission webhook "guard.example.com" does not support dry run'},
        WebhookRefused,
        Kind.DENIED,
    ),
    (
        "webhook that fails",
        500,
        {"message": 'Internal error occurred: failed calling webhook "guard.example.com": EOF'},
        ServerFailed,
        Kind.UNREACHABLE,
    ),
    (
        "policy",
        422,
        {"message": "ValidatingAdmissionPolicy 'shut' with binding 'shut' denied request: no"},
        WebhookRefused,
        Kind.DENIED,
    ),
    (
        "budget",
        429,
        {
            "reason": "TooManyRequests",
            "message": "Cannot evict pod as it would violate the pod's disruption budget.",
            "details": {
                "causes": [
                    {"reason": "DisruptionBudget", "message": "The disruption budget web needs 1"}
                ]
            },
        },
        DisruptionRefused,
        Kind.UNSAFE,
    ),
    (
        "two budgets",
        500,
        {"message": "This pod has more than one PodDisruptionBudget, which the eviction "
                    "subresource does not support."},
        DisruptionRefused,
        Kind.UNSAFE,
    ),
    ("busy", 429, {"reason": "TooManyRequests"}, TooManyRequests, Kind.BUSY),
    (
        "invalid",
        422,
        {
            "message": "Pod is invalid",
            "details": {"causes": [{"reason": "FieldValueInvalid", "field": "spec.x"}]},
        },
        WriteInvalid,
        Kind.INVALID,
    ),
    (
        "unknown field",
        500,
        {"message": "failed to create typed patch object: .spec.x: field not declared in schema"},
        WriteInvalid,
        Kind.INVALID,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status", "error", "kind"), [one[1:] for one in REFUSALS], ids=[r[0] for r in REFUSALS]
)
async def test_each_refusal_says_what_it_is_and_what_to_do(
    code: int, status: dict[str, Any], error: type[ClusterError], kind: Kind
) -> None:
    with pytest.raises(error) as found:
        await _asked(CALLS["evict"], lambda _: says({"kind": "Status", **status}, code))
    assert type(found.value) is error
    assert found.value.kind is kind
    assert found.value.hint
    assert "Pod shop/web-1" in found.value.message


async def test_who_owns_fields_is_told_by_name() -> None:
    status = {"kind": "Status", **REFUSALS[0][2]}
    with pytest.raises(FieldsOwned) as found:
        await _asked(CALLS["apply"], lambda _: says(status, 409))
    assert [(one.field, one.owner) for one in found.value.owned] == [
        (".spec.replicas", "helm"),
        (".spec.paused", "kubectl"),
    ]
    assert "'helm', 'kubectl'" in found.value.message


@pytest.mark.parametrize("status", [409, 403, 422])
async def test_what_only_somebody_can_mend_is_asked_once(status: int) -> None:
    asked: list[Asked] = []

    def refuse(one: Asked) -> Reply:
        asked.append(one)
        return says({"kind": "Status", "message": "no"}, status)

    with pytest.raises(ClusterError):
        await _asked(CALLS["evict"], refuse)
    assert len(asked) == 1


async def test_a_budget_that_refuses_is_asked_once_although_it_says_when_to_come_again() -> None:
    budget = next(one[2] for one in REFUSALS if one[0] == "budget")
    asked: list[Asked] = []

    def refuse(one: Asked) -> Reply:
        asked.append(one)
        return says({"kind": "Status", **budget}, 429, Retry_After="10")

    with pytest.raises(DisruptionRefused) as found:
        await _asked(CALLS["evict"], refuse)
    assert len(asked) == 1
    assert found.value.retry_after == 10


@pytest.mark.parametrize("body", [b"[]", b"7", b"{", b'"ok"'])
async def test_an_answer_that_is_no_object_is_not_taken_for_success(body: bytes) -> None:
    with pytest.raises(NotKubernetes):
        await _asked(CALLS["scale"], lambda _: Reply(body=body))
