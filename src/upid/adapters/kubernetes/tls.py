"""TLS towards an API server: who is trusted, which name is expected, who is asking.

Python's `ssl` loads a key from a path only, and a key must not touch the disk. So on Linux the
key goes into a file that exists in memory alone (`memfd_create`), elsewhere in the Unix family
into a pipe, and `ssl` reads it by the descriptor's path. A system with neither (Windows) cannot
present a client certificate: that is refused with a way out, never written to a temporary file.
"""

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import httpx2

from upid.adapters.kubernetes.access import ClientCertificate, Tls

_CERTIFICATES = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_DESCRIPTORS = Path("/dev/fd")  # of pipes; a minimal container may lack it, but has /proc


class Unusable(ValueError):
    """A certificate or key that cannot be loaded; says which and why, and never what is in it."""

    def __init__(self, which: str, why: str) -> None:
        super().__init__(f"{which}: {why}")
        self.which, self.why = which, why


def context(tls: Tls, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
    """Return the context for connections to a server; raise `Unusable` for what does not load.

    A kubeconfig that works with kubectl works here: as in Go, any certificate in `authority` is
    an anchor, also an intermediate or the server's own, strictness about an authority's
    extensions is off, TLS is at least 1.2, and a common name is no name of a server.
    """
    if tls.insecure:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif tls.authority is None:
        made = httpx2.create_ssl_context(trust_env=True)  # the system's, or SSL_CERT_FILE
    else:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(made, tls.authority)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        _present(made, certificate)
    return made


def _trust(made: ssl.SSLContext, authority: bytes) -> None:
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.hostname_checks_common_name = False
    which = "the cluster's certificate authority"
    blocks = _CERTIFICATES.findall(authority)  # as in Go, what stands around them is no matter
    try:
        made.load_verify_locations(cadata=b"\n".join(blocks).decode("ascii"))
    except ssl.SSLError as error:
        raise Unusable(which, _reason(error)) from error
    except ValueError as error:
        raise Unusable(which, "not PEM") from error


def _present(made: ssl.SSLContext, certificate: ClientCertificate) -> None:
    which = "the client certificate"
    try:
        with _readable(certificate.certificate) as shown, _readable(certificate.key) as key:
            made.load_cert_chain(shown, key, password=_no_password)
    except ssl.SSLError as error:
        raise Unusable(which, _reason(error)) from None
    except Unusable:
        raise
    except (OSError, ValueError) as error:
        raise Unusable(which, type(error).__name__) from None


def _no_password() -> bytes:
    """Give none, so that OpenSSL does not ask at the terminal."""
    return b""


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "not PEM").replace("_", " ").lower()


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """Yield a path from which `content` can be read once, and which is on no disk."""
    if hasattr(os, "memfd_create"):
        with _in_memory(content) as path:
            yield path
    elif _DESCRIPTORS.is_dir():
        with piped(content) as path:
            yield path
    else:
        raise Unusable(
            "the client certificate",
            "this system can load a key from the disk only, where UPID does not put one; "
            "use a token, or run UPID on Linux or macOS",
        )


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("upid", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


@contextmanager
def piped(content: bytes) -> Iterator[str]:
    """Yield the path of a pipe that holds `content`, for systems without files in memory."""
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
            file.write(content)

    writer = Thread(target=write, name="upid-pipe", daemon=True)  # a pipe may hold less
    writer.start()
    try:
        yield f"{_DESCRIPTORS}/{reading}"
    finally:
        os.close(reading)
        writer.join()
