"""Where a stranger may send UPID: public addresses over https, and what the operator allows.

A name is judged twice: as it is written, when it is saved, and by the addresses that it resolves
to, when a connection is made. Nothing is resolved here: judging sends no packet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from upid.adapters.kubernetes.access import Addresses
from upid.adapters.kubernetes.errors import AddressRefused

_LENGTH = 2048  # of a URL
_NAME_LENGTH = 253  # of a host name (RFC 1035)
_SHOWN = 80  # letters of an address in a message
_PORTS = range(1, 65_536)

# One spelling of a URL only, so that no two programs read it differently: no user, no query, no
# fragment, no percent, no backslash, no dots as folders.
_URL = re.compile(
    r"https://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9_~+=,;@!$'()*&:-][A-Za-z0-9._~+=,;@!$'()*&:-]*)*/?)"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that makes a name an IPv4 address

# IANA's special-purpose addresses of IPv4, not left to Python's `is_global`, which changes with its
# version; and Azure's host, a public address that answers with a machine's secrets.
_SPECIAL = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",
    )
)
# Of IPv6 only this is global unicast; in it, ways into IPv4 and examples are not.
_GLOBAL = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


@dataclass(frozen=True, slots=True)
class AddressPolicy(Addresses):
    """Which servers a stranger may name.

    allowed   networks beside the public ones, which the operator of this UPID opened
    insecure  whether `insecure-skip-tls-verify` is taken from a stranger
    """

    allowed: tuple[IPv4Network | IPv6Network, ...] = ()
    insecure: bool = False

    @classmethod
    def allowing(cls, networks: Sequence[str], *, insecure: bool = False) -> "AddressPolicy":
        """Return a policy that opens networks such as `10.0.0.0/8`. Raises `ValueError`."""
        return cls(tuple(ip_network(network) for network in networks), insecure)

    def permits(self, address: str) -> bool:
        """Return whether an address may be connected to; text that is none may not.

        An IPv4 address in IPv6's clothes is judged as what it is.
        """
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address):
            if found.scope_id is not None:
                return False
            found = found.ipv4_mapped or found
        return self._is_allowed(found) or _is_public(found)

    def server(self, url: str) -> str:
        """Return a server's URL in its one spelling. Raises `AddressRefused`."""
        found = _URL.fullmatch(url) if len(url) <= _LENGTH else None
        if found is None:
            raise AddressRefused(_shown(url), "it is not written as https://host:port/path")
        host, port = found["host"].lower(), found["port"]
        if port is not None and int(port) not in _PORTS:
            raise AddressRefused(_shown(url), f"there is no port {int(port)}")
        host = self._host(host, _shown(url))
        return f"https://{host}{'' if port is None else f':{int(port)}'}{found['path'].rstrip('/')}"

    def _host(self, host: str, shown: str) -> str:
        """Return a host in its one spelling; names are judged again when they are resolved."""
        if host.startswith("["):
            return f"[{self._literal(host[1:-1], shown)}]"
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return self._literal(host, shown)
        if len(host) > _NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
            raise AddressRefused(shown, "its host is no name")
        if len(labels) == 1 or labels[-1] == "localhost":
            raise AddressRefused(shown, "its host is a name of this machine or this network only")
        return host

    def _literal(self, text: str, shown: str) -> str:
        try:
            address = ip_address(text)
        except ValueError:
            raise AddressRefused(shown, "its host is no address in the usual spelling") from None
        if not self.permits(text):
            raise AddressRefused(shown, "it is private, of this machine or for special use")
        return str(address)

    def _is_allowed(self, address: IPv4Address | IPv6Address) -> bool:
        return any(
            address.version == network.version and address in network for network in self.allowed
        )


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL)
    return address in _GLOBAL and not any(address in network for network in _SPECIAL_6)


def _shown(url: str) -> str:
    """Return so much of a stranger's text as a message may repeat; a password in it is left out."""
    kept = url.rpartition("@")[2][:_SHOWN]
    return "".join(letter if letter.isprintable() else "?" for letter in kept)
