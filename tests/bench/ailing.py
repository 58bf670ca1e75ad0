"""Lines to many clusters of which some are ill, in a process of its own that prints JSON.

    python -m tests.bench.ailing HEALTHY ILL SECONDS ROUNDS PAUSE

The registry's own lines, with its breakers, bulkheads and mirrors, against emulated API servers in
another process. The healthy ones are collected from alone, then beside the ill ones, in turns, so
that a busy machine is fair to both.
"""

import asyncio
import gc
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.world.emulated import Apart, Illness, Plan, Way, apart, kubeconfig
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.client import Limits
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.app.clusters import source_of
from upid.app.modules import MIGRATIONS
from upid.contexts.clusters.lines import Line, Lines, Ways
from upid.contexts.clusters.records import ClusterRecords
from upid.contexts.clusters.registered import Registered
from upid.contexts.clusters.repository import CheckRepository, ClusterRepository
from upid.contexts.clusters.service import ClusterService
from upid.contexts.clusters.settings import ClusterSettings
from upid.contexts.configuration import ClusterPreferences, ConfigurationService
from upid.contexts.configuration.repository import ConfigurationRepository
from upid.core.ports.cluster_connection import (
    ClusterConnection,
    ClusterConnector,
    Freshness,
    Identified,
    Usage,
)
from upid.kit.breaker import CircuitState
from upid.kit.clock import system_clock
from upid.kit.crypto import Keys, Vault
from upid.kit.db import Database
from upid.kit.db.migrate import upgrade

PODS = 200
EVERY = 1.0  # seconds between two collections of a cluster
LOOKS = 8  # at an ill cluster in one phase
PATIENCE = 3.0  # seconds for one look, also of a healthy cluster on a busy machine
LOADING = 120.0  # seconds for all healthy clusters to be read at first
PAGE = 4096  # bytes that the kernel counts memory in
SORTS = (
    (Illness.BLACKHOLED,),
    (Illness.DRIPPING,),
    (Illness.HUGE, Illness.PAGE, Illness.BOMB),
    (Illness.EXPIRED,),
)


@dataclass
class Asked:
    """What reached a cluster's connection: breakers and queues let it through."""

    calls: Counter[str] = field(default_factory=Counter)


class Counted(ClusterConnector):
    """A connector whose connections count what they are asked."""

    def __init__(self, inner: ClusterConnector, asked: Asked) -> None:
        self._inner, self._asked = inner, asked

    def identify(self, kubeconfig: bytes, context: str = "") -> Identified:
        """Return what the inner one does."""
        return self._inner.identify(kubeconfig, context)

    def connect(
        self, kubeconfig: bytes, context: str = ""
    ) -> AbstractAsyncContextManager[ClusterConnection]:
        """Return a connection that counts."""
        return self._counted(self._inner.connect(kubeconfig, context))

    @asynccontextmanager
    async def _counted(
        self, opening: AbstractAsyncContextManager[ClusterConnection]
    ) -> AsyncIterator[ClusterConnection]:
        async with opening as connection:
            name = connection.identified.cluster
            for method in ("look", "served", "usage"):
                setattr(connection, method, self._counting(name, getattr(connection, method)))
            yield connection

    def _counting(self, name: str, method: Any) -> Any:  # noqa: ANN401 - any of the three
        async def counted(*given: Any) -> Any:  # noqa: ANN401
            self._asked.calls[name] += 1
            return await method(*given)

        return counted


class Hurried(ConfigurationService):
    """Settings by which ill clusters are looked at often, so that breakers open within a phase.

    Healthy ones are looked at once a minute, as ever: a whole look asks for 45 permissions, and
    would be felt in whichever phase it fell.
    """

    ill: Collection[str] = ()
    every = timedelta(seconds=60)

    async def preferences(self, cluster_id: str) -> ClusterPreferences:
        """Return how a cluster is looked at."""
        found = await super().preferences(cluster_id)
        return replace(found, check_interval=self.every) if cluster_id in self.ill else found


def plans(healthy: int, ill: int) -> list[Plan]:
    """Return clusters, the ill ones of each sort in equal parts."""
    found = [Plan(f"well-{n}", pods=PODS) for n in range(healthy)]
    for n in range(ill):
        sort = SORTS[n % len(SORTS)]
        illness = sort[n // len(SORTS) % len(sort)]
        found.append(Plan(f"{illness}-{n}", pods=PODS, illness=illness))
    return found


class Bench:
    """The lines, opened and closed as a phase asks."""

    def __init__(self, lines: Lines, registered: Sequence[Registered]) -> None:
        self.lines = lines
        self.well = [one for one in registered if one.name.startswith("well-")]
        self.ill = [one for one in registered if not one.name.startswith("well-")]
        self.took: dict[str, list[list[float]]] = {"alone": [], "beside": []}  # by round
        self.memory = {"alone": 0, "beside": 0}

    async def load(self) -> None:
        """Open the lines to the healthy ones, and wait until all are read."""
        for one in self.well:
            self.lines.open(one)
        await asyncio.wait_for(asyncio.gather(*map(_live, self._lines(self.well))), LOADING)
        gc.collect()

    async def phase(self, name: str, seconds: float) -> None:
        """Collect from the healthy ones for a while, and look at memory meanwhile."""
        self.took[name].append([])
        until = time.monotonic() + seconds
        looking = asyncio.create_task(self._weigh(name))
        lines = self._lines(self.well)
        shares = [EVERY * place / len(lines) for place in range(len(lines))]
        await asyncio.gather(
            *(
                self._collect(name, line, share, until)
                for line, share in zip(lines, shares, strict=True)
            )
        )
        looking.cancel()

    async def beside(self, seconds: float) -> None:
        """The same with the ill ones beside them, which fail again and again meanwhile.

        Unmeasured is the moment at which all their lines are opened at once, as a server does at
        its start and never after; so it is with the first collections of the healthy ones.
        """
        for one in self.ill:
            self.lines.open(one)
        await asyncio.sleep(EVERY)
        await self.phase("beside", seconds)

    async def apart(self) -> None:
        """Close the lines to the ill ones."""
        for one in self.ill:
            await self.lines.close(one.id)
        gc.collect()

    def open_breakers(self) -> int:
        """Return how many of the ill ones are left alone."""
        lines = self._lines(self.ill)
        return sum(line.breaker.state is not CircuitState.CLOSED for line in lines)

    def _lines(self, of: Sequence[Registered]) -> list[Line]:
        return [line for one in of if (line := self.lines.get(one.id))]

    async def _collect(self, name: str, line: Line, first: float, until: float) -> None:
        await asyncio.sleep(first)
        while time.monotonic() < until:
            started = time.perf_counter()
            found = await line.ask(_usage)
            self.took[name][-1].append(time.perf_counter() - started)
            if not isinstance(found, Usage) or len(found.containers) != PODS:
                raise RuntimeError(f"{line.name} told something else: {found!r:.200}")
            await asyncio.sleep(EVERY)

    async def _weigh(self, name: str) -> None:
        while True:
            self.memory[name] = max(self.memory[name], _weight())
            await asyncio.sleep(0.02)


def _weight() -> int:
    """Return the bytes of memory that this process takes now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def _live(line: Line) -> None:
    told = line.following()
    while told is None or told.freshness is not Freshness.LIVE:
        await asyncio.sleep(0.05)
        told = line.following()


async def _usage(connection: ClusterConnection) -> Usage | str:
    return await connection.usage()


def registration(place: int, way: Way) -> Registered:
    """Return a cluster as it was registered while it was well."""
    now = datetime.now(UTC)
    return Registered(
        id=f"cl_{place:016x}",
        name=way.name,
        labels={},
        identity=f"{place:064x}",
        server=way.url,
        context=way.name,
        user="ana",
        proof="token",
        version="v1.36.2",
        created=now,
        updated=now,
    )


async def measured(
    found: Apart, folder: Path, seconds: float, rounds: int, settings: ClusterSettings
) -> dict[str, Any]:
    """Return what collections took alone and beside the ill, what it weighed, what was asked."""
    asked = Asked()
    database = Database(f"sqlite:///{folder / 'upid.db'}")
    vault = Vault(Keys.from_file(folder / "key"))
    clusters = ClusterService()
    configuration = Hurried(
        database, ConfigurationRepository, lambda named: named, {}, system_clock
    )
    records = ClusterRecords(
        database, ClusterRepository, CheckRepository, lambda: vault, settings.checks_kept
    )
    connector = Counted(
        KubernetesConnector(
            AddressPolicy.allowing(settings.allowed_networks),
            limits=Limits(patience=settings.look_timeout.total_seconds()),
            clock=system_clock,
        ),
        asked,
    )
    ways = Ways(lambda _, __: connector, configuration, records, source_of, settings, system_clock)
    registered = [registration(place, way) for place, way in enumerate(found.ways.values())]
    configuration.ill = {one.id for one in registered if not one.name.startswith("well-")}
    configuration.every = timedelta(seconds=seconds / LOOKS)
    async with database.transaction() as tx:
        for one in registered:
            config = kubeconfig(folder / "config", [found.ways[one.name]]).read_bytes()
            await records.clusters(tx).add(one, records.sealed(one.id, config))
    bench = Bench(Lines(ways, clusters), registered)
    opened = 0
    try:
        await bench.load()
        await bench.phase("alone", 2 * EVERY)  # unmeasured: what is first is slow
        bench.took["alone"].clear()
        for _ in range(rounds):
            await bench.phase("alone", seconds)
            await bench.beside(seconds)
            opened = bench.open_breakers()
            await bench.apart()
    finally:
        await bench.lines.stop()
        await database.close()
    ill = {one.name: asked.calls[one.name] for one in bench.ill}
    return {
        "took": bench.took,
        "memory": bench.memory,
        "open": opened,
        "ill": len(bench.ill),
        "rounds": rounds,
        "asked": ill,
        "came": {name: found.counts(name).connections for name in ill},
    }


def run(healthy: int, ill: int, seconds: float, rounds: int, pause: float) -> dict[str, Any]:
    """Return what one run measured; `pause` is that of the breakers."""
    settings = ClusterSettings(
        allowed_networks=("127.0.0.0/8",),
        look_timeout=timedelta(seconds=max(PATIENCE, seconds / LOOKS)),
        pause=timedelta(seconds=pause),
    )
    with tempfile.TemporaryDirectory() as folder, apart(plans(healthy, ill)) as found:
        home = Path(folder)
        upgrade(f"sqlite:///{home / 'upid.db'}", MIGRATIONS)
        return asyncio.run(measured(found, home, seconds, rounds, settings))


if __name__ == "__main__":
    sizes = [int(one) for one in sys.argv[1:]]
    print(json.dumps(run(*sizes)))
