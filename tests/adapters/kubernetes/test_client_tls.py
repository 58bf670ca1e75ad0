"""TLS to real servers: who is trusted, which name is expected, who asks; and no key on the disk."""

import asyncio
import os
import ssl
import sys
from pathlib import Path

import pytest

from tests.adapters.kubernetes.client_server import QUICK, Asked, Fixed, Reply, access_to, serving
from tests.world.certificates import Authority, authority
from upid.adapters.kubernetes import tls
from upid.adapters.kubernetes.access import Access, ClientCertificate, Tls
from upid.adapters.kubernetes.client import (
    CertificateUnusable,
    ClusterClient,
    ConnectionLost,
    NotTrusted,
    TlsFailed,
)

pytestmark = pytest.mark.anyio

BODY = b'{"major":"1","minor":"36","gitVersion":"v1.36.2"}'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    found = authority(tmp_path_factory.mktemp("trusted"))
    found.server("address", "IP:127.0.0.1")
    found.server("named", "DNS:kubernetes.example")
    found.client("ana", "/CN=ana")
    found.client("bob", "/CN=bob")
    return found


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("other"))


def trusting(one: Authority, server_name: str | None = None) -> Tls:
    return Tls(authority=one.certificate.read_bytes(), server_name=server_name)


def shown(one: Authority, name: str) -> ClientCertificate:
    return ClientCertificate(
        (one.folder / f"{name}.crt").read_bytes(), (one.folder / f"{name}.key").read_bytes()
    )


def serves(one: Authority, name: str, *, clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(one.folder / f"{name}.crt", one.folder / f"{name}.key")
    if clients:
        context.load_verify_locations(one.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def version(served: ssl.SSLContext, **access: object) -> str:
    async with (
        serving(lambda _: Reply(body=BODY), served) as server,
        ClusterClient(access_to(server.url, **access), QUICK) as client,
    ):
        return str(await client.version())


async def test_a_server_that_the_clusters_authority_vouches_for_is_trusted(
    made: Authority,
) -> None:
    assert await version(serves(made, "address"), tls=trusting(made)) == "v1.36.2"


async def test_a_server_that_another_authority_vouches_for_is_not(
    made: Authority, other: Authority
) -> None:
    """CLU-7."""
    with pytest.raises(NotTrusted) as failed:
        await version(serves(made, "address"), tls=trusting(other))
    assert "certificate-authority-data" in failed.value.hint


async def test_the_systems_authorities_do_not_vouch_for_it(made: Authority) -> None:
    with pytest.raises(NotTrusted):
        await version(serves(made, "address"), tls=Tls())


async def test_a_certificate_for_another_name_is_not_trusted(made: Authority) -> None:
    with pytest.raises(NotTrusted, match="IP address mismatch"):
        await version(serves(made, "named"), tls=trusting(made))


async def test_the_name_to_expect_may_be_given(made: Authority) -> None:
    named = trusting(made, server_name="kubernetes.example")
    assert await version(serves(made, "named"), tls=named) == "v1.36.2"
    wrong = trusting(made, server_name="kubernetes.evil")
    with pytest.raises(NotTrusted):
        await version(serves(made, "named"), tls=wrong)


async def test_no_check_is_made_where_the_user_wants_none(made: Authority) -> None:
    assert await version(serves(made, "named"), tls=Tls(insecure=True)) == "v1.36.2"


async def test_words_around_an_authority_do_no_harm(made: Authority) -> None:
    text = "# Zürich\n".encode() + made.certificate.read_bytes() + b"\nbye"
    assert await version(serves(made, "address"), tls=Tls(authority=text)) == "v1.36.2"


async def test_the_servers_own_certificate_may_be_the_anchor(made: Authority) -> None:
    """As Go does it: some kubeconfigs hold no root, only what the server shows."""
    leaf = Tls(authority=(made.folder / "address.crt").read_bytes())
    assert await version(serves(made, "address"), tls=leaf) == "v1.36.2"


async def test_a_client_certificate_is_shown(made: Authority) -> None:
    held = Fixed(["token"], shown=shown(made, "ana"))
    served = serves(made, "address", clients=True)
    assert await version(served, tls=trusting(made), credentials=held) == "v1.36.2"


async def test_a_server_that_wants_a_certificate_and_gets_none_is_told(made: Authority) -> None:
    with pytest.raises((TlsFailed, ConnectionLost)):  # some say why, some hang up
        await version(serves(made, "address", clients=True), tls=trusting(made))


class _Renewing(Fixed):
    """Credentials whose renewal brings another certificate."""

    def __init__(self, first: ClientCertificate, then: ClientCertificate) -> None:
        super().__init__(["stale", "fresh"], shown=first)
        self._then = then

    async def renew(self) -> bool:
        self.shown = self._then
        return await super().renew()


async def test_a_renewed_certificate_is_shown_on_connections_of_its_own(made: Authority) -> None:
    held = _Renewing(shown(made, "ana"), shown(made, "bob"))

    def guarded(asked: Asked) -> Reply:
        fine = asked.headers["authorization"] == "Bearer fresh"
        return Reply(200 if fine else 401, BODY if fine else b"{}")

    async with serving(guarded, serves(made, "address", clients=True)) as server:
        access = access_to(server.url, tls=trusting(made), credentials=held)
        async with ClusterClient(access, QUICK) as client:
            assert str(await client.version()) == "v1.36.2"
        assert server.subjects == ["ana", "bob"]


def test_a_key_never_touches_the_disk(made: Authority, tmp_path: Path) -> None:
    """Every file that is opened while a certificate is loaded, as Python's audit hooks see it."""
    program = f"""
import sys
from pathlib import Path
from upid.adapters.kubernetes import tls
from upid.adapters.kubernetes.access import ClientCertificate, Tls
folder = Path({str(made.folder)!r})
read = lambda name: (folder / name).read_bytes()
held = ClientCertificate(read("ana.crt"), read("ana.key"))
anchor = read("ca.crt")
opened = []
sys.addaudithook(lambda name, given: opened.append(given) if name == "open" else None)
tls.context(Tls(authority=anchor), held)
print([one for one in opened if not isinstance(one[0], int)])
"""
    import subprocess

    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert ran.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_where_no_file_can_be_in_memory_a_pipe_does(made: Authority) -> None:
    """What happens on macOS, which has no memfd."""
    held = shown(made, "ana")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with tls.piped(held.certificate) as certificate, tls.piped(held.key) as key:
        context.load_cert_chain(certificate, key)


def test_a_pipe_that_nobody_reads_holds_nothing_up() -> None:
    with tls.piped(b"x" * 1_000_000):
        pass


def encrypted(one: Authority) -> bytes:
    import subprocess

    command = ["openssl", "ec", "-in", str(one.folder / "ana.key"), "-aes256"]
    return subprocess.run(
        [*command, "-passout", "pass:hunter2"], capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize("broken", ["certificate", "key", "both", "pair", "password"])
async def test_a_certificate_that_does_not_load_is_told_without_its_content(
    broken: str, made: Authority
) -> None:
    good, bob = shown(made, "ana"), shown(made, "bob")
    junk = b"-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"
    held = {
        "certificate": ClientCertificate(junk, good.key),
        "key": ClientCertificate(good.certificate, b"hunter2"),
        "both": ClientCertificate(b"", b""),
        "pair": ClientCertificate(good.certificate, bob.key),
        "password": ClientCertificate(good.certificate, encrypted(made)),
    }[broken]
    with pytest.raises(CertificateUnusable) as failed:
        await version(
            serves(made, "address"), tls=trusting(made), credentials=Fixed(["t"], shown=held)
        )
    assert "hunter2" not in str(failed.value) + repr(failed.value.__cause__)
    assert "the client certificate cannot be used" in failed.value.message


async def test_an_authority_that_is_no_certificate_is_told(made: Authority) -> None:
    for junk in (b"junk", "ä".encode(), b""):
        with pytest.raises(CertificateUnusable, match="certificate authority"):
            await version(serves(made, "address"), tls=Tls(authority=junk))


def test_no_descriptor_is_left_open(made: Authority) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(20):
        tls.context(trusting(made), shown(made, "ana"))
    assert len([*Path("/proc/self/fd").iterdir()]) <= before + 1


async def test_access_that_nobody_renews_makes_one_context(made: Authority) -> None:
    """Ten requests at once, before any connection stands."""
    async with serving(lambda _: Reply(body=BODY), serves(made, "address")) as server:
        access: Access = access_to(server.url, tls=trusting(made))
        async with ClusterClient(access, QUICK) as client:
            await asyncio.gather(*(client.version() for _ in range(10)))
            pool = client._asking._connections._pool
            assert pool is not None
            assert not pool.retired
            assert pool.users == 0
