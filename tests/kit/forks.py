"""Processes that were one: `python -m tests.kit.forks nonces|make PATH|read PATH`.

A program of its own, since a test runner has threads, and threads do not survive a fork.

nonces     eight processes seal 1,000 values each; prints what comes before the ciphertexts
make PATH  six processes make one key file at the same moment; prints the key that each has
read PATH  a user of the file's group reads it; prints the code of the refusal, if there is one
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from upid.core.errors import UpidError
from upid.kit.crypto import Cell, Keys, Vault
from upid.kit.keyfile import keys_in

HEAD = 57  # bytes before the ciphertext
STRANGER = 65534  # a user and a group that own nothing


def nonces() -> bytes:
    """Seal nothing, often, and return what nobody else may have."""
    cell = Cell("default", "clusters", "credentials", "cl_1")
    return b"".join(VAULT.seal(b"", cell)[:HEAD] for _ in range(1000))


def read_as_stranger(path: Path) -> bytes:
    """Return how a user of the file's group fares."""
    os.setgroups([])
    os.setgid(STRANGER)
    os.setuid(STRANGER)
    try:
        keys_in(path)
    except UpidError as error:
        return error.code.encode()
    return b"read"


def forked(count: int, work: Callable[[], bytes]) -> list[bytes]:
    """Return what several processes found, which start their work at the same moment."""
    started, start = os.pipe()
    children = []
    for _ in range(count):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.close(start)
                os.read(started, 1)  # until the last one who could write has closed it
                with os.fdopen(writer, "wb") as told:
                    told.write(work())
            finally:
                os._exit(0)
        os.close(writer)
        children.append((child, reader))
    os.close(start)
    found = []
    for child, reader in children:
        with os.fdopen(reader, "rb") as told:
            found.append(told.read())
        os.waitpid(child, 0)
    return found


VAULT = Vault(Keys({1: bytes(range(32))}))
VAULT.open(VAULT.seal(b"", Cell("a", "b", "c", "d")), Cell("a", "b", "c", "d"))  # loads everything

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["nonces"]:
            answers = forked(8, nonces)
        case ["make", place]:
            answers = forked(6, lambda: keys_in(Path(place))[1])
        case ["read", place]:
            answers = forked(1, lambda: read_as_stranger(Path(place)))
        case _:
            raise SystemExit(__doc__)
    sys.stdout.write("\n".join(answer.hex() for answer in answers))
