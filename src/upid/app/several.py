"""Several live clusters, read side by side for one command, so that none waits for a dead one.

First each is asked one small question, with little patience: who you are. What does not answer
that costs nobody else anything. Then those that did are read, a few at once; a cluster that was
read keeps its turn until somebody takes it, so that memory holds a few clusters and not all.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import ClusterClient, Limits, Portal
from upid.adapters.kubernetes.client.errors import TimedOut
from upid.adapters.kubernetes.errors import NoCluster
from upid.adapters.kubernetes.kubeconfig import Found, find_several
from upid.adapters.kubernetes.live import LiveSource, identify
from upid.app.live import INSTEAD, NothingToLookAt, Progress, Wanted, read_access
from upid.core.errors import UpidError
from upid.kit.clock import Clock, system_clock

Outcome = LiveSource | UpidError | str
"""What became of a context: its cluster, why there is none, or the context of the same cluster."""

AT_ONCE = 8  # clusters read side by side
KNOCKING = 32  # clusters asked who they are side by side; commands for credentials run then
# Who does not answer a question of one object within 10 s is not one to wait for among many.
KNOCK = Limits(connect=10, request=10, patience=10, attempts=3, answer=1 << 20)
LONGEST = 300.0  # seconds for one cluster, however many answers it takes
_ANSWERS = 10  # or so many times what the user allows for one
_NAMED = 3  # clusters that are waited for, in a line of progress


def read_clusters(
    wanted: Wanted,
    patterns: Sequence[str],
    environment: Mapping[str, str],
    home: Path,
    progress: Progress,
    clock: Clock = system_clock,
) -> Generator[tuple[str, Outcome]]:
    """Yield each context that a pattern fits with what became of it, as it is known.

    Two contexts that lead to one cluster are one cluster: it is read once, and the other context
    yields the name of the first. Raises an `UpidError` where no context can be found at all.
    """
    try:
        found = find_several(wanted.options(), patterns, environment, home)
    except NoCluster as error:
        raise NothingToLookAt(error, INSTEAD) from None
    with Portal() as portal:
        reading = portal.run(_started(found, progress, clock))
        try:
            for _ in found:
                yield portal.run(reading.take())
        finally:
            portal.run(reading.stop())


async def _started(found: Sequence[Found], progress: Progress, clock: Clock) -> "_Reading":
    return _Reading(found, progress, clock)


class _Reading:
    """The reading of all clusters, within one event loop."""

    def __init__(self, found: Sequence[Found], progress: Progress, clock: Clock) -> None:
        self._progress, self._clock = progress, clock
        self._left = {one.name: None for one in found}  # in order
        self._all = len(found)
        self._knocking, self._slots = asyncio.Semaphore(KNOCKING), asyncio.Semaphore(AT_ONCE)
        self._doors: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._read: dict[str, str] = {}  # identity → the context that it was read by
        self._known: asyncio.Queue[tuple[str, Outcome] | Exception] = asyncio.Queue(maxsize=1)
        self._tell()
        self._tasks = [asyncio.create_task(self._one(each)) for each in found]

    async def take(self) -> tuple[str, Outcome]:
        """Return the next context of which it is known what became of it."""
        known = await self._known.get()
        if isinstance(known, Exception):
            raise known  # a bug, not a cluster
        return known

    async def stop(self) -> None:
        """End what is still going on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _one(self, found: Found) -> None:
        try:
            if isinstance(found.access, UpidError):
                await self._put(found.name, found.access)
            else:
                await self._look(found.name, found.access)
        except UpidError as error:
            await self._put(found.name, error)
        except Exception as error:  # noqa: BLE001  raised where it is awaited
            await self._known.put(error)

    async def _look(self, name: str, access: Access) -> None:
        async with self._knocking, ClusterClient(access, _knock(access)) as client:
            identity = await identify(client) or _by_address(access)
        async with self._doors[identity]:
            if identity in self._read:
                await self._put(name, self._read[identity])
                return
            async with self._slots:
                source = await _whole(access, self._clock)
                self._read[identity] = name
                await self._put(name, source)

    async def _put(self, name: str, outcome: Outcome) -> None:
        del self._left[name]
        self._tell()
        await self._known.put((name, outcome))

    def _tell(self) -> None:
        """Say how many are done, and which are waited for."""
        shown = ", ".join([*self._left][:_NAMED])
        rest = len(self._left) - _NAMED
        more = f" and {rest} more" if rest > 0 else ""
        left = f"; left: {shown}{more}" if shown else ""
        self._progress(f"clusters: {self._all - len(self._left)} of {self._all} done{left}")


def _knock(access: Access) -> Limits:
    """Return how long the first answer may take: as long as the user says, where that is less."""
    if not access.timeout or access.timeout >= KNOCK.request:
        return KNOCK
    return replace(KNOCK, patience=access.timeout)


async def _whole(access: Access, clock: Clock) -> LiveSource:
    """Read a cluster within the time that one of many may take."""
    longest = LONGEST
    if access.timeout is not None:
        longest = max(LONGEST, _ANSWERS * access.timeout) if access.timeout else float("inf")
    try:
        async with asyncio.timeout(None if longest == float("inf") else longest):
            return await read_access(access, _unheard, clock)
    except TimeoutError:
        raise TimedOut(access.cluster, "show all that it holds", longest, answering=True) from None


def _unheard(_: str) -> None:
    """Say nothing of one cluster's kinds among many clusters."""


def _by_address(access: Access) -> str:
    """Return what stands for a cluster that does not say who it is: the way to it."""
    tls = access.tls
    way = (access.server, access.proxy, tls.server_name, tls.authority)
    return hashlib.sha256(repr(way).encode()).hexdigest()
