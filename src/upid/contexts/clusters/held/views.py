"""Questions about what a cluster holds, uses and is, for those connected and those recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from upid.contexts.clusters.errors import (
    ClusterLoading,
    ClusterNotFollowed,
    ClusterRecorded,
    SecretsNotEnabled,
)
from upid.contexts.clusters.held.asked import MOST, Asked, T
from upid.contexts.clusters.logic.standing import Standing, standing_of
from upid.contexts.clusters.types import Cluster, View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from upid.contexts.clusters.lines import Line, Lines
    from upid.contexts.clusters.service import ClusterService
    from upid.contexts.configuration import ConfigurationService
    from upid.core.ports.cluster_connection import (
        ClusterConnection,
        ConfigMapFacts,
        SecretFacts,
    )
    from upid.kit.clock import Clock


class ClusterViews:
    """Shows clusters as they are now, or as they were when their recording ended."""

    def __init__(
        self,
        clusters: ClusterService,
        lines: Lines,
        configuration: ConfigurationService,
        clock: Clock,
    ) -> None:
        self._clusters, self._lines = clusters, lines
        self._configuration, self._clock = configuration, clock

    def line(self, named: str) -> Line:
        """Return the line to a cluster. Raises ClusterNotFound, ClusterRecorded."""
        found = self._clusters.find(named)
        line = None if isinstance(found, Cluster) else self._lines.get(found.id)
        if line is None:
            raise ClusterRecorded(found.id)
        return line

    async def view(self, named: str) -> View:
        """Return what a cluster holds.

        Raises ClusterNotFound, ClusterLoading, ClusterNotFollowed.
        """
        found = self._clusters.find(named)
        if isinstance(found, Cluster):
            return await asyncio.to_thread(self._clusters.ended, found)
        try:
            return await self.line(named).view()
        except ClusterLoading:
            if not (await self._configuration.preferences(found.id)).following:
                raise ClusterNotFollowed(found.name) from None
            raise

    async def standing(self, named: str) -> tuple[View | None, Standing | None, str]:
        """Return what a cluster is and can do, or a sentence that says why that is unknown."""
        found = self._clusters.find(named)
        try:
            view = await self.view(named)
        except (ClusterLoading, ClusterNotFollowed) as error:
            return None, None, error.message
        if isinstance(found, Cluster):
            nodes = found.source.objects(["Node"])
            return view, await asyncio.to_thread(standing_of, view.snapshot, nodes, None), ""
        line = self.line(named)
        nodes = line.objects(["Node"])
        denied = [str(one.permission) for one in line.missing()]
        standing = await asyncio.to_thread(standing_of, view.snapshot, nodes, line.served, denied)
        return view, standing, ""

    async def config_maps(self, named: str, namespace: str | None) -> Asked[ConfigMapFacts]:
        """Return the ConfigMaps of a cluster or namespace, asked for now; never their values."""
        line = self.line(named)
        return await self._asked(line, lambda connection: connection.config_maps(namespace))

    async def secrets(self, named: str, namespace: str | None) -> Asked[SecretFacts]:
        """Return the metadata of Secrets, asked for now. Raises SecretsNotEnabled."""
        line = self.line(named)
        if not (await self._configuration.preferences(line.id)).secrets_metadata:
            raise SecretsNotEnabled(line.name)
        return await self._asked(line, lambda connection: connection.secrets(namespace))

    async def _asked(
        self, line: Line, question: Callable[[ClusterConnection], AsyncIterator[Sequence[T]]]
    ) -> Asked[T]:
        """Return all pages of an answer, so many objects at most."""

        async def collected(connection: ClusterConnection) -> tuple[list[T], bool]:
            found: list[T] = []
            pages = question(connection)
            try:
                async for page in pages:
                    found += page
                    if len(found) > MOST:
                        return found[:MOST], True
            finally:
                if isinstance(pages, AsyncGenerator):
                    await pages.aclose()
            return found, False

        at = self._clock()
        found, cut = await line.ask(collected)
        return Asked(line.id, at, found, cut)
