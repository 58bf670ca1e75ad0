"""What is sealed opens in its own cell only (RELIABILITY A11, SEC-9).

Broken on purpose                             Red test
the row is not authenticated                  moved_to_another_cell
the cell's parts are joined without lengths   run_together
a nonce that counts from the start            forked
data keys that are not wrapped                key_of_another_file
"""

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.forks import HEAD
from upid.core.errors import UpidError
from upid.kit.crypto import Cell, Keys, SealBroken, Vault

KEY = bytes(range(32))
VAULT = Vault(Keys({1: KEY}))
CELL = Cell("default", "clusters", "credentials", "cl_1")
SECRET = b"canary-secret"
NAMES = ("a", "b", "ab", "ba", "", "1", "a\x00", "\u00e9")
NONCE = slice(45, 57)  # after format, version and wrapped data key


@given(st.binary(max_size=5000))
def test_what_is_sealed_opens_to_the_same_bytes(plain: bytes) -> None:
    sealed = VAULT.seal(plain, CELL)

    assert VAULT.open(sealed, CELL) == plain
    assert len(sealed) == len(plain) + 73


@pytest.mark.parametrize("field", ["tenant", "table", "column", "row"])
def test_a_sealed_value_does_not_open_in_another_cell(field: str) -> None:
    sealed = VAULT.seal(SECRET, CELL)
    with pytest.raises(SealBroken, match="sealed for another place"):
        VAULT.open(sealed, replace(CELL, **{field: "other"}))


def test_a_sealed_value_moved_to_another_cell_never_opens() -> None:
    """A11: 10,000 tries; the names are such that they run together when joined carelessly."""
    cells = [Cell(*names) for names in product(NAMES, repeat=4)]
    draw = Random(20260302)
    tried = 0
    for home in draw.sample(cells, 20):
        sealed = VAULT.seal(SECRET, home)
        for away in draw.sample(cells, 501):
            if away != home:
                tried += 1
                with pytest.raises(SealBroken):
                    VAULT.open(sealed, away)
        assert VAULT.open(sealed, home) == SECRET

    assert tried >= 10_000


def test_names_that_run_together_are_other_cells() -> None:
    sealed = VAULT.seal(SECRET, Cell("ab", "c", "d", "e"))
    for other in (Cell("a", "bc", "d", "e"), Cell("ab", "c", "de", ""), Cell("", "abcd", "", "e")):
        with pytest.raises(SealBroken):
            VAULT.open(sealed, other)


def test_no_changed_bit_goes_unnoticed() -> None:
    sealed = VAULT.seal(SECRET, CELL)
    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SealBroken):
            VAULT.open(bytes(changed), CELL)


@given(st.binary(max_size=200))
def test_nothing_else_opens(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        VAULT.open(sealed, CELL)
    with pytest.raises(SealBroken):
        VAULT.open(b"\x01\x00\x00\x00\x01" + sealed, CELL)


def test_a_part_of_a_sealed_value_does_not_open() -> None:
    sealed = VAULT.seal(SECRET, CELL)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            VAULT.open(sealed[:length], CELL)


def test_parts_of_two_sealed_values_do_not_open_together() -> None:
    """The data key of one value with the ciphertext of another of the same cell."""
    one, other = VAULT.seal(b"one", CELL), VAULT.seal(b"two", CELL)
    for cut in (45, 57):
        with pytest.raises(SealBroken):
            VAULT.open(one[:cut] + other[cut:], CELL)


def test_an_older_key_still_opens_and_the_newest_seals() -> None:
    """SEC-9: keys are rotated without downtime."""
    sealed = VAULT.seal(SECRET, CELL)
    rotated = Vault(Keys({2: os.urandom(32), 1: KEY}))

    assert rotated.open(sealed, CELL) == SECRET
    with pytest.raises(SealBroken, match="no version 2"):
        VAULT.open(rotated.seal(SECRET, CELL), CELL)


def test_a_sealed_value_does_not_pass_for_one_of_another_version() -> None:
    both = Vault(Keys({2: KEY, 1: KEY}))
    sealed = bytearray(both.seal(SECRET, CELL))
    sealed[4] = 1
    with pytest.raises(SealBroken):
        both.open(bytes(sealed), CELL)


def test_the_key_of_another_file_opens_nothing() -> None:
    stranger = Vault(Keys({1: os.urandom(32)}))
    with pytest.raises(SealBroken, match="another key"):
        stranger.open(VAULT.seal(SECRET, CELL), CELL)


def test_no_error_names_the_content_or_the_key() -> None:
    told = []
    for sealed, vault in (
        (VAULT.seal(SECRET, CELL), VAULT),
        (VAULT.seal(SECRET, CELL), Vault(Keys({1: os.urandom(32)}))),
        (SECRET * 10, VAULT),
    ):
        with pytest.raises(UpidError) as caught:
            vault.open(sealed, replace(CELL, row="other"))
        told.append(f"{caught.value!r} {caught.value.hint} {caught.value.details}")

    assert all("canary" not in text and KEY.hex() not in text for text in told)
    assert all("'other'" in text for text in told)


def test_keys_are_not_shown_and_not_pickled() -> None:
    keys = Keys({1: KEY})

    assert repr(keys) == str(keys) == "Keys(versions [1])"
    with pytest.raises(TypeError):
        pickle.dumps(keys)


def test_no_nonce_and_no_data_key_comes_twice_in_forked_processes(root: Path) -> None:
    """A11: 0 repeats over 8 processes that were one."""
    found = answers(root, "nonces")
    heads = [one[at : at + HEAD] for one in found for at in range(0, len(one), HEAD)]

    assert len(heads) == 8000
    assert len({head[NONCE] for head in heads}) == 8000
    assert len({head[5:45] for head in heads}) == 8000


def answers(root: Path, *asked: str) -> list[bytes]:
    """Return what the processes of `tests.kit.forks` found."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.kit.forks", *asked],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [bytes.fromhex(line) for line in told.stdout.split("\n")]


def test_nothing_of_cryptography_is_imported_before_it_is_used() -> None:
    """DESIGN: start-up is a promise."""
    asked = (
        "import sys; from upid.kit.crypto import Keys, Vault; Vault(Keys({1: bytes(32)}));"
        "sys.exit(any(name.split('.')[0] == 'cryptography' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
