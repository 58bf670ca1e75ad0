"""What can be wrong with a server, and the bytes that it then gives."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable
from enum import StrEnum
from functools import cache

from tests.adapters.kubernetes.client_server import Reply, fails

_MEGABYTE = 1 << 20
_BOMB = 1000  # megabytes that the bomb becomes; on the wire it is one
_ENDLESS = 1 << 30  # bytes; nobody reads so far
_NEVER = 86_400.0  # seconds
RETRY_AFTER = 2  # seconds, of a server that is too busy
_PAGE = b"<!DOCTYPE html><html><title>Sign in</title><body>Welcome to the portal</body></html>"
_JSON = {"Content-Type": "application/json"}
_HEAD = b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":['


class Illness(StrEnum):
    """How a server behaves."""

    HEALTHY = "healthy"
    BLACKHOLED = "blackholed"  # takes connections and never says a byte, not even of TLS
    SILENT = "silent"  # speaks TLS, reads requests, never answers
    DRIPPING = "dripping"  # answers a byte a second
    HUGE = "huge"  # answers without end
    PAGE = "page"  # answers with a web page
    BROKEN = "broken"  # answers with half of a JSON document
    BOMB = "bomb"  # answers with a megabyte of gzip that becomes a gigabyte
    EXPIRED = "expired"  # shows a certificate that ended yesterday
    BUSY = "busy"  # answers 429 with Retry-After


def answer(illness: Illness, healthy: Reply) -> Reply:
    """Return what a server with an illness answers in place of a reply."""
    ill: dict[Illness, Callable[[], Reply]] = {
        Illness.SILENT: lambda: Reply(after=_NEVER),
        Illness.DRIPPING: lambda: Reply(headers=_JSON, pieces=lambda: _drops(healthy.body)),
        Illness.HUGE: lambda: Reply(headers=_JSON, pieces=_endless),
        Illness.PAGE: lambda: Reply(200, _PAGE, {"Content-Type": "text/html"}),
        Illness.BROKEN: lambda: Reply(200, healthy.body[: len(healthy.body) // 2], _JSON),
        Illness.BOMB: lambda: Reply(200, bomb(), _JSON | {"Content-Encoding": "gzip"}),
        Illness.BUSY: lambda: fails(429, "TooManyRequests", "busy", Retry_After=str(RETRY_AFTER)),
    }
    return ill[illness]() if illness in ill else healthy


@cache
def bomb() -> bytes:
    """Return a megabyte of gzip that becomes a gigabyte of JSON: blanks without end."""
    squeezing = zlib.compressobj(9, wbits=31)
    head = squeezing.compress(_HEAD) + squeezing.flush(zlib.Z_FULL_FLUSH)
    block = squeezing.compress(b" " * _MEGABYTE) + squeezing.flush(zlib.Z_FULL_FLUSH)
    return head + block * _BOMB  # after a full flush, blocks do not depend on what was before


async def _drops(body: bytes) -> AsyncGenerator[bytes]:
    for at in range(len(body)):
        yield body[at : at + 1]
        await asyncio.sleep(1)


async def _endless() -> AsyncGenerator[bytes]:
    yield _HEAD
    piece = b'{"metadata":{"name":"%b"}},' % (b"x" * 1000) * 64
    for _ in range(_ENDLESS // len(piece)):
        yield piece
        await asyncio.sleep(0)  # a connection that is closing takes all at once, and keeps it
