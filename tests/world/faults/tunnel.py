"""Bytes both ways, after 101 or for a protocol that the proxy does not understand."""

import asyncio
from contextlib import suppress

from tests.world.faults.line import ClientLeft, Line
from tests.world.faults.outlet import Cut, Outlet


async def tunnel(client: Line, early: bytes, upstream: Line, late: bytes, outlet: Outlet) -> None:
    """Pass bytes until both sides have ended, or one broke.

    early, late  what the client and upstream had already sent
    """

    async def upward() -> None:
        content = early
        while content or (content := await client.read()):
            await upstream.write(content)
            content = b""
        upstream.end_writing()

    async def downward() -> None:
        content = late
        while content or (content := await upstream.read()):
            await outlet.body(content, client.write)
            content = b""
        client.end_writing()

    async def broken(way: "asyncio.Task[None]") -> bool:
        with suppress(OSError, Cut, ClientLeft):
            await way
            return False
        return True

    ways = asyncio.ensure_future(upward()), asyncio.ensure_future(downward())
    try:
        for first in asyncio.as_completed([broken(way) for way in ways]):
            if await first:
                break
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
