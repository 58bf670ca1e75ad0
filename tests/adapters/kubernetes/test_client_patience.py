"""When a request is asked again, and how fast requests follow; on a clock that tests move."""

from datetime import UTC, datetime

import pytest

from tests.adapters.kubernetes.client_server import (
    Answers,
    Slow,
    access_to,
    fails,
    one_after_the_other,
    says,
    serving,
    talking,
)
from upid.adapters.kubernetes.client import (
    ClusterClient,
    Limits,
    Pace,
    ServerFailed,
    TooManyRequests,
    resource,
)

pytestmark = pytest.mark.anyio

PODS = resource("v1", "pods")
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64"}


async def patiently(answers: Answers, slow: Slow, limits: Limits | None = None) -> str:
    async with serving(answers) as server:
        access = access_to(server.url)
        async with ClusterClient(access, limits or Limits(), slow.pace()) as client:
            return str(await client.version())


async def test_a_retry_after_is_never_cut_short() -> None:
    """O3: the pause is what the server said, and something more."""
    slow = Slow()
    replies = one_after_the_other(fails(429, Retry_After="7"), says(VERSION))
    await patiently(replies, slow)
    assert sum(slow.slept) >= 7


async def test_a_retry_after_holds_back_every_request_to_the_cluster() -> None:
    slow = Slow()
    replies = one_after_the_other(fails(429, Retry_After="7"), says(VERSION))
    async with talking(replies, Limits(attempts=1), slow.pace()) as (client, _server):
        with pytest.raises(TooManyRequests) as failed:
            await client.version()
        begun = slow.time
        await client.version()
    assert failed.value.retry_after == 7
    assert slow.time - begun >= 7


async def test_a_retry_after_may_be_a_date() -> None:
    slow = Slow()
    pace = slow.pace()
    at_noon = Pace(pace.now, pace.sleep, pace.draw, lambda: datetime(2026, 3, 2, 12, tzinfo=UTC))
    later = "Mon, 02 Mar 2026 12:00:09 GMT"
    replies = one_after_the_other(fails(503, Retry_After=later), says(VERSION))
    async with talking(replies, Limits(), at_noon) as (client, _server):
        await client.version()
    assert sum(slow.slept) >= 9


async def test_a_retry_after_beyond_patience_is_told_instead_of_slept() -> None:
    slow = Slow()
    with pytest.raises(TooManyRequests) as failed:
        await patiently(lambda _: fails(429, Retry_After="3600"), slow)
    assert failed.value.retry_after == 3600
    assert slow.slept == []


async def test_pauses_grow_and_are_drawn() -> None:
    pauses: dict[float, list[float]] = {}
    for chance in (0.0, 0.999):
        slow = Slow(chance=chance)
        with pytest.raises(ServerFailed):
            await patiently(lambda _: fails(503), slow)
        pauses[chance] = slow.slept
    assert pauses[0.0] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert pauses[0.999] == pytest.approx([0.2, 0.4, 0.8, 1.6], rel=0.01)


async def test_no_more_requests_a_second_than_allowed() -> None:
    """O3: a burst, then the rate."""
    slow = Slow()
    limits = Limits(per_second=10, burst=5)
    async with talking(lambda _: says(VERSION), limits, slow.pace()) as (client, _server):
        begun = slow.time
        for _ in range(25):
            await client.version()
    assert slow.time - begun == pytest.approx(2.0, abs=0.01)
