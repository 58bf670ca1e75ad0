"""A mirror of a simulated cluster, for tests that say what happens when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from tests.adapters.kubernetes.hand_time import HandTime
from tests.adapters.kubernetes.simulated_cluster import KINDS, SimulatedClient, SimulatedCluster
from tests.world.simulated.kinds import DEPLOYMENT, Kind
from upid.adapters.kubernetes.client import Limits
from upid.adapters.kubernetes.mirror import Habits, Mirror
from upid.core.ports.cluster_source import ObjectVersion

HABITS = Habits(pulse=2, comparison=600, longest_pause=3, silence=20, grace=2)
_DEPLOYED = {
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": "registry.local/app:1"}]},
        },
    }
}
LIMITS = Limits(per_second=1000, burst=1000, longest_pause=1, watch_silence=5, patience=20)


@dataclass
class Followed:
    """A simulated cluster, and a mirror that follows it."""

    cluster: SimulatedCluster
    mirror: Mirror
    running: "asyncio.Task[None]"

    async def advance(self, seconds: float) -> None:
        """Let time pass; raise what ended the mirror."""
        await self.cluster.time.advance(seconds)
        if self.running.done():
            self.running.result()

    async def create(self, kind: Kind, name: str) -> None:
        body = {"metadata": {"name": name}, **(_DEPLOYED if kind is DEPLOYMENT else {})}
        self.cluster.server.request("POST", kind.path("default"), None, body)
        await self._told()

    async def delete(self, kind: Kind, name: str) -> None:
        self.cluster.server.request("DELETE", kind.path("default", name))
        await self._told()

    async def _told(self) -> None:
        self.cluster.changed()
        await self.cluster.time.settle()

    def there(self, kind: Kind) -> list[str]:
        """Return the names of the objects that are there."""
        return [one.name for one in self.mirror.objects([kind.name]) if one.until is None]

    def gone(self, kind: Kind) -> list[ObjectVersion]:
        """Return the objects that are remembered."""
        return [one for one in self.mirror.objects([kind.name]) if one.until is not None]


@asynccontextmanager
async def following(
    *, cluster: SimulatedCluster | None = None, **habits: object
) -> AsyncIterator[Followed]:
    """Yield a mirror that runs; `habits` are other ones than usual."""
    there = cluster or SimulatedCluster(HandTime())
    mirror = Mirror(
        SimulatedClient(there, LIMITS),
        kinds=[(one.plural, (one.api_version,)) for one in KINDS],
        clock=there.time.today,
        pace=there.time.pace,
        habits=replace(HABITS, **habits),  # type: ignore[arg-type]
    )
    running = asyncio.create_task(mirror.run())
    try:
        await there.time.advance(1)
        yield Followed(there, mirror, running)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await running
