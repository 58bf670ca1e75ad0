"""What credentials say of themselves, before any packet is sent: CLU-6, A8."""

import base64
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.kubernetes import hostile
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.adapters.kubernetes.connecting.certificates import NoCertificate, ends
from upid.adapters.kubernetes.connecting.tokens import token_end
from upid.adapters.kubernetes.errors import KubeconfigRefused
from upid.kit.clock import system_clock

PUBLIC = KubernetesConnector(AddressPolicy(), limits=None, clock=system_clock)


def certificate(folder: Path, days: int, subject: str = "/CN=ana") -> tuple[bytes, bytes]:
    """Return a certificate of so many days and its key, made by OpenSSL."""
    key, made = folder / "k.pem", folder / "c.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject, "-days", str(days)]
    command += ["-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return made.read_bytes(), key.read_bytes()


def openssl_end(text: bytes) -> datetime:
    command = ["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601"]
    ran = subprocess.run(command, input=text, check=True, capture_output=True, timeout=30)
    return datetime.fromisoformat(ran.stdout.decode().strip().partition("=")[2])


def jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{body}.c2ln"


@pytest.mark.parametrize("days", [1, 900, 20_000, 2_000_000])
def test_a_certificates_end_is_read_as_openssl_reads_it(tmp_path: Path, days: int) -> None:
    """CLU-6: UTCTime before 2050, GeneralizedTime from then on."""
    text, _ = certificate(tmp_path, days)
    assert ends(b"Bag Attributes\n" + text) == (openssl_end(text),)


def test_every_certificate_of_a_chain_is_read_in_its_order(tmp_path: Path) -> None:
    """CLU-6."""
    first, second = certificate(tmp_path, 3)[0], certificate(tmp_path, 2)[0]
    assert ends(first + b"\n" + second) == (openssl_end(first), openssl_end(second))


@given(st.binary(max_size=80), st.integers(0, 400), st.integers(0, 255))
def test_bytes_that_are_no_certificate_are_told_apart(junk: bytes, place: int, byte: int) -> None:
    """CLU-6: whatever was sent, it is read or refused, and nothing else happens."""
    for der in (junk, _damaged(place, byte)):
        try:
            [end] = ends(_pem(der))
        except NoCertificate:
            continue
        assert end.tzinfo is UTC


def test_a_certificate_that_was_cut_off_is_none() -> None:
    """CLU-6: wherever it was cut."""
    whole = base64.b64decode(_CERTIFICATE)
    for length in range(len(whole)):
        with pytest.raises(NoCertificate):
            ends(_pem(whole[:length]))
    assert ends(_pem(whole))


def _pem(der: bytes) -> bytes:
    encoded = base64.b64encode(der)
    return b"-----BEGIN CERTIFICATE-----\n%b\n-----END CERTIFICATE-----\n" % encoded


def _damaged(place: int, byte: int) -> bytes:
    der = bytearray(base64.b64decode(_CERTIFICATE))
    der[place % len(der)] = byte
    return bytes(der)


@given(st.one_of(st.text(), st.builds(jwt, st.dictionaries(st.just("exp"), st.floats()))))
def test_any_token_may_be_asked_when_it_ends(token: str) -> None:
    """CLU-6."""
    end = token_end(token)
    assert end is None or end.tzinfo is UTC


def test_a_token_tells_its_end_and_only_in_the_strict_spelling() -> None:
    """CLU-6."""
    token = jwt({"exp": 1_900_000_000, "iss": "kubernetes/serviceaccount"})
    assert token_end(token) == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)
    for other in (token + "=", token.replace(".", "..", 1), f"{token}.x", jwt({"exp": "1"})):
        assert token_end(other) is None
    assert token_end(jwt({"sub": "system:serviceaccount:upid:upid"})) is None


def test_a_kubeconfig_is_identified_without_being_used(tmp_path: Path) -> None:
    """CLU-6."""
    shown, key = certificate(tmp_path, 20)
    authority, _ = certificate(tmp_path, 90)
    found = hostile.good()
    found["users"][0]["user"] = {
        "token": jwt({"exp": 1_900_000_000}),
        "client-certificate-data": base64.b64encode(shown + authority).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }
    encoded = base64.b64encode(authority).decode()
    found["clusters"][0]["cluster"]["certificate-authority-data"] = encoded
    who = PUBLIC.identify(json.dumps(found).encode())

    assert (who.server, who.context, who.cluster) == (
        "https://k8s.example.com:6443",
        "prod",
        "c",
    )
    assert (who.user, who.namespace, who.proof) == ("u", "web", "token and client certificate")
    assert who.certificate_until == openssl_end(shown)
    assert who.authority_until == openssl_end(authority)
    assert who.token_until == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)


def test_a_certificate_that_is_none_is_refused_before_it_is_used() -> None:
    """CLU-5: at once, with its name; not when the first connection is made."""
    found = hostile.good()
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    found["users"][0]["user"] = {
        "client-certificate-data": base64.b64encode(broken).decode(),
        "client-key-data": base64.b64encode(b"-----BEGIN PRIVATE KEY-----").decode(),
    }
    with pytest.raises(KubeconfigRefused, match="its client certificate cannot be read"):
        PUBLIC.identify(json.dumps(found).encode())


# A certificate of 2026 that anything may be changed in; made by OpenSSL, its key thrown away.
_CERTIFICATE = (
    "MIIBbDCCAROgAwIBAgIUV8a0RRP+t3fxkBJl9Xpg48nKZF8wCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBYTAeFw0y"
    "NjExMjgyMjIyNDVaFw0yNjEyMjgyMjIyNDVaMAwxCjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC"
    "AARfyGvGA/gpG2CPwGCG2/iNoan5t9NZ2ZIV3eXG6mSSpto90D0hwxoy6fyVPfyfY+qfjxpLpAFILqzWQonGLAun"
    "o1MwUTAdBgNVHQ4EFgQUDLttJS4bNK/mEMznrpE7jhZTsCswHwYDVR0jBBgwFoAUDLttJS4bNK/mEMznrpE7jhZT"
    "sCswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiEAnlH36WtZmP+aIbgryzTiQLTDbmebNf65r9Ub"
    "37imo8oCHzyBxEWCac8Cq9Mxx1JVo+v2q89Pk91rvhswshzy98w="
)
