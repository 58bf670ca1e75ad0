"""Watches a cluster for a recording: a reading now and then, and what becomes of its objects."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import msgspec

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import ClusterClient
from upid.adapters.kubernetes.live import read_objects, read_usage
from upid.adapters.kubernetes.mirror import Mirror
from upid.adapters.recordings import Gathering, Remark
from upid.core.errors import UpidError
from upid.core.ports.cluster_connection import Freshness, Happened, ObjectChange, Usage
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.window import rfc3339
from upid.kit.clock import Clock

Progress = Callable[[str], None]

_ALONE = timedelta(minutes=1)  # what one reading is taken for, as in an analysis of a live cluster
_TOLERATED = 1.2  # times the cadence asked for that a metrics server may measure
_SLOWEST = 60  # seconds: what a metrics server says above it is not believed
_SHOWN = 0.5  # seconds between two lines of progress while lists are read
_MOST_REMARKS = 50
LONGEST = 300  # characters of what a cluster said


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for: how long to watch (None: one reading), and how often to look."""

    duration: timedelta | None
    every: timedelta


@dataclass(slots=True)
class _Gap:
    """Time without something; `said` is the first thing that was heard about it."""

    what: str
    said: str
    since: datetime


@dataclass(slots=True)
class Seen:
    """What is known of the cluster so far; read it once the watching has ended."""

    version: str = ""
    objects: Callable[[], Iterable[ObjectVersion]] | None = None
    start: datetime | None = None
    cadence: timedelta = _ALONE
    remarks: list[Remark] = field(default_factory=list)
    left_out: Sequence[str] = ()
    asked_too_often: bool = False


class Watching:
    """Fills a gathering from one cluster."""

    def __init__(
        self, access: Access, plan: Plan, gathering: Gathering, told: Progress, clock: Clock
    ) -> None:
        self._access, self._plan, self._gathering = access, plan, gathering
        self._told, self._clock = told, clock
        self.seen = Seen(cadence=plan.every if plan.duration else _ALONE)
        self._gaps: dict[str, _Gap] = {}
        self._since: dict[str, datetime] = {}  # uid → since when it is as it is
        self._went = 0
        self._ended = asyncio.Event()
        self._gone: set[str] = set()

    async def run(self) -> None:
        """Read once, or watch until the time is over. May be cancelled; `settled` waits for it."""
        try:
            async with ClusterClient(self._access) as client:
                if self._plan.duration is None:
                    await self._once(client)
                else:
                    await self._watch(client, self._plan.duration)
        finally:
            self._close_gaps()
            self._ended.set()

    async def settled(self) -> None:
        """Return once nothing is added any more."""
        await self._ended.wait()

    def objects(self) -> Iterable[ObjectVersion]:
        """Yield the objects as they were last seen; those that were kept as gone are left out."""
        for one in self.seen.objects() if self.seen.objects else ():
            if one.until is None or one.uid not in self._gone:
                yield one._replace(since=self._since.get(one.uid, one.since))

    # ── one reading ─────────────────────────────────────────────────────────────────────────────

    async def _once(self, client: ClusterClient) -> None:
        held = await read_objects(client, self._told)
        self._told("usage")
        now = self._clock()
        usage = await read_usage(client, now)
        self.seen.version, self.seen.left_out = held.version, held.left_out
        self.seen.start = _whole(now) - self.seen.cadence
        self.seen.objects = lambda: held.objects
        self._take(0, usage, now)

    # ── watching ────────────────────────────────────────────────────────────────────────────────

    async def _watch(self, client: ClusterClient, duration: timedelta) -> None:
        self._told("version")
        self.seen.version = str(await client.version())
        mirror = Mirror(client, clock=self._clock)
        following = asyncio.create_task(mirror.run())
        try:
            await self._load(mirror, following)
            await self._read_on(client, mirror, following, duration)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _load(self, mirror: Mirror, following: "asyncio.Task[None]") -> None:
        loading = asyncio.create_task(mirror.loaded())
        waiting = {loading, following}
        while not loading.done():
            await asyncio.wait(waiting, timeout=_SHOWN, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                loading.cancel()
                following.result()
            read = sum(mirror.following().objects.values())
            self._told(f"{read:,} objects")
        await loading
        mirror.changes()  # from here on they are noted
        self.seen.objects = mirror.objects

    async def _read_on(
        self,
        client: ClusterClient,
        mirror: Mirror,
        following: "asyncio.Task[None]",
        duration: timedelta,
    ) -> None:
        loop = asyncio.get_running_loop()
        begun, step = loop.time(), 0
        while True:
            now = self._clock()
            usage = await read_usage(client, now)
            if self.seen.start is None:
                self._begin(usage, now)
            every = self.seen.cadence.total_seconds()
            last = int(duration.total_seconds() / every)
            step = max(step, int((loop.time() - begun) / every))  # an answer may be long in coming
            self._take(step, usage, now)
            self._note(mirror, now)
            if following.done():
                self._end_early(following, now)
                return
            self._show(step, last)
            step += 1
            if step > last:
                return
            await asyncio.wait({following}, timeout=max(0.0, begun + step * every - loop.time()))

    def _begin(self, usage: Usage | str, now: datetime) -> None:
        """Fix the cadence: not faster than is measured, else most readings would tell nothing."""
        measured = _measured(usage) if isinstance(usage, Usage) else 0
        if measured > self.seen.cadence.total_seconds() * _TOLERATED:
            self.seen.cadence = timedelta(seconds=round(measured))
            self.seen.asked_too_often = True
        self.seen.start = _whole(now) - self.seen.cadence

    def _take(self, step: int, usage: Usage | str, now: datetime) -> None:
        if isinstance(usage, str):
            self._gap("usage was unknown", usage.removeprefix("usage is unknown: "), now)
            return
        self._over("usage was unknown", now)
        if self._gathering.add(step, usage):
            self._over("nothing was measured", now)
        else:
            self._gap("nothing was measured", "the metrics server has no new figures", now)

    def _note(self, mirror: Mirror, now: datetime) -> None:
        state = mirror.following()
        self.seen.left_out = state.left_out
        if state.freshness is Freshness.STALE:
            self._gap("contact with the cluster was lost", "", now)
        else:
            self._over("contact with the cluster was lost", now)
        for change in mirror.changes():
            self._changed(change)

    def _changed(self, change: ObjectChange) -> None:
        before, after = change.before, change.after
        if before is None:
            return
        since = self._since.get(before.uid, before.since)
        if change.happened is Happened.REMOVED:
            if before.uid not in self._gone:
                self._gone.add(before.uid)
                self._went += 1
                self._gathering.keep(before._replace(since=since, until=before.until or change.at))
        elif after is not None and since < change.at and _wants(before) != _wants(after):
            self._gathering.keep(before._replace(since=since, until=change.at))
            self._since[before.uid] = change.at

    def _end_early(self, following: "asyncio.Task[None]", now: datetime) -> None:
        error = following.exception()
        if not isinstance(error, UpidError):
            following.result()
        said = str(error)[:LONGEST]
        self.seen.remarks.append(Remark("watching ended early", said, rfc3339(now), rfc3339(now)))

    def _show(self, step: int, last: int) -> None:
        gathered = self._gathering
        left = (last - step) * self.seen.cadence
        went = f", {self._went:,} objects went" if self._went else ""
        self._told(
            f"reading {step + 1:,} of {last + 1:,}: {gathered.series:,} containers, "
            f"{gathered.samples:,} samples{went}, {_span(left)} left; Ctrl-C ends it and keeps this"
        )

    # ── what was not there ──────────────────────────────────────────────────────────────────────

    def _gap(self, what: str, said: str, now: datetime) -> None:
        self._gaps.setdefault(what, _Gap(what, said[:LONGEST], now))

    def _over(self, what: str, now: datetime) -> None:
        gap = self._gaps.pop(what, None)
        if gap is not None and len(self.seen.remarks) < _MOST_REMARKS:
            self.seen.remarks.append(Remark(gap.what, gap.said, rfc3339(gap.since), rfc3339(now)))

    def _close_gaps(self) -> None:
        now = self._clock()
        for what in list(self._gaps):
            self._over(what, now)


def _measured(usage: Usage) -> float:
    """Return the seconds between two measurements, as the metrics server tells; 0: it does not."""
    windows = [one.window for one in usage.nodes if one.window > 0]
    return min(median(windows), _SLOWEST) if windows else 0.0


def _wants(version: ObjectVersion) -> Any:  # noqa: ANN401  any JSON
    """Return what is wanted of an object; its status changes all the time."""
    return msgspec.json.decode(version.body).get("spec")


def _whole(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)


def _span(left: timedelta) -> str:
    minutes, seconds = divmod(int(left.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds:02} s"
