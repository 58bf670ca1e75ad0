"""Watches of a server that answers as a test says."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
import pytest

from tests.adapters.kubernetes.client_server import (
    QUICK,
    Answers,
    Asked,
    Fixed,
    Json,
    Reply,
    fails,
    failure,
    says,
    talking,
)
from upid.adapters.kubernetes.client import (
    AnswerTooLarge,
    Change,
    ClusterError,
    Event,
    Expired,
    Forbidden,
    Limits,
    NotKubernetes,
    ObjectUnreadable,
    TimedOut,
    resource,
)

pytestmark = pytest.mark.anyio

PODS = resource("v1", "pods")


class Metadata(msgspec.Struct):
    name: str = ""


class Pod(msgspec.Struct):
    metadata: Metadata


def event(change: str, name: str, version: int) -> bytes:
    metadata = {"name": name, "resourceVersion": str(version)}
    return json.dumps({"type": change, "object": {"metadata": metadata}}).encode() + b"\n"


def sends(*pieces: bytes, then: float = 0, cut: bool = False) -> Reply:
    """Return a watch that sends these pieces, is silent for some seconds and ends."""

    async def stream() -> AsyncGenerator[bytes]:
        for piece in pieces:
            yield piece
        await asyncio.sleep(then)

    return Reply(pieces=stream, cut=cut)


async def watched(
    answers: Answers, count: int, limits: Limits = QUICK, credentials: Fixed | None = None
) -> tuple[list[Event[Pod]], list[Asked]]:
    """Return the first events of a watch from version 5 on, and what the server was asked."""
    found: list[Event[Pod]] = []
    async with talking(answers, limits, credentials=credentials or Fixed(["token"])) as (
        client,
        server,
    ):
        async with aclosing(client.watch(PODS, Pod, since="5")) as events:
            async for one in events:
                found.append(one)
                if len(found) == count:
                    break
        return found, list(server.asked)


def in_turn(*replies: Reply) -> Answers:
    left = list(replies)
    return lambda _: left.pop(0) if left else sends(then=60)


async def test_events_come_as_types_with_where_they_may_be_resumed() -> None:
    lines = [event("ADDED", "a", 6), event("MODIFIED", "a", 7), event("DELETED", "a", 8)]
    found, [asked] = await watched(in_turn(sends(*lines, then=60)), 3)
    assert [(e.change, e.item and e.item.metadata.name, e.version) for e in found] == [
        (Change.ADDED, "a", "6"),
        (Change.MODIFIED, "a", "7"),
        (Change.DELETED, "a", "8"),
    ]
    assert asked.query["watch"] == "1"
    assert asked.query["allowWatchBookmarks"] == "true"
    assert asked.query["resourceVersion"] == "5"
    assert 150 <= int(asked.query["timeoutSeconds"]) <= 300
    assert asked.headers["accept-encoding"] == "identity"


async def test_events_are_found_wherever_the_bytes_are_split() -> None:
    stream = b"".join(event("ADDED", f"pod-{n}", n) for n in range(6, 16))
    for size in (1, 7, 64, 1000):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        found, _ = await watched(in_turn(sends(*pieces, then=60)), 10)
        assert [one.version for one in found] == [str(n) for n in range(6, 16)]


async def test_a_watch_that_ends_is_resumed_from_its_last_bookmark() -> None:
    first = sends(event("ADDED", "a", 6), event("BOOKMARK", "", 90))
    found, asked = await watched(in_turn(first, sends(event("ADDED", "b", 91), then=60)), 3)
    assert [(one.change, one.version) for one in found][1] == (Change.BOOKMARK, "90")
    assert found[1].item is None
    assert [one.query["resourceVersion"] for one in asked] == ["5", "90"]


async def test_a_watch_that_breaks_in_the_middle_of_an_event_is_resumed_before_it() -> None:
    half = event("ADDED", "b", 7)[:20]
    broken = sends(event("ADDED", "a", 6), half, cut=True)
    found, asked = await watched(in_turn(broken, sends(event("ADDED", "b", 7), then=60)), 2)
    assert [one.version for one in found] == ["6", "7"]
    assert asked[1].query["resourceVersion"] == "6"


async def test_a_connection_that_is_silent_for_too_long_is_taken_for_dead() -> None:
    """Half open: neither bytes nor an end; a healthy server would have sent a bookmark."""
    limits = Limits(watch_silence=0.2, first_pause=0.01)
    silent = sends(event("ADDED", "a", 6), then=60)
    found, asked = await watched(in_turn(silent, sends(event("ADDED", "b", 7), then=60)), 2, limits)
    assert [one.version for one in found] == ["6", "7"]
    assert [one.query["resourceVersion"] for one in asked] == ["5", "6"]


async def test_silence_is_no_failure_however_often_it_comes() -> None:
    """Kinds without a watch cache, such as events, send no bookmarks; nothing may happen there."""
    limits = Limits(watch_silence=0.05, first_pause=0.01, attempts=2)
    silent = [sends(then=60) for _ in range(5)]
    found, asked = await watched(in_turn(*silent, sends(event("ADDED", "a", 6))), 1, limits)
    assert found[0].version == "6"
    assert len(asked) == 6


async def test_a_moment_that_is_forgotten_ends_the_watch() -> None:
    gone: Json = {"type": "ERROR", "object": failure(410, "Expired", "too old resource version")}
    line = json.dumps(gone).encode() + b"\n"
    for reply in (sends(line), fails(410, "Expired")):
        with pytest.raises(Expired):
            await watched(in_turn(reply), 1)


async def test_an_error_that_may_pass_is_waited_out() -> None:
    hurt: Json = {"type": "ERROR", "object": failure(500, "InternalError", "etcd")}
    line = json.dumps(hurt).encode() + b"\n"
    replies = in_turn(sends(line), fails(503), fails(429), sends(event("ADDED", "a", 6), then=60))
    found, asked = await watched(replies, 1)
    assert found[0].version == "6"
    assert len(asked) == 4


async def test_a_watch_that_is_forbidden_says_so() -> None:
    with pytest.raises(Forbidden, match="watch pods"):
        await watched(in_turn(fails(403, "Forbidden")), 1)


async def test_a_watch_that_always_ends_at_once_is_given_up() -> None:
    """Otherwise a broken load balancer would be asked thousands of times a second."""
    with pytest.raises(ClusterError, match="it ended at once"):
        await watched(lambda _: sends(), 1)


async def test_credentials_are_renewed_when_a_watch_is_resumed() -> None:
    def guarded(asked: Asked) -> Reply:
        if asked.headers["authorization"] == "Bearer stale":
            return fails(401, "Unauthorized")
        return sends(event("ADDED", "a", 6), then=60)

    held = Fixed(["stale", "fresh"])
    found, asked = await watched(guarded, 1, credentials=held)
    assert found[0].version == "6"
    assert len(asked) == 2


async def test_a_server_that_does_not_begin_a_watch_times_out() -> None:
    with pytest.raises(TimedOut):
        await watched(
            lambda _: Reply(after=60), 1, Limits(request=0.1, attempts=2, first_pause=0.01)
        )


async def test_an_event_without_end_is_not_kept() -> None:
    with pytest.raises(AnswerTooLarge):
        await watched(in_turn(sends(*[b"x" * 1000] * 50, then=60)), 1, Limits(event=20_000))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, b"<html>", {"Content-Type": "text/html"}), NotKubernetes),
        (sends(b"hello\n"), NotKubernetes),
        (sends(b'{"type":"PARTY","object":{}}\n'), NotKubernetes),
        (sends(b'{"type":"ADDED","object":{"metadata":7}}\n'), ObjectUnreadable),
    ],
)
async def test_what_is_no_watch_is_told(reply: Reply, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await watched(in_turn(reply), 1)


async def test_a_watch_needs_a_moment_to_go_on_from() -> None:
    async with talking(lambda _: says({})) as (client, _):
        for anything in ("", "0"):
            with pytest.raises(ValueError, match="list's version"):
                await anext(client.watch(PODS, Pod, since=anything))
