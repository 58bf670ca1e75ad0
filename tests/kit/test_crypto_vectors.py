"""Published cases for AES-GCM and AES-KWP, through the functions that the vault uses (A11)."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from upid.kit.crypto import decrypt, encrypt, unwrap, wrap

GCM = "ciphers/AES/GCM"
KWP = "keywrap/kwtestvectors"
OUR_NONCE = 96  # bits
OUR_TAG = 128
SMALLEST, LARGEST = 64, 1024  # bits of a nonce that OpenSSL takes


def nist(folder: str, name: str) -> Iterator[Mapping[str, str]]:
    """Yield the cases of a file of NIST's CAVP, each with the facts of its section."""
    import cryptography_vectors

    section: dict[str, str] = {}
    case: dict[str, str] = {}
    with cryptography_vectors.open_vector_file(f"{folder}/{name}", "r") as file:
        for line in (*file, "\n"):
            text = str(line).strip()
            if text.startswith("["):
                key, _, value = text.strip("[]").partition(" = ")
                section[key] = value
            elif text and not text.startswith("#"):
                key, _, value = text.partition("=")
                case[key.strip()] = value.strip()
            elif case:
                yield section | case
                case = {}


def wycheproof(shared: Path, name: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield group and case of a file whose content is the one that was gathered."""
    folder = shared / "vectors"
    listed = json.loads((folder / "index.json").read_text())["suites"]
    files = next(one["files"] for one in listed if one["suite"] == "wycheproof")
    text = (folder / "wycheproof" / name).read_bytes()
    wanted = next(one["sha256"] for one in files if one["file"] == name)
    assert hashlib.sha256(text).hexdigest() == wanted
    for group in json.loads(text)["testGroups"]:
        for case in group["tests"]:
            yield group, case


def octets(case: Mapping[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


@pytest.mark.parametrize("size", [128, 192, 256])
def test_ciphertexts_are_those_of_nist(size: int) -> None:
    """NIST CAVP, gcmEncryptExtIV: 96-bit nonces and 128-bit tags, which is all that UPID makes."""
    count = 0
    for case in nist(GCM, f"gcmEncryptExtIV{size}.rsp"):
        key, nonce, bound, plain, text, tag = octets(case, "Key", "IV", "AAD", "PT", "CT", "Tag")
        if len(nonce) * 8 == OUR_NONCE and len(tag) * 8 == OUR_TAG:
            count += 1
            assert encrypt(key, nonce, plain, bound) == text + tag
    assert count == 375


@pytest.mark.parametrize("size", [128, 192, 256])
def test_what_nist_opens_opens_and_nothing_else(size: int) -> None:
    """NIST CAVP, gcmDecrypt: every nonce that OpenSSL takes; a shorter tag is refused."""
    opened = refused = short = 0
    for case in nist(GCM, f"gcmDecrypt{size}.rsp"):
        key, nonce, bound, text, tag = octets(case, "Key", "IV", "AAD", "CT", "Tag")
        if not SMALLEST <= len(nonce) * 8 <= LARGEST:
            continue
        found = decrypt(key, nonce, text + tag, bound) if len(text + tag) >= 16 else None
        if len(tag) * 8 != OUR_TAG:
            short += 1
            assert found is None
        elif "FAIL" in case:
            refused += 1
            assert found is None
        else:
            opened += 1
            assert found == bytes.fromhex(case["PT"])
    assert opened + refused == 750
    assert min(opened, refused, short) > 300


@pytest.mark.parametrize("size", [128, 192, 256])
def test_wrapped_keys_are_those_of_nist(size: int) -> None:
    """NIST CAVP, KWP-AE and KWP-AD: 500 cases each."""
    wrapped = list(nist(KWP, f"KWP_AE_{size}.txt"))
    for case in wrapped:
        key, plain, text = octets(case, "K", "P", "C")
        assert wrap(key, plain) == text
    opened = list(nist(KWP, f"KWP_AD_{size}.txt"))
    for case in opened:
        key, text = octets(case, "K", "C")
        assert unwrap(key, text) == (bytes.fromhex(case["P"]) if "P" in case else None)
    assert (len(wrapped), len(opened)) == (500, 500)
    assert sum("P" not in case for case in opened) == 100


def test_wycheproof_finds_nothing_wrong_with_sealing(shared: Path) -> None:
    """Wycheproof AES-GCM: with 96-bit nonces all valid ones, and no invalid one."""
    accepted = refused = 0
    for group, case in wycheproof(shared, "aes_gcm_test.json"):
        key, nonce, bound, plain, text, tag = octets(case, "key", "iv", "aad", "msg", "ct", "tag")
        if group["ivSize"] != OUR_NONCE:
            continue
        if case["result"] == "valid":
            accepted += 1
            assert encrypt(key, nonce, plain, bound) == text + tag
            assert decrypt(key, nonce, text + tag, bound) == plain
        else:
            refused += 1
            assert decrypt(key, nonce, text + tag, bound) is None
    assert (accepted, refused) == (116, 81)


def test_wycheproof_finds_nothing_wrong_with_wrapping(shared: Path) -> None:
    """Wycheproof AES-KWP: 77 valid and 177 invalid."""
    accepted = refused = 0
    for _, case in wycheproof(shared, "aes_kwp_test.json"):
        key, plain, text = octets(case, "key", "msg", "ct")
        if case["result"] == "valid":
            accepted += 1
            assert wrap(key, plain) == text
            assert unwrap(key, text) == plain
        else:
            refused += 1
            assert unwrap(key, text) is None
    assert (accepted, refused) == (77, 177)
