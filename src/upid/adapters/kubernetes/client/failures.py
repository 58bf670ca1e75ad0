"""What went wrong on the wire, said as one of this client's own errors."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client.errors import (
    ClusterError,
    ConnectionLost,
    ConnectionRefused,
    NameUnknown,
    NotKubernetes,
    NotTrusted,
    ProxyFailed,
    TimedOut,
    TlsFailed,
)

_DEEP = 12  # causes of causes that are looked through


def place(url: str) -> str:
    """Return scheme, host and port of a URL, without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{shown}{port}"


@contextmanager
def translated(access: Access, asked: str, seconds: float) -> Iterator[None]:
    """Raise errors of the HTTP client as `ClusterError`s; `seconds` is what a read may take."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise TimedOut(access.cluster, asked, seconds, answering=False) from error
    except httpx2.ProxyError as error:
        proxy = place(access.proxy or "")
        raise ProxyFailed(access.cluster, proxy, _said(error)) from error
    except httpx2.DecodingError as error:
        where = place(access.server)
        raise NotKubernetes(access.cluster, where, "bytes that are not compressed") from error
    except httpx2.TransportError as error:
        raise _translate(access, error) from error


def _translate(access: Access, error: httpx2.TransportError) -> ClusterError:
    cluster, where = access.cluster, place(access.server)
    causes = [*_causes(error)]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NotTrusted(cluster, where, cause.verify_message or "verification failed")
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return TlsFailed(cluster, where, (cause.reason or "").replace("_", " ").lower())
        if isinstance(cause, socket.gaierror):
            return _nameless(access)
        if isinstance(cause, ConnectionRefusedError):
            return _refused(access)
    if isinstance(error, httpx2.RemoteProtocolError) and "illegal" in str(error).lower():
        return NotKubernetes(cluster, where, "bytes that are not HTTP")
    return ConnectionLost(cluster, where, _said(error))


def _nameless(access: Access) -> ClusterError:
    if access.proxy:
        return ProxyFailed(access.cluster, place(access.proxy), "its name has no address")
    return NameUnknown(access.cluster, urlsplit(access.server).hostname or "")


def _refused(access: Access) -> ClusterError:
    if access.proxy:
        return ProxyFailed(access.cluster, place(access.proxy), "it refuses connections")
    return ConnectionRefused(access.cluster, place(access.server))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, groups included."""
    waiting, seen = [error], 0
    while waiting and seen < _DEEP:
        one = waiting.pop()
        seen += 1
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        cause = one.__cause__ or one.__context__
        if cause is not None:
            waiting.append(cause)


def _said(error: Exception) -> str:
    return printable(str(error)) or type(error).__name__


def printable(text: str, longest: int = 300) -> str:
    """Return a stranger's words in one line that cannot move a terminal's cursor."""
    line = " ".join(text.split())
    shown = "".join(one if one.isprintable() else "?" for one in line[: longest + 1])
    return shown if len(shown) <= longest else shown[:longest] + "…"
