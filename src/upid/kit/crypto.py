"""Sealed values: secrets that lie in a row and open only there (SEC-9).

Each value has a data key of its own, wrapped by the newest key of the key file. What the value is
sealed for, tenant, table, column, row and the key's version, is authenticated with it, so that a
ciphertext that is moved to another cell does not open.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from upid.core.errors import Kind, UpidError
from upid.kit.keyfile import KEY_BYTES, keys_in

_FORMAT = 1
_VERSION_BYTES = 4
_WRAPPED_BYTES = KEY_BYTES + 8  # RFC 5649 adds one block of 64 bits
_NONCE_BYTES = 12  # NIST SP 800-38D: the size that needs no hashing
_TAG_BYTES = 16
_HEAD_BYTES = 1 + _VERSION_BYTES + _WRAPPED_BYTES + _NONCE_BYTES


class SealBroken(UpidError):
    """A sealed value does not open: it was moved or changed, or its key is not in the key file."""

    kind = Kind.CONFLICT
    code = "seal_broken"

    def __init__(self, cell: "Cell", why: str) -> None:
        super().__init__(
            f"the sealed {cell.table}.{cell.column} of {cell.row!r} cannot be opened: {why}",
            hint="give UPID the key file that it was sealed with, or store the value again",
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """The one place where a sealed value opens."""

    tenant: str
    table: str
    column: str
    row: str


class Keys:
    """Keys that wrap data keys, by version; the newest wraps, all unwrap."""

    __slots__ = ("_by_version",)

    def __init__(self, by_version: Mapping[int, bytes]) -> None:
        if not by_version or any(len(key) != KEY_BYTES for key in by_version.values()):
            raise ValueError(f"keys have {KEY_BYTES} bytes, and there is at least one")
        self._by_version = dict(by_version)

    @classmethod
    def from_file(cls, path: Path) -> "Keys":
        """Return the keys of a file, which is made, with a first key, where there is none.

        Raises KeyFileOpen when others may read it, KeyFileInvalid when it holds no keys, and
        KeyFileRefused when it can be neither read nor made.
        """
        return cls(keys_in(path))

    @property
    def newest(self) -> int:
        """Return the version that wraps."""
        return max(self._by_version)

    def get(self, version: int) -> bytes | None:
        """Return the key of a version, if it is there."""
        return self._by_version.get(version)

    def __repr__(self) -> str:
        return f"Keys(versions {sorted(self._by_version)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not pickled")


class Vault:
    """Seals values for cells, and opens them there."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def seal(self, plain: bytes, cell: Cell) -> bytes:
        """Return a value sealed for a cell, with a fresh data key under the newest key.

        Layout: format, version (4 bytes), wrapped data key (40), nonce (12), ciphertext with tag.
        """
        version = self._keys.newest
        data_key, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)
        wrapped = wrap(self._key(version, cell), data_key)
        head = bytes([_FORMAT]) + version.to_bytes(_VERSION_BYTES) + wrapped + nonce
        return head + encrypt(data_key, nonce, plain, _bound_to(cell, version))

    def open(self, sealed: bytes, cell: Cell) -> bytes:
        """Return what was sealed for this cell. Raises SealBroken."""
        if len(sealed) < _HEAD_BYTES + _TAG_BYTES or sealed[0] != _FORMAT:
            raise SealBroken(cell, "it is no sealed value")
        version = int.from_bytes(sealed[1 : 1 + _VERSION_BYTES])
        wrapped = sealed[1 + _VERSION_BYTES : _HEAD_BYTES - _NONCE_BYTES]
        nonce = sealed[_HEAD_BYTES - _NONCE_BYTES : _HEAD_BYTES]
        data_key = unwrap(self._key(version, cell), wrapped)
        if data_key is None:
            raise SealBroken(cell, f"version {version} of the key file is another key")
        plain = decrypt(data_key, nonce, sealed[_HEAD_BYTES:], _bound_to(cell, version))
        if plain is None:
            raise SealBroken(cell, "it was changed, or sealed for another place")
        return plain

    def _key(self, version: int, cell: Cell) -> bytes:
        found = self._keys.get(version)
        if found is None:
            raise SealBroken(cell, f"the key file has no version {version}")
        return found


def encrypt(key: bytes, nonce: bytes, plain: bytes, bound_to: bytes) -> bytes:
    """Return ciphertext and tag (16 bytes) of AES-GCM; a nonce is used once with a key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).encrypt(nonce, plain, bound_to)


def decrypt(key: bytes, nonce: bytes, sealed: bytes, bound_to: bytes) -> bytes | None:
    """Return the plaintext of AES-GCM; None when a bit of anything is another."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, bound_to)
    except InvalidTag:
        return None


def wrap(key: bytes, data_key: bytes) -> bytes:
    """Return a key wrapped by another: AES-KWP of RFC 5649 and NIST SP 800-38F."""
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

    return aes_key_wrap_with_padding(key, data_key)


def unwrap(key: bytes, wrapped: bytes) -> bytes | None:
    """Return the key that was wrapped; None when it was wrapped by another, or changed."""
    from cryptography.hazmat.primitives.keywrap import (
        InvalidUnwrap,
        aes_key_unwrap_with_padding,
    )

    try:
        return aes_key_unwrap_with_padding(key, wrapped)
    except InvalidUnwrap:
        return None


def _bound_to(cell: Cell, version: int) -> bytes:
    """Return what is authenticated with a value; lengths make it unambiguous."""
    parts = [part.encode() for part in (cell.tenant, cell.table, cell.column, cell.row)]
    named = b"".join(len(part).to_bytes(4) + part for part in parts)
    return bytes([_FORMAT]) + version.to_bytes(_VERSION_BYTES) + named
