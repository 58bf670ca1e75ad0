"""The file of the keys that wrap data keys: made once, read by its owner only.

    {"format": "upid-keys/1", "keys": [{"version": 2, "key": "…"}, {"version": 1, "key": "…"}]}

Keys are 32 bytes in base64, the newest version first. To rotate, put a further one in front.
"""

import base64
import binascii
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from upid.core.errors import Kind, UpidError

FORMAT = "upid-keys/1"
KEY_BYTES = 32  # AES-256
_MODE = 0o600
_LARGEST = 64 * 1024  # bytes: some 600 keys, one each 90 days for 150 years
_VERSION_BOUND = 2**32
# What others may not do. A file of the system's may be read by its group, as PostgreSQL has it:
# Kubernetes mounts secrets for a user's group so.
_OPEN_IF_OURS, _OPEN_IF_THE_SYSTEMS = 0o077, 0o037


class KeyFileOpen(UpidError):
    """Others than its owner may read or change the key file."""

    kind = Kind.UNSAFE
    code = "key_file_open"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the key file {str(path)!r} {why}",
            hint=f"chmod 600 {path}; if somebody may have read it, put a further key in front",
        )


class KeyFileInvalid(UpidError):
    """The key file holds something else than keys."""

    code = "key_file_invalid"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the key file {str(path)!r} is not a key file: {why}",
            hint="restore it from a backup; without it, sealed credentials have to be given again",
        )


class KeyFileRefused(UpidError):
    """The key file can be neither read nor made."""

    kind = Kind.DENIED
    code = "key_file_refused"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the key file {str(path)!r} can be neither read nor made: {why}",
            hint="choose a place that you may write to: UPID_KEY_FILE=PATH",
        )


def keys_in(path: Path) -> Mapping[int, bytes]:
    """Return the keys of a file by version; made, with a first key, where there is no file.

    Raises KeyFileOpen, KeyFileInvalid, KeyFileRefused.
    """
    try:
        try:
            text = _read(path)
        except FileNotFoundError:
            _make(path)
            text = _read(path)
    except OSError as error:
        raise KeyFileRefused(path, error.strerror or str(error)) from error
    return _parsed(text, path)


def _read(path: Path) -> bytes:
    # not to wait for who writes into a pipe
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _check(os.fstat(number), path)
        text = os.read(number, _LARGEST + 1)
    finally:
        os.close(number)
    if len(text) > _LARGEST:
        raise KeyFileInvalid(path, f"it is larger than {_LARGEST} bytes")
    return text


def _check(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileInvalid(path, "it is not a file")
    if found.st_uid not in {os.geteuid(), 0}:
        raise KeyFileOpen(path, "belongs to another user")
    ours = found.st_uid == os.geteuid()
    if stat.S_IMODE(found.st_mode) & (_OPEN_IF_OURS if ours else _OPEN_IF_THE_SYSTEMS):
        raise KeyFileOpen(path, f"is open to others (mode {stat.S_IMODE(found.st_mode):04o})")


def _make(path: Path) -> None:
    """Make the file whole or not at all; of several who do so at once, one does."""
    key = base64.b64encode(os.urandom(KEY_BYTES)).decode()
    text = json.dumps({"format": FORMAT, "keys": [{"version": 1, "key": key}]}) + "\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(number, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(number)
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another one was first; its key is the key
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parsed(text: bytes, path: Path) -> Mapping[int, bytes]:
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise KeyFileInvalid(path, "its format is unknown")
        listed = [(entry["version"], entry["key"]) for entry in document["keys"]]
        keys = {version: base64.b64decode(key, validate=True) for version, key in listed}
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise KeyFileInvalid(path, "it is not the JSON of one") from error
    versions = [version for version, _ in listed]
    if any(type(one) is not int or not 0 < one < _VERSION_BOUND for one in versions):
        raise KeyFileInvalid(path, "its versions are not whole numbers from 1")
    if not versions or versions != sorted(set(versions), reverse=True):
        raise KeyFileInvalid(path, "its versions are not each there once, the newest first")
    if any(len(key) != KEY_BYTES for key in keys.values()):
        raise KeyFileInvalid(path, f"its keys do not have {KEY_BYTES} bytes")
    return keys
