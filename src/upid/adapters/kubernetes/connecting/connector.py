"""Connections out of kubeconfigs that came over the API: data from strangers (CLU-2)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.client import ClusterClient, Limits, Pace
from upid.adapters.kubernetes.connecting.certificates import NoCertificate
from upid.adapters.kubernetes.connecting.connection import KubernetesConnection
from upid.adapters.kubernetes.connecting.identifying import identified
from upid.adapters.kubernetes.errors import KubeconfigRefused
from upid.adapters.kubernetes.stranger import taken_from_stranger
from upid.core.ports.cluster_connection import ClusterConnection, ClusterConnector, Identified
from upid.kit.clock import Clock


class KubernetesConnector(ClusterConnector):
    """Makes connections to Kubernetes clusters, within the addresses that are allowed."""

    def __init__(self, allowed: AddressPolicy, *, limits: Limits | None, clock: Clock) -> None:
        self._allowed, self._limits, self._clock = allowed, limits, clock

    def identify(self, kubeconfig: bytes, context: str = "") -> Identified:
        """Return what a kubeconfig says; no file is read, no command run, no packet sent.

        Raises `KubeconfigRefused` or `AddressRefused`.
        """
        return self._taken(kubeconfig, context)[1]

    def connect(
        self, kubeconfig: bytes, context: str = ""
    ) -> AbstractAsyncContextManager[ClusterConnection]:
        """Return a connection, open within the block; it sends nothing until it is asked."""
        access, who = self._taken(kubeconfig, context)
        client = ClusterClient(access, self._limits, Pace(clock=self._clock))
        return _open(client, KubernetesConnection(client, who, self._clock))

    def _taken(self, kubeconfig: bytes, context: str) -> tuple[Access, Identified]:
        taken = taken_from_stranger(kubeconfig, self._allowed, context=context)
        try:
            return taken.access, identified(taken.access, taken.token)
        except NoCertificate as error:
            raise KubeconfigRefused(str(error)) from None


@asynccontextmanager
async def _open(
    client: ClusterClient, connection: ClusterConnection
) -> AsyncIterator[ClusterConnection]:
    async with client:
        yield connection
