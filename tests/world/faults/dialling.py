"""The connections to upstream, so that a partition and the end of the proxy reach each of them."""

import asyncio
import ssl

from tests.world.faults.line import Line, Upstream


class Dialling:
    """Opens connections to one upstream and knows which are open."""

    def __init__(self, upstream: Upstream, context: ssl.SSLContext | None) -> None:
        self.upstream, self._context = upstream, context
        self._lines: set[Line] = set()

    async def dial(self) -> Line:
        """Connect. Raises OSError."""
        line = await self.upstream.dial(self._context)
        self._lines.add(line)
        return line

    async def end(self, line: Line) -> None:
        """Close a connection and wait until it is gone."""
        await line.closed()
        self._lines.discard(line)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(self.end(line) for line in list(self._lines)))

    def reset(self) -> None:
        """Break every connection."""
        for line in self._lines:
            line.reset()
