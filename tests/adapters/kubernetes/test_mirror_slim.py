"""What is kept of an object, and what that weighs (SEC-8)."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.pod_server import pod
from upid.adapters.kubernetes.mirror.entries import entry
from upid.adapters.kubernetes.mirror.slim import NoObject, death, slim
from upid.adapters.kubernetes.mirror.squeezing import squeeze, unsqueeze
from upid.adapters.kubernetes.mirror.versions import is_newer, is_older, latest

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
POD = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "u-1",
        "resourceVersion": "7",
        "creationTimestamp": "2026-11-02T12:00:00Z",
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": '{"password": "hunter2"}',
            "example.com/report": "x" * 5000,
            "upid.io/ignore": "true",
        },
        "managedFields": [
            {
                "manager": "helm",
                "operation": "Update",
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:secret": {}}},
            }
        ],
    },
    "spec": {
        "containers": [
            {
                "name": "app",
                "image": "ana:hunter2@registry.example/shop/web:1",
                "args": ["--password=hunter2"],
                "command": ["run", "hunter2"],
                "env": [
                    {"name": "PASSWORD", "value": "hunter2"},
                    {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
                "resources": {"requests": {"cpu": "100m"}},
            }
        ]
    },
}


def encoded(tree: object) -> bytes:
    return msgspec.json.encode(tree)


def test_secrets_and_bulk_go_and_what_is_read_stays() -> None:
    found = slim(encoded(POD))
    kept = json.loads(found.body)
    assert b"hunter2" not in found.body
    assert len(found.body) < 900
    assert kept["metadata"]["annotations"] == {"upid.io/ignore": "true"}
    assert kept["metadata"]["managedFields"] == [
        {"manager": "helm", "operation": "Update", "apiVersion": "v1"}
    ]
    [container] = kept["spec"]["containers"]
    assert [one["name"] for one in container["env"]] == ["PASSWORD", "FROM"]
    assert container["resources"] == {"requests": {"cpu": "100m"}}
    assert (found.kind, found.namespace, found.name, found.uid) == ("Pod", "shop", "web", "u-1")
    assert (found.version, found.since, found.ended) == ("7", AT, None)


def test_a_list_and_a_watch_tell_of_an_object_in_the_same_bytes() -> None:
    turned = {"apiVersion": POD["apiVersion"], "kind": POD["kind"], **POD}
    assert slim(encoded(turned)).body == slim(encoded(POD)).body


def test_images_of_a_node_are_not_kept() -> None:
    status = {"images": [{"names": ["x" * 100]}] * 50, "capacity": {"cpu": "8"}}
    node = {"kind": "Node", "metadata": {"name": "n", "uid": "u"}, "status": status}
    assert json.loads(slim(encoded(node)).body)["status"] == {"capacity": {"cpu": "8"}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"kind": "Pod"}',
        b'{"kind": "Pod", "metadata": []}',
        b'{"kind": "Pod", "metadata": {"name": 5, "uid": "u"}}',
        b'{"kind": "Pod", "metadata": {"name": "a", "uid": "u", "creationTimestamp": "soon"}}',
        b'{"kind": "Pod", "metadata": {"name": "a", "uid": "u", "annotations": {"a": 5}}}',
        b'{"kind": "Pod", "metadata": {"name": "a", "uid": "u"}, "x": '
        + b"[" * 5000
        + b"]" * 5000
        + b"}",
        b'{"kind": "Pod", "metadata": {"name": "a\xff", "uid": "u"}}',
        b'{"kind":"Pod", "metadata": {"name":"a", "uid":""}, "status": {"containerStatuses": 5}}',
    ],
)
def test_what_is_no_object_is_refused_by_one_error(body: bytes) -> None:
    with pytest.raises(NoObject):
        slim(body)


@given(st.binary(max_size=60_000))
def test_what_is_squeezed_comes_back(body: bytes) -> None:
    assert unsqueeze(squeeze(body)) == body


def test_a_pod_of_seven_kilobytes_takes_less_than_one() -> None:
    """The row `pod-in-memory` of the ledger measures all of it, with tracemalloc."""
    body = b'{"kind":"Pod","apiVersion":"v1",' + pod(4711)[1:]
    assert len(body) > 6_500
    assert entry(slim(body)).weight < 1_500


def test_the_time_of_death_is_the_one_that_was_told_within_reason() -> None:
    minute = timedelta(minutes=1)
    assert death(AT, None, AT + minute) == AT + minute
    assert death(AT, AT + minute, AT + 5 * minute) == AT + minute
    assert death(AT, AT + 5 * minute, AT + minute) == AT + minute  # its grace period was not needed
    assert death(AT, AT - minute, AT + minute) > AT
    assert death(AT, None, AT - minute) > AT  # the cluster's clock is ahead of ours


def test_a_finished_pod_ended_when_its_last_container_did() -> None:
    def stopped(at: str) -> dict[str, object]:
        return {"state": {"terminated": {"finishedAt": at}}}

    one, two = stopped("2026-11-02T12:03:00Z"), stopped("2026-11-02T12:02:00Z")
    ended = {**POD, "status": {"containerStatuses": [one, two]}}
    assert slim(encoded(ended)).ended == AT + timedelta(minutes=3)
    running = {**POD, "status": {"containerStatuses": [one, {"state": {"running": {}}}]}}
    assert slim(encoded(running)).ended is None


def test_versions_that_are_numbers_are_compared_and_others_only_differ() -> None:
    assert is_older("9", "10")
    assert not is_newer("9", "10")
    assert not is_older("a9", "a10")
    assert is_newer("a9", "a10")
    assert not is_newer("a9", "a9")
    assert latest("9", "10") == latest("10", "9") == "10"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "n" * 300_000),
        ("namespace", "n" * 300_000),
        ("uid", "u" * 300_000),
        ("resourceVersion", "7" * 300_000),
        ("creationTimestamp", "9999-12-31T23:59:59-05:00"),
        ("creationTimestamp", "0001-01-01T00:00:00+05:00"),
    ],
)
def test_what_no_api_server_takes_is_no_object(field: str, value: str) -> None:
    """O1: names stand beside the squeezed body, unsqueezed, and were not weighed; times that no
    calendar has ended the mirror with an error that is none of ours."""
    with pytest.raises(NoObject):
        slim(encoded({**POD, "metadata": {**POD["metadata"], field: value}}))  # type: ignore[dict-item]


def test_an_object_made_at_the_end_of_time_can_go() -> None:
    end = datetime.max.replace(tzinfo=UTC)
    assert death(end, None, AT) == end
