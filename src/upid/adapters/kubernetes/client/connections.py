"""The pooled connections to one API server, as one identity, renewed when the identity is.

HTTP/1.1, not HTTP/2: measured on Kubernetes 1.36 with 2,000 objects of 7 KB, HTTP/1.1 took 0.4 s
and 0.11 s of processor with gzip, 0.45 and 0.23 s without; HTTP/2, which is pure Python here, 0.47
and 0.12 s, and 0.62 and 0.30 s. Small requests are alike. Its one gain, many watches on one
connection, is also its fault: they break together. Compression takes *less* of our own processor,
because a list comes in two chunks an object.

The environment's proxies are not read here: `Access` names the proxy. Redirects are not followed,
so credentials go to one address only.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from urllib.parse import urlsplit

import httpx2

from upid.adapters.kubernetes import tls
from upid.adapters.kubernetes.access import Access, ClientCertificate
from upid.adapters.kubernetes.client.addressing import Addressing
from upid.adapters.kubernetes.client.errors import CertificateUnusable, ProxyFailed
from upid.adapters.kubernetes.client.failures import place, translated
from upid.adapters.kubernetes.client.limits import Limits

AGENT = f"upid/{version('upid')}"
_IDLE = 60  # seconds that an unused connection is kept
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# A peer that vanished is noticed by the kernel within 30 + 3 × 10 s, also while nothing is sent.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), amount)
        for name, amount in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]


class _Pool:
    """Connections that showed one client certificate."""

    def __init__(self, client: httpx2.AsyncClient, certificate: ClientCertificate | None) -> None:
        self.client, self.certificate = client, certificate
        self.users = 0
        self.retired = False


class Connections:
    """Connections to a cluster's API server."""

    def __init__(self, access: Access, limits: Limits) -> None:
        self._access, self._limits = access, limits
        self._addressing = Addressing(access, limits)
        self._pool: _Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        *,
        asked: str,
        silence: float,
    ) -> AsyncIterator[httpx2.Response]:
        """Yield the answer as soon as its head is there; `silence` bounds each wait for bytes."""
        target = await self._addressing.target()
        pool = await self._current()
        pool.users += 1
        extensions: dict[str, object] = {
            "timeout": httpx2.Timeout(silence, connect=self._limits.connect).as_dict()
        }
        if target.server_name:
            extensions["sni_hostname"] = target.server_name
        named = [("Host", target.host)] if target.host else []
        try:
            with translated(self._access, asked, silence):
                request = httpx2.Request(
                    method,
                    target.url + path,
                    headers=[*named, *headers, ("User-Agent", AGENT)],
                    content=body,
                    extensions=extensions,
                )
                answer = await pool.client.send(request, stream=True)
                try:
                    yield answer
                finally:
                    await answer.aclose()
        finally:
            pool.users -= 1
            await _close_unused(pool)

    def may_show_credentials(self) -> bool:
        """Return whether they stay unread on the way: over TLS, or within this machine."""
        parts = urlsplit(self._access.server)
        return parts.scheme == "https" or parts.hostname in _LOOPBACK

    async def close(self) -> None:
        """Close all connections that nobody uses; the rest as their users leave."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await _retire(pool)

    async def _current(self) -> _Pool:
        """Return the pool of the present client certificate; retire the one of another."""
        certificate = self._access.credentials.certificate()
        if self._pool is not None and self._pool.certificate == certificate:
            return self._pool
        async with self._opening:
            if self._pool is None or self._pool.certificate != certificate:
                made = await asyncio.to_thread(self._connectable, certificate)
                former, self._pool = self._pool, _Pool(made, certificate)
                if former is not None:
                    await _retire(former)
            return self._pool

    def _connectable(self, certificate: ClientCertificate | None) -> httpx2.AsyncClient:
        access = self._access
        try:
            context = tls.context(access.tls, certificate)
        except tls.Unusable as error:
            raise CertificateUnusable(access.cluster, error.which, error.why) from None
        try:
            transport = httpx2.AsyncHTTPTransport(
                verify=context,
                trust_env=False,
                proxy=access.proxy,
                socket_options=_KEEPALIVE,
                limits=httpx2.Limits(
                    max_connections=None,  # the client's own limit comes before
                    max_keepalive_connections=self._limits.concurrent,
                    keepalive_expiry=_IDLE,
                ),
            )
        except (ImportError, ValueError, httpx2.InvalidURL):
            scheme = urlsplit(access.proxy or "").scheme
            why = f"UPID cannot use a proxy of the kind {scheme!r}"
            raise ProxyFailed(access.cluster, place(access.proxy or ""), why) from None
        return httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)


async def _retire(pool: _Pool) -> None:
    pool.retired = True
    await _close_unused(pool)


async def _close_unused(pool: _Pool) -> None:
    if pool.retired and not pool.users:
        await pool.client.aclose()
