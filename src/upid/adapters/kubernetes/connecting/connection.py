"""One cluster as UPID asks it."""

from collections.abc import AsyncIterator, Sequence

from upid.adapters.kubernetes.client import ClusterClient, Discovery
from upid.adapters.kubernetes.connecting import holding
from upid.adapters.kubernetes.connecting.looking import look
from upid.adapters.kubernetes.live import read_usage
from upid.adapters.kubernetes.mirror import Mirror
from upid.core.ports.cluster_connection import (
    ClusterConnection,
    ClusterMirror,
    ConfigMapFacts,
    Identified,
    Permission,
    Reach,
    SecretFacts,
    Served,
    Usage,
)
from upid.kit.clock import Clock


class KubernetesConnection(ClusterConnection):
    """A cluster, asked by a client as one user. Whoever made the client closes it."""

    def __init__(self, client: ClusterClient, identified: Identified, clock: Clock) -> None:
        self.identified = identified
        self._client, self._clock = client, clock

    async def look(self, wanted: Sequence[Permission]) -> Reach:
        """Return whether the cluster answers, who it is, and which permissions it grants."""
        return await look(self._client, wanted, self._clock)

    async def served(self) -> Served:
        """Return what the server serves."""
        version = await self._client.version()
        return served(str(version), await self._client.discovery())

    async def usage(self) -> Usage | str:
        """Return what containers and nodes use now, or a sentence that says why it is unknown."""
        return await read_usage(self._client, self._clock())

    def config_maps(self, namespace: str | None) -> AsyncIterator[Sequence[ConfigMapFacts]]:
        """Yield the ConfigMaps of a namespace, or all, page by page."""
        return holding.config_maps(self._client, namespace)

    def secrets(self, namespace: str | None) -> AsyncIterator[Sequence[SecretFacts]]:
        """Yield the Secrets of a namespace, or all, page by page."""
        return holding.secrets(self._client, namespace)

    def mirror(self) -> ClusterMirror:
        """Return a mirror of this cluster; it does nothing until it is run."""
        return Mirror(self._client, clock=self._clock)


def served(version: str, discovery: Discovery) -> Served:
    """Return what a server serves, by groups; versions of a group are taken together."""
    groups: dict[str, set[str]] = {_group(one): set() for one in discovery.versions}
    for kind in discovery.served:
        names = groups.setdefault(kind.resource.group, set())
        names.add(kind.resource.plural)
        names.update(f"{kind.resource.plural}/{part}" for part in kind.parts)
    failing = {_group(one) for one in discovery.failed} - set(groups)
    there = {group: tuple(sorted(names)) for group, names in sorted(groups.items())}
    return Served(version, there, tuple(sorted(failing)))


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]
