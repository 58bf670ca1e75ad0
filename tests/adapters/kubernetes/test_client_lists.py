"""Lists in pages, from a server that answers as a test says."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import msgspec
import pytest

from tests.adapters.kubernetes.client_server import (
    QUICK,
    Answers,
    Asked,
    Json,
    Reply,
    fails,
    one_after_the_other,
    page,
    says,
    talking,
)
from upid.adapters.kubernetes.client import (
    AnswerTooLarge,
    ClusterClient,
    Expired,
    Limits,
    NotKubernetes,
    ObjectMissing,
    ObjectUnreadable,
    Page,
    Portal,
    Selection,
    TimedOut,
    WhenExpired,
    resource,
)

pytestmark = pytest.mark.anyio

PODS = resource("v1", "pods")
TOO_OLD = "The provided continue parameter is too old"


class Metadata(msgspec.Struct):
    name: str


class Pod(msgspec.Struct):
    metadata: Metadata


class Gathered:
    """What a caller keeps of a list: it drops what a page that begins anew makes void."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.last: Page[Pod] | None = None

    async def take(
        self, client: ClusterClient, expired: WhenExpired = WhenExpired.CONTINUE
    ) -> None:
        async for one in client.list(PODS, Pod, expired=expired):
            if one.first:
                self.names.clear()
            self.names += [pod.metadata.name for pod in one.items]
            self.last = one


async def gathered(
    answers: Answers, limits: Limits = QUICK, expired: WhenExpired = WhenExpired.CONTINUE
) -> tuple[Gathered, list[dict[str, str]]]:
    found = Gathered()
    async with talking(answers, limits) as (client, server):
        await found.take(client, expired)
    return found, [one.query for one in server.asked]


async def test_pages_follow_each_other_to_the_end() -> None:
    replies = one_after_the_other(
        says(page(["a", "b"], "after-b")), says(page(["c"], "after-c")), says(page([]))
    )
    found, queries = await gathered(replies, Limits(page=2))
    assert found.names == ["a", "b", "c"]
    assert queries == [
        {"limit": "2"},
        {"limit": "2", "continue": "after-b"},
        {"limit": "2", "continue": "after-c"},
    ]
    assert found.last is not None
    assert found.last.consistent
    assert found.last.version == "7"


async def test_a_list_is_of_one_namespace_and_of_what_was_selected() -> None:
    async with talking(lambda _: says(page([]))) as (client, server):
        chosen = Selection("shop", labels="app in (web,db)", fields="spec.nodeName=n1")
        assert [one.items async for one in client.list(PODS, None, chosen)] == [[]]
        [asked] = server.asked
    assert asked.path == "/api/v1/namespaces/shop/pods"
    assert asked.query["labelSelector"] == "app in (web,db)"
    assert asked.query["fieldSelector"] == "spec.nodeName=n1"


async def test_the_list_of_a_server_that_writes_null_is_empty() -> None:
    body = page([]) | {"items": None}
    found, _ = await gathered(lambda _: says(body))
    assert found.names == []


async def raw(answers: Answers) -> list[bytes]:
    async with talking(answers) as (client, _):
        return [item async for one in client.list(PODS) for item in one.items]


async def test_raw_objects_are_the_servers_bytes_with_kind_and_version() -> None:
    body = (
        b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":['
        b'{"metadata":{"name":"\\u00e9","n":1.50}}, {} ,\n{ "spec":{} }]}'
    )
    assert await raw(lambda _: Reply(body=body)) == [
        b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\\u00e9","n":1.50}}',
        b'{"apiVersion":"v1","kind":"Pod"}',
        b'{"apiVersion":"v1","kind":"Pod","spec":{} }',
    ]


async def test_raw_objects_that_say_what_they_are_stay_as_they_are() -> None:
    item = {"apiVersion": "acme.com/v1", "kind": "Anvil", "metadata": {"name": "x"}}
    body = {"kind": "AnvilList", "apiVersion": "acme.com/v1", "metadata": {}, "items": [item]}
    [found] = await raw(lambda _: says(body))
    assert json.loads(found) == item
    assert found.count(b"kind") == 1


async def test_one_object_of_another_shape_hides_no_other() -> None:
    body = page(["a", "b", "c"])
    body["items"][1]["metadata"]["name"] = 7
    body["items"][1]["metadata"]["namespace"] = "shop"
    found, _ = await gathered(lambda _: says(body))
    assert found.names == ["a", "c"]
    assert found.last is not None
    [why] = found.last.unreadable
    assert why.startswith("an object without a name: Expected `str`, got `int`")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"hello": 1}, NotKubernetes),
        ({"kind": "Pod", "metadata": {"name": "a"}}, NotKubernetes),
        ({"kind": "PodList", "items": 7}, ObjectUnreadable),
        ([], ObjectUnreadable),
    ],
)
async def test_what_is_no_list_is_told(body: Json, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await gathered(lambda _: says(body))


async def test_half_an_answer_is_no_list() -> None:
    with pytest.raises(NotKubernetes):
        await gathered(lambda _: Reply(body=b'{"kind":"PodList","items":[{"metadata"'))


def expiring(times: int, onward: str = "") -> Answers:
    """Answer with two pages of which the second has expired so many times."""
    left = [times]

    def answer(asked: Asked) -> Reply:
        if asked.query.get("continue") == "after-a":
            if left[0]:
                left[0] -= 1
                return fails(410, "Expired", TOO_OLD, onward)
            return says(page(["b"]))
        if asked.query.get("continue") == onward != "":
            return says(page(["b", "c"], version="9"))
        return says(page(["a"], "after-a"))

    return answer


async def test_an_expired_list_goes_on_from_the_present_and_says_so() -> None:
    """O3: no object is listed twice, and none anew."""
    found, queries = await gathered(expiring(1, "onward"))
    assert found.names == ["a", "b", "c"]
    assert found.last is not None
    assert not found.last.consistent
    assert [one.get("continue") for one in queries] == [None, "after-a", "onward"]


async def test_an_expired_list_begins_anew_for_who_needs_one_moment() -> None:
    found, queries = await gathered(expiring(1, "onward"), expired=WhenExpired.RESTART)
    assert found.names == ["a", "b"]
    assert found.last is not None
    assert found.last.consistent
    assert all(one["limit"] == "500" for one in queries)  # in pages again, not all at once


async def test_an_expired_list_without_a_way_on_begins_anew() -> None:
    found, _ = await gathered(expiring(1))
    assert found.names == ["a", "b"]


async def test_a_list_that_always_expires_ends() -> None:
    with pytest.raises(Expired):
        await gathered(expiring(100), expired=WhenExpired.RESTART)


async def test_pages_that_are_too_large_become_smaller() -> None:
    def answer(asked: Asked) -> Reply:
        size = int(asked.query["limit"])
        return says(page([f"{one}-{'x' * 1000}" for one in range(size)]))

    found, queries = await gathered(answer, Limits(answer=100_000))
    assert [one["limit"] for one in queries] == ["500", "125", "31"]
    assert len(found.names) == 31


async def test_an_object_that_is_too_large_by_itself_is_told() -> None:
    huge = says(page(["x" * 10_000]))
    with pytest.raises(AnswerTooLarge):
        await gathered(lambda _: huge, Limits(answer=5_000))


async def test_pages_that_come_too_slowly_become_smaller() -> None:
    def answer(asked: Asked) -> Reply:
        slowness = int(asked.query["limit"]) / 1000

        async def pieces() -> AsyncGenerator[bytes]:
            body = json.dumps(page(["a"])).encode()
            yield body[:1]
            await asyncio.sleep(slowness)
            yield body[1:]

        return Reply(pieces=pieces)

    found, queries = await gathered(answer, Limits(request=0.3))
    assert found.names == ["a"]
    assert [one["limit"] for one in queries] == ["500", "125"]


async def test_a_server_that_never_begins_to_answer_is_not_asked_for_smaller_pages() -> None:
    with pytest.raises(TimedOut):
        async with talking(
            lambda _: Reply(after=60), Limits(request=0.1, attempts=2, first_pause=0.01)
        ) as (c, _):
            await Gathered().take(c)


async def test_metadata_alone_is_asked_for_where_no_content_may_travel() -> None:
    """CLU-5: of Secrets, metadata only."""
    async with talking(lambda _: says(page([]))) as (client, server):
        async for _ in client.list(resource("v1", "secrets"), metadata_only=True):
            pass
        [asked] = server.asked
    assert asked.headers["accept"] == (
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    )


async def test_a_resource_that_is_not_served_is_missing() -> None:
    with pytest.raises(ObjectMissing, match=r"nothing to list pods"):
        await gathered(lambda _: fails(404, "NotFound"))


async def test_who_does_not_await_asks_through_a_portal() -> None:
    replies = one_after_the_other(says(page(["a"], "after-a")), says(page(["b"])))
    async with talking(replies) as (reaching, _):

        async def listed() -> list[str]:
            found = Gathered()
            async with ClusterClient(reaching.access) as client:
                await found.take(client)
            return found.names

        def plainly() -> list[str]:
            with Portal() as portal:
                return portal.run(listed())

        assert await asyncio.to_thread(plainly) == ["a", "b"]


async def test_an_error_comes_out_of_a_portal_as_itself() -> None:
    async def failing() -> None:
        raise Expired("test", "list pods")

    def plainly() -> None:
        with Portal() as portal:
            portal.run(failing())

    with pytest.raises(Expired):
        await asyncio.to_thread(plainly)


async def test_a_list_that_comes_back_to_the_same_place_is_given_up() -> None:
    """O1: a hostile server's list has no end; whoever gathers it would fill memory."""
    gathering = Gathered()
    async with talking(lambda _: says(page(["a"], onward="again"))) as (client, _):
        async with asyncio.timeout(5):
            with pytest.raises(NotKubernetes, match="no end"):
                await gathering.take(client)

    assert gathering.names == ["a"]


async def test_a_list_of_more_than_any_cluster_has_is_given_up() -> None:
    """O1: also when each page is another one."""
    turns = iter(range(10))
    gathering = Gathered()
    many = replace(QUICK, objects=5)
    async with talking(lambda _: says(page(["a", "b"], f"{next(turns)}")), many) as (client, _):
        with pytest.raises(NotKubernetes, match="no end"):
            await gathering.take(client)

    assert gathering.names == ["a", "b"] * 2
