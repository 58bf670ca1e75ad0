"""Whether a cluster is there, and at which moment: asked by one small question.

So that not every kind asks a cluster that is gone, and so that a silent watch is not taken for a
quiet cluster: the question is answered by etcd itself, or not at all.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import aclosing
from datetime import datetime
from enum import Enum

from upid.adapters.kubernetes.client import Selection, resource
from upid.adapters.kubernetes.client.limits import Pace
from upid.adapters.kubernetes.mirror.habits import Habits, Readable
from upid.adapters.kubernetes.mirror.versions import is_older
from upid.core.errors import Kind, UpidError

_NODES = resource("v1", "nodes")
_ONE = Selection(fields="metadata.name=upid-pulse")  # one key, there or not: no list in etcd
_SOON = 0.2  # seconds; a doubt is looked into after so long, so that ten doubts are one question
_WAITING_HELPS = (Kind.UNREACHABLE, Kind.BUSY, Kind.CONFLICT, Kind.MISSING)


class Beat(Enum):
    """What a question to the cluster found."""

    THERE = "there"
    BACK = "back"  # after it was lost
    LOST = "lost"
    BEHIND = "behind"  # it answers from before what it had answered
    REPLACED = "replaced"  # it goes on doing so: its history is another one now


def is_hopeless(error: UpidError) -> bool:
    """Return whether waiting is no help: rights, trust, or what answers is something else."""
    return error.kind not in _WAITING_HELPS


class Contact:
    """What is known of the way to a cluster; `at` is when it was last heard of."""

    def __init__(self, client: Readable, habits: Habits, pace: Pace) -> None:
        self._client, self._habits, self._pace = client, habits, pace
        self._there, self._doubted = asyncio.Event(), asyncio.Event()
        self._there.set()
        self._moment = ""
        self._behind = self._failures = 0
        self._heard = pace.now()
        self.at: datetime | None = None

    @property
    def is_silent(self) -> bool:
        """Return whether nothing was heard for too long."""
        return self._pace.now() - self._heard > self._habits.silence

    def heard(self) -> None:
        """Note that the cluster said something that is true of now."""
        self._heard, self.at = self._pace.now(), self._pace.clock()

    def doubt(self) -> None:
        """Have the next beat come soon: something failed."""
        self._doubted.set()

    async def there(self) -> None:
        """Return when the cluster answers, as far as is known."""
        await self._there.wait()

    async def beat(self) -> Beat:
        """Ask once. Raises an `UpidError` when waiting has not helped."""
        try:
            moment = await self._ask()
        except UpidError as error:
            self._failures += 1
            self._there.clear()
            if is_hopeless(error) and self._failures >= self._habits.patience:
                raise
            return Beat.LOST
        if is_older(moment, self._moment):
            self._behind += 1
            if self._behind < self._habits.believed:
                return Beat.BEHIND
            self._came(moment)
            return Beat.REPLACED
        return self._came(moment)

    async def rest(self, beat: Beat) -> None:
        """Wait until the next beat: a while, soon in doubt, later and later when it is lost."""
        if beat in {Beat.LOST, Beat.BEHIND}:
            failures = self._failures + self._behind
            await self._pace.sleep(self._habits.pause(failures, self._pace))
        else:
            quiet = self._habits.spread(self._habits.pulse, self._pace)
            await _either(self._pace.sleep(quiet), self._doubted.wait())
            await self._pace.sleep(_SOON)
        self._doubted.clear()

    def _came(self, moment: str) -> Beat:
        back = not self._there.is_set()
        self._moment, self._behind, self._failures = moment, 0, 0
        self._there.set()
        self.heard()
        return Beat.BACK if back else Beat.THERE

    async def _ask(self) -> str:
        listed = self._client.list(_NODES, None, _ONE, metadata_only=True)
        async with aclosing(listed) as pages:
            async for page in pages:
                return page.version
        return ""


async def _either(*waits: Awaitable[object]) -> None:
    """Return when the first of some waits is over; the others are ended."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
