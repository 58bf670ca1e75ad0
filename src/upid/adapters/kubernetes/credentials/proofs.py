"""Proofs that are there already: tokens and certificates, given or in files that rotate."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from upid.adapters.kubernetes.access import ClientCertificate, Credentials
from upid.adapters.kubernetes.errors import CredentialsFailed

Monotonic = Callable[[], float]  # seconds; a test moves it by hand

# client-go reads a token file anew each minute, ten seconds early: half of the time between the
# kubelet's renewal of a projected token and its end.
_READ_AFTER = 50.0


class Bearer(Protocol):
    """Something that gives a token."""

    @abstractmethod
    async def token(self) -> str:
        """Return the token, renewed where it ends soon. Raises `CredentialsFailed`."""

    @abstractmethod
    async def renew(self) -> bool:
        """Fetch another after a 401; return whether there is one."""


class Pair(Protocol):
    """Something that gives a client certificate."""

    @abstractmethod
    def certificate(self) -> ClientCertificate:
        """Return the certificate and its key. Raises `CredentialsFailed`."""

    @abstractmethod
    def renew(self) -> bool:
        """Look for another after a 401; return whether there is one."""


class FixedToken(Bearer):
    """A token as it stands; there is never another."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        """Return the token."""
        return self._token

    async def renew(self) -> bool:
        """Return that there is no other."""
        return False


class FileToken(Bearer):
    """A token in a file that somebody replaces: read anew each minute, and after a 401.

    A file that cannot be read any more leaves the last token in use, as in client-go.
    """

    def __init__(
        self, path: Path, user: str, *, otherwise: str = "", now: Monotonic = time.monotonic
    ) -> None:
        self._path, self._user, self._now = path, user, now
        self._token = otherwise
        self._read_at: float | None = None

    async def token(self) -> str:
        """Return what the file says, or said last."""
        now = self._now()
        if self._read_at is None or now - self._read_at >= _READ_AFTER:
            self._read()
            self._read_at = now
        return self._token

    async def renew(self) -> bool:
        """Read the file now; return whether it says something else."""
        before = self._token
        self._read()
        self._read_at = self._now()
        return self._token != before

    def _read(self) -> None:
        why = "is empty"
        try:
            found = self._path.read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            found, why = "", f"cannot be read ({getattr(error, 'strerror', None) or 'not text'})"
        if found:
            self._token = found
        elif not self._token:
            raise CredentialsFailed(
                self._user,
                f"the token file '{self._path}' {why}",
                "see that the file is there and readable, or log in again",
            ) from None


class FixedPair(Pair):
    """A certificate as it stands."""

    def __init__(self, pair: ClientCertificate) -> None:
        self._pair = pair

    def certificate(self) -> ClientCertificate:
        """Return the certificate."""
        return self._pair

    def renew(self) -> bool:
        """Return that there is no other."""
        return False


class FilePair(Pair):
    """A certificate and a key in files that somebody replaces; either may be given as data.

    The files are read again each minute and after a 401, so that asking costs nothing.
    """

    def __init__(
        self,
        certificate: Path | bytes,
        key: Path | bytes,
        user: str,
        *,
        now: Monotonic = time.monotonic,
    ) -> None:
        self._certificate, self._key, self._user, self._now = certificate, key, user, now
        self._last: ClientCertificate | None = None
        self._read_at = 0.0

    def certificate(self) -> ClientCertificate:
        """Return what the files held when they were last read."""
        if self._last is None or self._now() - self._read_at >= _READ_AFTER:
            self._read_at = self._now()
            self._last = self._read()
        return self._last

    def renew(self) -> bool:
        """Read the files; return whether they hold something else."""
        before = self._last
        self._read_at = self._now()
        self._last = self._read()
        return self._last != before

    def _read(self) -> ClientCertificate:
        return ClientCertificate(self._bytes(self._certificate), self._bytes(self._key))

    def _bytes(self, part: Path | bytes) -> bytes:
        if isinstance(part, bytes):
            return part
        try:
            return part.read_bytes()
        except OSError as error:
            raise CredentialsFailed(
                self._user,
                f"'{part}' cannot be read ({error.strerror})",
                "see that client certificate and key are there and readable",
            ) from None


class Proofs(Credentials):
    """A token, a certificate, both or neither."""

    def __init__(self, user: str, bearer: Bearer | None = None, pair: Pair | None = None) -> None:
        self._user, self._bearer, self._pair = user, bearer, pair

    async def headers(self) -> Mapping[str, str]:
        """Return the `Authorization` header, if there is a token."""
        if self._bearer is None:
            return {}
        return bearing(await self._bearer.token(), self._user)

    def certificate(self) -> ClientCertificate | None:
        """Return the client certificate as it is now."""
        return self._pair.certificate() if self._pair else None

    async def renew(self) -> bool:
        """Look for newer ones; return whether any is."""
        token = await self._bearer.renew() if self._bearer else False
        pair = self._pair.renew() if self._pair else False
        return token or pair


def bearing(token: str, user: str) -> Mapping[str, str]:
    """Return the header that bears a token; one that would break the header is refused."""
    if not token.isprintable() or not token.isascii():
        raise CredentialsFailed(
            user,
            "the token holds a line break or another character that no token has",
            "write the token on one line, without anything around it",
        )
    return {"Authorization": f"Bearer {token}"}
