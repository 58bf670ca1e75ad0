"""Emulated servers that listen: each with a port and a certificate of its own."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.adapters.kubernetes.client_server import Server, serving
from tests.world.certificates import Authority, authority
from tests.world.emulated.cluster import EmulatedCluster, Plan
from tests.world.emulated.illness import Illness
from tests.world.emulated.way import Way

_BACKLOG = 1 << 16  # bytes read at once of what nobody answers
_WAITING = 128  # connections that are not yet taken
_SIGNING = 4  # certificates signed side by side


@dataclass
class Emulated:
    """A cluster that listens.

    taken  connections that came and got nothing, of one that is blackholed
    """

    cluster: EmulatedCluster
    way: Way
    listening: Server
    taken: list[float]

    @property
    def requests(self) -> int:
        """How many requests came."""
        return len(self.listening.asked)

    @property
    def connections(self) -> int:
        """How many connections came."""
        return self.listening.connections + len(self.taken)


@asynccontextmanager
async def emulating(folder: Path, plans: Sequence[Plan]) -> AsyncIterator[dict[str, Emulated]]:
    """Yield clusters that listen on loopback, by name; `folder` is for their certificates."""
    made = authority(folder)
    with ThreadPoolExecutor(_SIGNING) as signing:
        contexts = list(signing.map(lambda plan: _context(made, plan), plans))
    most = max(plan.pods for plan in plans)
    async with AsyncExitStack() as stack:
        found: dict[str, Emulated] = {}
        for place, (plan, context) in enumerate(zip(plans, contexts, strict=True)):
            number = plan.number if plan.number is not None else 1000 + place
            cluster = EmulatedCluster(plan, number, most)
            server = await stack.enter_async_context(serving(cluster.answers, context))
            url, taken = server.url, list[float]()
            if plan.illness is Illness.BLACKHOLED:
                url = await stack.enter_async_context(_hole(taken))
            way = Way(plan.name, url, made.certificate.read_bytes())
            found[plan.name] = Emulated(cluster, way, server, taken)
        yield found


def _context(made: Authority, plan: Plan) -> ssl.SSLContext:
    sign = made.expired if plan.illness is Illness.EXPIRED else made.server
    certificate, key = sign(plan.name, "IP:127.0.0.1", "DNS:localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


@asynccontextmanager
async def _hole(taken: list[float]) -> AsyncIterator[str]:
    """Yield the address of what takes connections, reads, and never says a byte."""
    writers: list[asyncio.StreamWriter] = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(asyncio.get_running_loop().time())
        writers.append(writer)
        try:
            while await reader.read(_BACKLOG):
                pass
        except OSError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0, backlog=_WAITING)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)  # for the tasks to see it
