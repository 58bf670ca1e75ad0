"""The judge's parts that read and tell: differences, the audit log, keys, findings, timelines."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.judge.audit import AuditLog, request_of
from tests.world.judge.counters import Counter, counters, endpoint_packets
from tests.world.judge.differences import ABSENT, Absent, FieldChange, applied, differences
from tests.world.judge.findings import (
    availability,
    direct_pod_deletes,
    evictions,
    exactly_once,
    foreign_overwrites,
    generation_bumps,
    labelled,
    lowest,
    resizes,
)
from tests.world.judge.keys import is_own_note, place_of
from tests.world.judge.records import Attribution, Change, How, Place, Request, Shape
from tests.world.judge.timeline import told

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "a/b~c"])
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab/~"), inner, max_size=3)
    ),
    max_leaves=8,
)
AT = datetime(2026, 1, 1, tzinfo=UTC)


@settings(max_examples=60)
@given(JSON, JSON)
def test_the_differences_applied_to_before_give_after(before: object, after: object) -> None:
    changes = differences(before, after)

    assert applied(before, changes) == after
    assert (not changes) == (
        json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    )


def test_a_field_that_is_not_there_differs_from_one_that_is_null() -> None:
    assert differences({"a": None}, {}) == (FieldChange("/a", None, ABSENT),)
    assert isinstance(ABSENT, Absent)


def event(number: int, stage: str = "ResponseComplete", **more: object) -> dict[str, Any]:
    at = (AT + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    return {
        "kind": "Event",
        "auditID": str(number),
        "stage": stage,
        "requestURI": f"/api/v1/namespaces/x/configmaps/c{number}",
        "verb": "update",
        "user": {"username": "ana"},
        "objectRef": {"resource": "configmaps", "namespace": "x", "name": f"c{number}"},
        "userAgent": "tool/1.0 (linux)",
        "requestReceivedTimestamp": at,
        "stageTimestamp": at,
        "responseStatus": {"code": 200},
        **more,
    }


def lines(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in events)


def test_every_request_in_the_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(lines(*(event(number) for number in range(50))))
    log = AuditLog(path)

    assert log.read() == 50
    assert [one.audit_id for one in log.requests] == [str(number) for number in range(50)]


def test_the_log_is_read_on_across_rotation_and_no_request_twice(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(lines(event(1, "RequestReceived"), event(1)))
    log = AuditLog(path)
    log.read()
    with path.open("a") as file:
        file.write(lines(event(2)))
    path.rename(tmp_path / "audit-2026-11-22T21-19-42.123.log")
    path.write_text(lines(event(3)))
    (tmp_path / "audit-second.log").write_text(lines(event(9)))  # another API server's

    assert log.read() == 2
    assert log.read() == 0
    assert [one.audit_id for one in log.requests] == ["1", "2", "3"]


def test_a_torn_last_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    whole = lines(event(1), event(2))
    path.write_text(whole[:-20])
    log = AuditLog(path)
    log.read()
    early = [one.audit_id for one in log.requests]
    path.write_text(whole)
    log.read()

    assert early == ["1"]
    assert [one.audit_id for one in log.requests] == ["1", "2"]
    assert log.torn == []


def test_what_follows_a_line_torn_by_a_kill_is_read_and_the_torn_part_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(lines(event(1))[:40] + lines(event(2)))
    log = AuditLog(path)
    log.read()

    assert [one.audit_id for one in log.requests] == ["2"]
    assert log.torn == [lines(event(1))[:40]]


def test_a_request_without_an_answer_is_unknown_and_bounded_by_the_next_start(
    tmp_path: Path,
) -> None:
    start = event(5, "RequestReceived", verb="delete", user={"username": "system:apiserver"})
    start["objectRef"] = {"resource": "leases", "namespace": "kube-system", "name": "apiserver-x"}
    path = tmp_path / "audit.log"
    path.write_text(lines(event(1, "RequestReceived", responseStatus=None), start))
    log = AuditLog(path)
    log.read()

    request = log.requests[0]
    assert request.unknown
    assert request.gone_by == AT + timedelta(seconds=5)


def test_a_dry_run_is_told_by_its_uri_or_by_the_body_of_a_delete() -> None:
    by_uri = event(1, requestURI="/api/v1/namespaces/x/configmaps/c1?dryRun=All")
    options = {"kind": "DeleteOptions", "dryRun": ["All"]}
    by_body = event(2, verb="delete", requestObject=options)
    evicted = event(3, requestObject={"kind": "Eviction", "deleteOptions": options})

    assert [request_of(one).dry_run for one in (by_uri, by_body, evicted, event(4))] == [
        True,
        True,
        True,
        False,
    ]


def test_the_field_manager_is_asked_for_or_else_named_by_the_user_agent() -> None:
    asked = event(1, requestURI="/api/v1/namespaces/x/configmaps/c1?fieldManager=mine&force=true")

    assert request_of(asked).field_manager == "mine"
    assert request_of(event(2)).field_manager == "tool"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("/registry/pods/x/p", Place("", "pods", "x", "p")),
        ("/registry/minions/node-1", Place("", "nodes", "", "node-1")),
        ("/registry/services/specs/x/s", Place("", "services", "x", "s")),
        ("/registry/services/endpoints/x/s", Place("", "endpoints", "x", "s")),
        ("/registry/example.org/things/x/t", Place("example.org", "things", "x", "t")),
        ("/registry/example.org/things/t", Place("example.org", "things", "", "t")),
        ("compact_rev_key", None),
    ],
)
def test_a_key_says_where_its_object_lives(key: str, place: Place | None) -> None:
    assert place_of(key) == place


def test_the_api_servers_notes_to_itself_are_known() -> None:
    assert is_own_note("/registry/masterleases/192.0.2.1")
    assert not is_own_note("/registry/pods/masterleases/p")


def pod(ready: bool = False, **metadata: str | int) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "uid": "u", "labels": {"app": "a"}, **metadata},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


ENDING: dict[str, Any] = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


class Told:
    """Changes of one pod, as a list that grows."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._objects: dict[str, dict[str, Any] | None] = {}

    def then(
        self, user: str, verb: str, after: dict[str, Any] | None, sub: str = "", uid: str = "u"
    ) -> "Told":
        place = Place("", "pods", "x", "p")
        request = Request(
            audit_id="1", user=user, verb=verb, uri="", place=place, received=AT, subresource=sub
        )
        before = self._objects.get(uid)
        shape = Shape.CREATE if before is None else Shape.UPDATE
        if after is None:
            shape = Shape.DELETE
        how = Attribution(How.ANSWERED, request, (request,)) if user else Attribution(How.UNSEEN)
        revision = len(self.changes) + 1
        self.changes.append(Change(revision, shape, place, uid, before, after, how))
        self._objects[uid] = after
        return self


def test_an_eviction_and_a_direct_delete_are_told_apart_and_counted_once_a_pod() -> None:
    made = Told()
    made.then("ana", "create", pod()).then("upid", "create", pod(), "eviction")
    made.then("upid", "create", pod(**ENDING), "eviction").then("node", "delete", None)
    made.then("ana", "create", pod(), uid="v").then("rival", "delete", pod(**ENDING), uid="v")
    made.then("node", "delete", None, uid="v")

    assert [one.revision for one in evictions(made.changes)] == [3]
    assert [one.revision for one in direct_pod_deletes(made.changes)] == [6]
    assert direct_pod_deletes(made.changes, user="upid") == []


def test_a_removal_that_nobody_is_known_for_is_not_taken_for_an_eviction() -> None:
    made = Told().then("ana", "create", pod()).then("", "", None)

    assert [one.revision for one in direct_pod_deletes(made.changes, user="upid")] == [2]


def test_a_field_that_another_wrote_last_counts_as_overwritten_unless_allowed() -> None:
    made = Told().then("ana", "create", {"metadata": {}, "spec": {"a": 1, "b": {"c": 1}}})
    made.then("upid", "update", {"metadata": {}, "spec": {"a": 2, "b": {"c": 1}}})
    made.then("upid", "update", {"metadata": {}, "spec": {"a": 3}})

    found = foreign_overwrites(made.changes, "upid")
    allowed = foreign_overwrites(made.changes, "upid", allowed=["/spec/a"])

    assert [(one.path, one.change.revision) for one in found] == [("/spec/a", 2), ("/spec/b/c", 3)]
    assert [one.path for one in allowed] == ["/spec/b/c"]
    assert foreign_overwrites(made.changes, "ana") == []


def test_ones_own_field_may_be_changed_until_another_wrote_it() -> None:
    made = Told().then("upid", "create", {"metadata": {}, "spec": {"a": 1}})
    made.then("upid", "update", {"metadata": {}, "spec": {"a": 2}})
    made.then("rival", "update", {"metadata": {}, "spec": {"a": 3}})
    made.then("upid", "update", {"metadata": {}, "spec": {"a": 2}})

    assert [one.change.revision for one in foreign_overwrites(made.changes, "upid")] == [4]
    assert foreign_overwrites(made.changes, "upid", since=4) == []


def test_resizes_are_those_through_the_subresource() -> None:
    made = Told().then("ana", "create", pod()).then("upid", "patch", pod(True), "resize")

    assert [one.revision for one in resizes(made.changes)] == [2]


def test_generation_bumps_are_counted_for_each_object_and_user() -> None:
    made = Told().then("ana", "create", pod(generation=1)).then("upid", "patch", pod(generation=2))
    made.then("upid", "patch", pod(True, generation=2)).then("ben", "patch", pod(generation=3))

    assert generation_bumps(made.changes) == {("u", "upid"): 1, ("u", "ben"): 1}


def test_available_pods_are_ready_and_not_in_deletion() -> None:
    made = Told().then("ana", "create", pod()).then("node", "patch", pod(True))
    made.then("ana", "create", pod(True), uid="v").then("upid", "create", pod(True, **ENDING))
    made.then("node", "delete", None)

    samples = availability(made.changes, labelled(app="a"))

    assert [one.pods for one in samples] == [0, 1, 2, 1, 1]
    assert lowest(samples, since=2) == 1
    assert availability(made.changes, labelled(app="b")) == []


def test_what_was_to_happen_once_and_did_not_is_told_with_its_timeline() -> None:
    made = Told().then("ana", "create", pod()).then("upid", "patch", pod(True))

    assert exactly_once(made.changes, lambda one: one.user == "upid").revision == 2
    wanted: dict[str, Callable[[Change], bool]] = {
        "found 0:\nnone of these:.*upid patch": lambda one: one.user == "ben",
        "found 2:.*ana create.*upid patch": lambda one: one.name == "p",
    }
    for message, predicate in wanted.items():
        with pytest.raises(AssertionError, match=f"(?s){message}"):
            exactly_once(made.changes, predicate)


def test_a_timeline_has_a_line_for_each_change_with_who_and_the_fields() -> None:
    made = Told().then("ana", "create", pod()).then("", "", pod(True))

    first, second = told(made.changes).splitlines()

    assert "ana create: create Pod pods/x/p" in first
    assert "[unseen]: update" in second
    assert "/status/conditions/0/status: 'False' → 'True'" in second
    assert told([]) == "(no changes)"


SAVED = """*nat
:PREROUTING ACCEPT [5:300]
[7:420] -A KUBE-SVC-A -m comment --comment "x/web:http -> 10.89.1.5:8080" -j KUBE-SEP-A
[3:180] -A KUBE-SVC-A -m comment --comment "x/web:http -> 10.89.1.6:8080" -j KUBE-SEP-B
[9:540] -A OUTPUT -j ACCEPT
COMMIT
"""


def test_packets_are_counted_by_service_and_endpoint() -> None:
    assert endpoint_packets(SAVED) == {
        ("x/web:http", "10.89.1.5:8080"): 7,
        ("x/web:http", "10.89.1.6:8080"): 3,
    }
    assert counters(SAVED)[-1] == Counter("OUTPUT", "-j ACCEPT", 9, 540)
