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


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that a client needs.

    server       base URL, such as `https://10.0.0.1:6443`; a path in it is kept
    context      the kubeconfig's context, or `in-cluster`, or `flags`
    namespace    the default namespace
    proxy        URL of an HTTP, HTTPS or SOCKS5 proxy
    impersonate  headers `Impersonate-…`
    origin       where it was found, for people: "context 'prod' of ~/.kube/config"
    """

    server: str
    tls: Tls
    credentials: Credentials
    context: str
    cluster: str
    user: str
    namespace: str = "default"
    proxy: str | None = None
    impersonate: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
