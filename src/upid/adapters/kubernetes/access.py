"""What a connection to an API server takes, however it was found."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its key, PEM, in memory only: a key never touches the disk."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server is recognised.

    authority    PEM of the authorities trusted; None: those of the system
    server_name  name to ask for and to expect, when it is not the address's (`tls-server-name`)
    insecure     no check at all; only where the user's own settings or a flag ask for it
    """

    authority: bytes | None = None
    server_name: str | None = None
    insecure: bool = False


class Credentials(Protocol):
    """Who is asking. One object a cluster; safe to use from several tasks at once."""

    @abstractmethod
    async def headers(self) -> Mapping[str, str]:
        """Return the headers that say so, renewed where they expire soon.

        Raises an `UpidError` that says which way failed and what to do.
        """

    @abstractmethod
    def certificate(self) -> ClientCertificate | None:
        """Return the client certificate, if that is (part of) the proof."""

    @abstractmethod
    async def renew(self) -> bool:
        """Fetch them anew after a 401; return whether there is anything new to try."""


class Addresses(Protocol):
    """Which addresses may be connected to; asked once the server's name is resolved."""

    @abstractmethod
    def permits(self, address: str) -> bool:
        """Return whether an IPv4 or IPv6 address may be connected to."""


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that a client needs.

    server       base URL, such as `https://10.0.0.1:6443`; a path in it is kept
    context      the kubeconfig's context, or `in-cluster`, or `flags`
    namespace    the default namespace
    proxy        URL of an HTTP, HTTPS or SOCKS5 proxy; it may hold a password
    impersonate  headers `Impersonate-…`, in order; one a group, so a name may come again
    origin       where it was found, for people: "context 'prod' of ~/.kube/config"
    proof        how the user is known, for people: "a token", "the command 'aws'"
    timeout      seconds a request may take, where the user said so; 0: as long as it takes
    compress     whether answers may be compressed (`disable-compression` says no)
    addresses    where a connection may go, judged on what it really goes to; None: anywhere
    """

    server: str
    tls: Tls
    credentials: Credentials
    context: str
    cluster: str
    user: str
    namespace: str = "default"
    proxy: str | None = field(default=None, repr=False)
    impersonate: tuple[tuple[str, str], ...] = ()
    origin: str = ""
    proof: str = ""
    timeout: float | None = None
    compress: bool = True
    addresses: Addresses | None = None
