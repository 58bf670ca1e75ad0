"""Connections to strangers' clusters: to permitted addresses, the very ones that were judged."""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.adapters.kubernetes.client_server import QUICK, Reply, access_to, serving
from tests.world.certificates import Authority, authority
from upid.adapters.kubernetes.access import Tls
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.client import ClusterClient, NameUnknown, NotTrusted
from upid.adapters.kubernetes.client.addressing import Addressing, Target
from upid.adapters.kubernetes.errors import AddressRefused

pytestmark = pytest.mark.anyio

BODY = b'{"major":"1","minor":"36","gitVersion":"v1.36.2"}'


@dataclass
class Only:
    """Permits some addresses and remembers all that it was asked."""

    permitted: set[str]
    asked: list[str] = field(default_factory=list)

    def permits(self, address: str) -> bool:
        self.asked.append(address)
        return address in self.permitted


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    found = authority(tmp_path_factory.mktemp("trusted"))
    found.server("local", "DNS:localhost")
    return found


def serves(one: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(one.folder / "local.crt", one.folder / "local.key")
    return context


async def version(url: str, **access: Any) -> str:  # noqa: ANN401 - any part of it
    async with ClusterClient(access_to(url, **access), QUICK) as client:
        return str(await client.version())


async def test_a_permitted_address_is_asked_by_the_servers_name(made: Authority) -> None:
    """SEC-6: TLS expects the name although the connection goes to the address."""
    only = Only({"127.0.0.1"})
    trusted = Tls(authority=made.certificate.read_bytes())
    async with serving(lambda _: Reply(body=BODY), serves(made)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        assert await version(f"{url}/at", tls=trusted, addresses=only) == "v1.36.2"
        [asked] = server.asked
    assert asked.headers["host"] == url.removeprefix("https://")
    assert asked.path == "/at/version"
    assert "127.0.0.1" in only.asked


async def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    """A8: not to the name, which may lead elsewhere when it is resolved once more."""
    access = access_to("https://localhost:6443/at", addresses=Only({"127.0.0.1"}))
    target = await Addressing(access, QUICK).target()
    assert target == Target("https://127.0.0.1:6443/at", "localhost:6443", "localhost")
    access = access_to("https://[::1]", addresses=Only({"::1"}))
    assert await Addressing(access, QUICK).target() == Target("https://[::1]", "[::1]", "::1")


async def test_the_name_is_still_what_the_certificate_must_have(made: Authority) -> None:
    trusted = Tls(authority=made.certificate.read_bytes())
    async with serving(lambda _: Reply(body=BODY), serves(made)) as server:
        with pytest.raises(NotTrusted):
            await version(server.url, tls=trusted, addresses=Only({"127.0.0.1"}))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001"])
async def test_nothing_is_sent_to_an_address_that_is_not_permitted(host: str) -> None:
    """A8: in every spelling that the system's resolver takes."""
    async with serving(lambda _: Reply(body=BODY)) as server:
        url = server.url.replace("127.0.0.1", host)
        with pytest.raises(AddressRefused):
            await version(url, addresses=AddressPolicy())
        assert server.asked == []
        assert server.connections == 0


async def test_a_name_is_judged_again_for_each_request(made: Authority) -> None:
    """A8: a name that leads somewhere harmless first and to the host's own services then."""
    only = Only({"127.0.0.1"})
    trusted = Tls(authority=made.certificate.read_bytes())
    async with serving(lambda _: Reply(body=BODY), serves(made)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        access = access_to(url, tls=trusted, addresses=only)
        async with ClusterClient(access, QUICK) as client:
            await client.version()
            only.permitted.clear()
            with pytest.raises(AddressRefused):
                await client.version()
        assert len(server.asked) == 1


async def test_a_proxy_may_not_choose_the_address() -> None:
    with pytest.raises(AddressRefused, match="proxy") as failed:
        await version(
            "https://example.com", proxy="http://me:hunter2@10.0.0.9:3128", addresses=Only(set())
        )
    assert "hunter2" not in failed.value.message


async def test_a_name_without_an_address_is_told() -> None:
    with pytest.raises(NameUnknown):
        await version("https://no-such-host.invalid", addresses=AddressPolicy())
    await asyncio.sleep(0)
