"""Where connections go: the server as it is named, or an address of it that is permitted (SEC-6).

Where addresses are restricted, the name is resolved here and the connection goes to the very
address that was judged, so a name that resolves to another one a moment later leads nowhere else.
TLS still expects the name.
"""

import asyncio
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from upid.adapters.kubernetes.access import Access, Addresses
from upid.adapters.kubernetes.client.errors import NameUnknown, TimedOut
from upid.adapters.kubernetes.client.failures import place
from upid.adapters.kubernetes.client.limits import Limits
from upid.adapters.kubernetes.errors import AddressRefused

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes.

    url          what the paths of the API are appended to
    host         the header Host, where it is not the URL's
    server_name  what TLS expects, where it is not the URL's
    """

    url: str
    host: str | None
    server_name: str | None


class Addressing:
    """Says where requests to one server go."""

    def __init__(self, access: Access, limits: Limits) -> None:
        self._access, self._limits = access, limits
        self._named = Target(access.server.rstrip("/"), None, access.tls.server_name)

    async def target(self) -> Target:
        """Return where to go; raise `AddressRefused` where nothing permitted is left.

        Each request asks: the system's resolver remembers, and what it says is judged anew.
        """
        permitted = self._access.addresses
        if permitted is None:
            return self._named
        if self._access.proxy:
            why = "a proxy would choose the address, and addresses are restricted here"
            raise AddressRefused(place(self._access.proxy), why)
        return self._pinned(await self._judged(permitted))

    async def _judged(self, permitted: Addresses) -> str:
        """Return the first permitted address of the server."""
        parts = urlsplit(self._named.url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
        found = await self._resolved(host, port)
        for address in found:
            if permitted.permits(address):
                return address
        raise AddressRefused(host, f"it leads to {', '.join(found)}")

    async def _resolved(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        cluster, seconds = self._access.cluster, self._limits.connect
        try:
            async with asyncio.timeout(seconds):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameUnknown(cluster, host) from error
        except TimeoutError:
            raise TimedOut(cluster, f"resolve {host!r}", seconds, answering=False) from None
        return [str(one[4][0]) for one in found]

    def _pinned(self, address: str) -> Target:
        parts = urlsplit(self._named.url)
        port = f":{parts.port}" if parts.port else ""
        shown = f"[{address}]" if ":" in address else address
        url = urlunsplit(parts._replace(netloc=f"{shown}{port}"))
        host = parts.hostname or ""
        named = f"[{host}]" if ":" in host else host
        return Target(url, f"{named}{port}", self._named.server_name or host)
