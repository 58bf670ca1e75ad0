"""So many at once, so many waiting in order, the rest refused at once (RELIABILITY O1).

Broken on purpose                 Red test
waiting is not bounded            beyond_the_queue
a cancelled waiter stays counted  who_stops_waiting
"""

import asyncio
from random import Random

import pytest

from upid.core.errors import Kind
from upid.kit.bulkhead import Bulkhead, BulkheadFull
from upid.kit.problems import error_response

pytestmark = pytest.mark.anyio


class Visitors:
    """Tasks that enter a bulkhead and stay until they are let go."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self.inside: list[int] = []
        self.most = 0
        self.leave = asyncio.Event()

    async def visit(self, number: int) -> None:
        async with self._bulkhead:
            self.inside.append(number)
            self.most = max(self.most, len(self.inside))
            await self.leave.wait()
            self.inside.remove(number)

    async def start(self, number: int) -> "asyncio.Task[None]":
        task = asyncio.create_task(self.visit(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task


async def test_beyond_the_queue_one_is_refused_at_once() -> None:
    visitors = Visitors(Bulkhead("prod", 2, 3))
    tasks = [await visitors.start(number) for number in range(5)]
    with pytest.raises(BulkheadFull, match="'prod'") as caught:
        async with asyncio.timeout(5):
            await visitors.visit(6)
    visitors.leave.set()
    await asyncio.gather(*tasks)

    assert visitors.most == 2
    assert caught.value.kind is Kind.BUSY
    assert error_response(caught.value).headers["retry-after"] == "1"


async def test_those_that_wait_come_in_their_order() -> None:
    order: list[int] = []
    bulkhead = Bulkhead("prod", 1, 10)

    async def visit(number: int) -> None:
        async with bulkhead:
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(visit(number) for number in range(11)))

    assert order == list(range(11))


async def test_who_stops_waiting_leaves_a_place_in_the_queue() -> None:
    visitors = Visitors(Bulkhead("prod", 1, 1))
    first = await visitors.start(1)
    for number in range(2, 6):
        waiter = await visitors.start(number)
        waiter.cancel()
        await asyncio.wait({waiter})
    last = await visitors.start(9)
    visitors.leave.set()
    await asyncio.gather(first, last)

    assert visitors.inside == []


async def test_an_error_inside_gives_the_place_back() -> None:
    bulkhead = Bulkhead("prod", 1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with bulkhead:
                raise ZeroDivisionError
    async with bulkhead:
        with pytest.raises(BulkheadFull):
            async with bulkhead:
                pass


async def test_no_place_is_lost_or_given_twice_whatever_is_cancelled() -> None:
    draw = Random(20260302)
    bulkhead, inside, most = Bulkhead("prod", 3, 5), 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with bulkhead:
            inside += 1
            most = max(most, inside)
            try:
                for _ in range(draw.randrange(4)):
                    await asyncio.sleep(0)
            finally:
                inside -= 1

    for _ in range(300):
        tasks = [asyncio.create_task(visit()) for _ in range(draw.randrange(1, 12))]
        for task in tasks:
            if draw.random() < 0.4:
                await asyncio.sleep(0)
                task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert ended is None or isinstance(ended, BulkheadFull | asyncio.CancelledError)

    assert (inside, most) == (0, 3)
    async with bulkhead, bulkhead, bulkhead:
        pass
