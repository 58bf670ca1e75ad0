"""The judge before a real API server and etcd, beside what the tests themselves recorded."""

import base64
import json
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.world.api import ApiError, Json
from tests.world.cluster import Cluster
from tests.world.control_plane import ControlPlane
from tests.world.judge import (
    How,
    Judge,
    Outcome,
    Shape,
    direct_pod_deletes,
    evictions,
    exactly_once,
    foreign_overwrites,
    generation_bumps,
    resizes,
)
from tests.world.judge.actors import Actor, Record, at_once

pytestmark = pytest.mark.world

CERTAIN = {How.ANSWERED, How.DEDUCED}


@pytest.fixture(scope="module")
def judge(control_plane: ControlPlane) -> Judge:
    return Judge(control_plane.audit_log, control_plane.etcd)


@pytest.fixture
def people(cluster: Cluster) -> Iterator[Callable[[str], Actor]]:
    """Yield a way to act as a user, who may do everything in this test's namespace."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{"kind": "User", "name": name} for name in ("upid", "viewer")]
    binding = {"metadata": {"name": "all"}, "roleRef": role, "subjects": subjects}
    cluster.create("rolebindings", binding, "rbac.authorization.k8s.io/v1")
    made: list[Actor] = []

    def act(user: str) -> Actor:
        api = cluster.control_plane.api(user, agent=f"{user}-tool/1.0")
        made.append(Actor(user, api, cluster.namespace))
        return made[-1]

    yield act
    for one in made:
        one.api.close()


def test_what_three_users_did_at_once_is_told_as_they_recorded_it(
    judge: Judge, cluster: Cluster, people: Callable[[str], Actor]
) -> None:
    actors = [people(user) for user in ("upid", "rival", "viewer")]
    Actor("admin", cluster.api, cluster.namespace).make_workload("w", replicas=0)
    records = at_once(actors, seed=7, operations=120)

    changes = judge.changes(namespace=cluster.namespace)

    assert len(records) >= 360
    assert len({one.verb for one in records if one.succeeded}) >= 6
    by_mark = {one.mark: one for one in records}
    told: list[Record] = []
    for change in changes:
        record = _truth(change.before, change.after, change.uid, by_mark, records)
        if record is None:
            assert change.user not in {"upid", "rival", "viewer"}
            continue
        told.append(record)
        message = f"{record} but {judge.timeline(change.revision - 1, name=change.name)[:500]}"
        if record.resource == "leases":  # logged without bodies: may be unsure, never wrong
            assert record.user in {one.user for one in change.attribution.candidates}, message
            assert change.user in {"", record.user}, message
        else:
            assert (change.user, change.verb) == (record.user, record.asked), message
            assert change.subresource == record.subresource, message
        assert change.how in CERTAIN or record.resource == "leases", message
    wrote = [one for one in records if one.wrote]
    assert sorted(told, key=str) == sorted(wrote, key=str)
    answered = [one for one in told if one.revision]
    assert [one.revision for one in answered] == sorted(one.revision for one in answered)


def _truth(
    before: Json | None,
    after: Json | None,
    uid: str,
    by_mark: dict[str, Record],
    all_: list[Record],
) -> Record | None:
    """Return who wrote a revision, by the mark that each write left, or by the UID it deleted."""
    if after is None:
        found = [one for one in all_ if one.wrote and one.verb == "delete" and one.uid == uid]
        return found[0] if found else None
    mark = _mark(after)
    return None if before is not None and _mark(before) == mark else by_mark.get(mark)


def _mark(stored: Json) -> str:
    match stored["kind"]:
        case "ConfigMap":
            return str(stored.get("data", {}).get("mark", ""))
        case "Lease":
            return str(stored["spec"].get("holderIdentity", ""))
        case "StatefulSet":
            return str(stored["spec"]["replicas"])
    return ""


def test_an_object_made_anew_under_its_name_is_another(
    judge: Judge, cluster: Cluster, people: Callable[[str], Actor]
) -> None:
    upid, rival = people("upid"), people("rival")
    path = cluster.path("configmaps", "twin")
    for maker, ender in ((upid, rival), (rival, upid)):
        maker.api.create(cluster.path("configmaps"), {"metadata": {"name": "twin"}})
        ender.api.delete(path)

    changes = judge.changes(namespace=cluster.namespace, name="twin")

    assert [(one.shape, one.user) for one in changes] == [
        (Shape.CREATE, "upid"),
        (Shape.DELETE, "rival"),
        (Shape.CREATE, "rival"),
        (Shape.DELETE, "upid"),
    ]
    assert [one.uid == changes[0].uid for one in changes] == [True, True, False, False]


def test_no_ops_dry_runs_and_conflicts_are_told_and_write_nothing(
    judge: Judge, cluster: Cluster, people: Callable[[str], Actor]
) -> None:
    upid = people("upid")
    made = cluster.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "1"}})
    path = cluster.path("configmaps", "c")
    since = judge.now()
    upid.api.patch(path, {"data": {"a": "1"}})
    upid.api.patch(path, {"data": {"a": "2"}}, dryRun="All")
    upid.api.delete(path, {"dryRun": ["All"]})
    stale = {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}}
    with pytest.raises(ApiError, match="Conflict"):
        upid.api.replace(path, stale)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "3"}}
    with pytest.raises(ApiError, match="conflict"):
        upid.api.patch(path, other, "apply", fieldManager="third")

    asked = judge.requests(user="upid", namespace=cluster.namespace, resource="configmaps")

    assert judge.changes(since, namespace=cluster.namespace, name="c") == []
    assert [judge.outcome(one) for one in asked] == [
        Outcome.NO_OP,
        Outcome.DRY_RUN,
        Outcome.DRY_RUN,
        Outcome.REFUSED,
        Outcome.REFUSED,
    ]


def test_who_took_over_whose_field_and_bumped_which_generation_is_told(
    judge: Judge, cluster: Cluster, people: Callable[[str], Actor]
) -> None:
    upid, rival = people("upid"), people("rival")
    made = rival.make_workload("w", replicas=0)
    path = cluster.path("statefulsets", "w", "apps/v1")
    upid.api.patch(f"{path}/scale", {"spec": {"replicas": 1}})
    upid.api.patch(path, {"metadata": {"labels": {"mine": "1"}}})
    upid.api.patch(path, {"metadata": {"labels": {"mine": "2"}}})

    changes = judge.changes(namespace=cluster.namespace, kind="StatefulSet")

    taken = foreign_overwrites(changes, "upid")
    assert [one.path for one in taken] == ["/spec/replicas"]
    assert taken[0].change.subresource == "scale"
    assert taken[0].earlier.user == "rival"
    assert foreign_overwrites(changes, "upid", allowed=["/spec/replicas"]) == []
    assert generation_bumps(changes) == {(made["metadata"]["uid"], "upid"): 1}


def test_evictions_resizes_and_direct_deletes_of_pods_are_told_apart(
    judge: Judge, cluster: Cluster, people: Callable[[str], Actor]
) -> None:
    upid, rival = people("upid"), people("rival")
    for name in ("evicted", "deleted", "resized", "swept"):
        upid.make_pod(name)
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "judged"}}}
    budgeted = {"metadata": {"name": "one"}, "spec": budget}
    cluster.create("poddisruptionbudgets", budgeted, "policy/v1")
    pods = cluster.path("pods")
    asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted"}}
    upid.api.create(f"{pods}/evicted/eviction", {**asked, "deleteOptions": {"dryRun": ["All"]}})
    upid.api.create(f"{pods}/evicted/eviction", asked)
    rival.api.delete(f"{pods}/deleted")
    limits = {"requests": {"cpu": "20m"}}
    resize = {"spec": {"containers": [{"name": "c", "resources": limits}]}}
    upid.api.patch(f"{pods}/resized/resize", resize, "strategic")
    rival.api.delete(pods, labelSelector="app=judged")

    changes = judge.changes(namespace=cluster.namespace, kind="Pod")

    assert [(one.name, one.user) for one in evictions(changes)] == [("evicted", "upid")]
    deleted = {(one.name, one.user, one.verb) for one in direct_pod_deletes(changes)}
    swept = {(name, "rival", "deletecollection") for name in ("resized", "swept")}
    assert deleted == {("deleted", "rival", "delete"), *swept}
    assert direct_pod_deletes(changes, user="upid") == []
    resized = exactly_once(resizes(changes), lambda one: one.user == "upid")
    assert resized.bumped
    path = "/spec/containers/0/resources/requests/cpu"
    assert [(one.before, one.after) for one in resized.fields if one.path == path] == [
        ("10m", "20m")
    ]


def test_rights_that_were_used_and_secrets_that_were_not_read_are_told(
    judge: Judge, control_plane: ControlPlane, cluster: Cluster, people: Callable[[str], Actor]
) -> None:
    before = len(judge.requests(user="viewer", resource="nodes"))
    people("viewer").api.get(cluster.path("configmaps"))
    with pytest.raises(ApiError, match="Forbidden"):
        control_plane.api("viewer").get("/api/v1/nodes")

    used = judge.granted_used("viewer")

    assert ("list", "", "configmaps", "") in used
    assert ("list", "", "nodes", "") not in used
    assert judge.requests(user="viewer", resource="secrets") == []
    refused = judge.requests(user="viewer", resource="nodes")[before:]
    assert [one.code for one in refused] == [403]


def test_what_is_written_past_the_api_server_is_seen_and_put_down_to_nobody(
    judge: Judge, cluster: Cluster
) -> None:
    since = judge.now()
    key = f"/registry/configmaps/{cluster.namespace}/ghost"
    metadata = {"name": "ghost", "namespace": cluster.namespace, "uid": "a-ghosts"}
    value = json.dumps({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata})
    body = {"key": _coded(key), "value": _coded(value)}
    httpx2.post(f"{cluster.control_plane.etcd}/v3/kv/put", json=body).raise_for_status()

    ghost = exactly_once(judge.unattributed(since), lambda one: one.name == "ghost")

    assert ghost.how is How.UNSEEN
    assert ghost.may_be_by("upid")


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
