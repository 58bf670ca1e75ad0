"""The judge's reading of etcd: what it makes of events, and what it refuses to guess."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.world.judge.audit import request_of
from tests.world.judge.differences import applied
from tests.world.judge.history import Event, Held, HistoryUnreadable, in_line
from tests.world.judge.joining import join
from tests.world.judge.records import Change, How, Shape


def stored(uid: str = "u", **more: Any) -> bytes:  # noqa: ANN401 - any JSON
    metadata = {"name": "p", "uid": uid, **more.pop("metadata", {})}
    return json.dumps({"kind": "Pod", "metadata": metadata, **more}).encode()


def held(*events: Event) -> Held:
    made = Held()
    for event in events:
        made.add(event)
    return made


def pod(revision: int, value: bytes | None, *, leased: bool = False) -> Event:
    return Event(revision, "/registry/pods/x/p", value, leased)


def test_each_revision_of_a_key_has_the_sides_before_and_after() -> None:
    made = held(pod(2, stored(spec={"a": 1})), pod(5, stored(spec={"a": 2})), pod(9, None))

    sides = [made.sides(write) for write in made.writes]
    how = join(made.writes, []).attributions
    changes = [
        Change(write.revision, write.shape, write.place, write.uid, *side, one)
        for write, side, one in zip(made.writes, sides, how, strict=True)
    ]

    assert [one.shape for one in changes] == [Shape.CREATE, Shape.UPDATE, Shape.DELETE]
    assert [(one.path, one.before, one.after) for one in changes[1].fields] == [("/spec/a", 1, 2)]
    assert all(applied(one.before, one.all_fields) == one.after for one in changes)
    assert {one.uid for one in changes} == {"u"}


def test_an_object_with_another_uid_is_created_even_where_its_end_was_not_seen() -> None:
    made = held(pod(2, stored("u")), pod(3, stored("v")))

    assert [(one.shape, one.uid) for one in made.writes] == [
        (Shape.CREATE, "u"),
        (Shape.CREATE, "v"),
    ]


def test_a_key_that_went_with_its_lease_expired_and_one_without_was_removed_unseen() -> None:
    leased = held(pod(2, stored(), leased=True), pod(3, None))
    plain = held(pod(2, stored()), pod(3, None))

    assert join(leased.writes, []).attributions[1].how is How.EXPIRED
    assert join(plain.writes, []).attributions[1].how is How.UNSEEN


def test_the_api_servers_notes_to_itself_are_bookkeeping() -> None:
    note = held(Event(2, "/registry/masterleases/192.0.2.1", b'{"kind":"Endpoints"}', leased=True))

    assert join(note.writes, []).attributions[0].how is How.BOOKKEEPING


def test_what_is_no_object_is_passed_over() -> None:
    assert held(Event(2, "compact_rev_key", b"1", leased=False)).writes == []


def test_what_the_api_server_stores_as_protobuf_is_refused_with_the_flag_that_helps() -> None:
    with pytest.raises(HistoryUnreadable, match="--storage-media-type=application/json"):
        held(pod(2, b"k8s\0\n\x0b"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"result": {"canceled": True, "compact_revision": "40"}}, "1 to 39 were compacted"),
        ({"result": {"canceled": True, "cancel_reason": "no leader"}}, "no leader"),
        ({"error": {"message": "unavailable"}}, "unavailable"),
    ],
)
def test_a_history_with_a_gap_is_refused(line: dict[str, Any], message: str) -> None:
    with pytest.raises(HistoryUnreadable, match=message):
        in_line(json.dumps(line), first=1)


def test_a_request_is_told_with_its_user_group_subresource_and_times() -> None:
    at = "2026-01-01T00:00:01.500000Z"
    request = request_of(
        {
            "auditID": "1",
            "stage": "ResponseComplete",
            "level": "RequestResponse",
            "requestURI": "/apis/apps/v1/namespaces/x/deployments/d/scale",
            "verb": "patch",
            "user": {"username": "ana"},
            "impersonatedUser": {"username": "ben"},
            "objectRef": {
                "resource": "deployments",
                "namespace": "x",
                "name": "d",
                "apiGroup": "apps",
                "subresource": "scale",
            },
            "responseStatus": {"code": 200},
            "responseObject": {"kind": "Scale", "metadata": {"resourceVersion": "7", "uid": "u"}},
            "requestReceivedTimestamp": at,
            "stageTimestamp": at,
        }
    )

    assert (request.user, request.acting_as) == ("ana", "ben")
    assert (request.group, str(request.place)) == ("apps", "deployments/x/d")
    assert (request.subresource, request.answered_revision, request.uid) == ("scale", 7, "u")
    assert request.received == datetime(2026, 1, 1, 0, 0, 1, 500_000, UTC)
