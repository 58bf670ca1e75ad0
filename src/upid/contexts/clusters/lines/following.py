"""Keeps a mirror of a cluster going, and what the last one knew readable meanwhile."""

import asyncio
from dataclasses import replace

from upid.core.errors import UpidError
from upid.core.ports.cluster_connection import (
    ClusterConnection,
    ClusterMirror,
    Following,
    Freshness,
)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before a mirror that gave up goes on


class Follower:
    """Follows one cluster; a mirror that gives up goes on after a pause, where it was.

    A connection has a mirror of its own, which takes the place of the one before when it knows
    as much.

    mirror   the one that is read: the newest that has loaded, else the first
    number   how many there were; with the mirror's generation it names a state of the cluster
    trouble  why the mirror that is read no longer follows; None: it does
    """

    def __init__(self) -> None:
        self.mirror: ClusterMirror | None = None
        self.number = 0
        self.trouble: UpidError | None = None

    async def run(self, connection: ClusterConnection) -> None:
        """Follow until cancelled."""
        pause = _FIRST_PAUSE
        mirror = connection.mirror()
        while True:
            if self.mirror is None or self.mirror.following().freshness is Freshness.LOADING:
                self._take(mirror)
            try:
                await self._follow(mirror)
            except UpidError as error:
                self.trouble = error
            pause = _FIRST_PAUSE if self.mirror is mirror and _loaded(mirror) else 2 * pause
            await asyncio.sleep(min(pause, _LONGEST_PAUSE))

    def following(self) -> Following | None:
        """Return how the cluster is followed; None before there was a mirror."""
        if self.mirror is None:
            return None
        told = self.mirror.following()
        if self.trouble is None or told.freshness is not Freshness.LIVE:
            return told
        return replace(told, freshness=Freshness.STALE)

    async def _follow(self, mirror: ClusterMirror) -> None:
        """Run one mirror; it is read from when it has loaded."""
        running = asyncio.ensure_future(mirror.run())
        loaded = asyncio.ensure_future(mirror.loaded())
        try:
            await asyncio.wait({running, loaded}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await loaded
                self._take(mirror)
                self.trouble = None
            await running
        finally:
            for task in (running, loaded):
                task.cancel()
            await asyncio.gather(running, loaded, return_exceptions=True)

    def _take(self, mirror: ClusterMirror) -> None:
        if self.mirror is not mirror:
            self.mirror, self.number = mirror, self.number + 1


def _loaded(mirror: ClusterMirror) -> bool:
    return mirror.following().freshness is not Freshness.LOADING
