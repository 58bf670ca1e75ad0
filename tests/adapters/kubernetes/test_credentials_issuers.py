"""Tokens of an OpenID Connect issuer: refreshed when they end, kept in memory. CLU-1."""

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.adapters.kubernetes.test_credentials import NOW, SECRET, Hand, failure, token
from tests.world.certificates import authority
from upid.adapters.kubernetes.credentials import IssuedToken, Issuer, Proofs

pytestmark = pytest.mark.anyio


def jwt(ends: datetime, name: str) -> str:
    def part(value: Mapping[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part({'exp': ends.timestamp(), 'sub': name})}.c2ln"


@dataclass
class TokenServer:
    """A real OpenID Connect issuer over https that replaces refresh-tokens at each use."""

    url: str
    authority: str
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refuse_header: bool = False
    status: int = 200
    reply: dict[str, object] = field(default_factory=dict)


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[TokenServer]:
    signer = authority(tmp_path / "pki")
    certificate, key = signer.server("issuer", "DNS:localhost")
    found = TokenServer("", signer.certificate.read_text())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/realm/.well-known/openid-configuration"
            self._reply(200, {"token_endpoint": f"{found.url}/token"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            header = self.headers.get("Authorization", "")
            found.asked.append((header, form))
            refused = found.refuse_header and header
            self._reply(401 if refused else found.status, found.reply)

        def _reply(self, status: int, body: Mapping[str, object]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Write nothing to the terminal."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        found.url = f"https://localhost:{server.server_address[1]}/realm"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def issued(issuer: TokenServer, hand: Hand, ends: float, secret: str = "") -> Proofs:
    known = Issuer(issuer.url, "upid", secret, issuer.authority)
    first = jwt(NOW + timedelta(seconds=ends), "first")
    bearer = IssuedToken(known, "ana", token=first, refresh="r1", clock=hand)
    return Proofs("ana", bearer)


async def test_an_id_token_is_used_until_it_ends_and_then_refreshed(issuer: TokenServer) -> None:
    hand = Hand()
    second = jwt(NOW + timedelta(hours=2), "second")
    issuer.reply = {"id_token": second, "refresh_token": "r2"}
    proofs = issued(issuer, hand, 3600)
    assert await token(proofs) == jwt(NOW + timedelta(hours=1), "first")
    assert issuer.asked == []

    hand.pass_(3595)
    assert await asyncio.gather(*(token(proofs) for _ in range(5))) == [second] * 5
    form = {"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "upid"}
    assert issuer.asked == [("", form)]

    hand.pass_(7200)
    await proofs.headers()
    assert "r2" in issuer.asked[1][1].values()


@pytest.mark.parametrize("refuse_header", [False, True])
async def test_a_secret_goes_in_the_header_and_only_if_refused_in_the_form(
    issuer: TokenServer, *, refuse_header: bool
) -> None:
    issuer.refuse_header = refuse_header
    issuer.reply = {"id_token": jwt(NOW + timedelta(hours=1), "second")}

    await issued(issuer, Hand(), 0, "p/w").headers()

    header, form = issuer.asked[0]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"upid:p%2Fw"
    assert "client_secret" not in form
    assert [asked[1].get("client_secret") for asked in issuer.asked[1:]] == ["p/w"] * refuse_header


async def test_after_a_refusal_an_id_token_is_refreshed_once(issuer: TokenServer) -> None:
    issuer.reply = {"id_token": jwt(NOW + timedelta(hours=1), "second")}
    proofs = issued(issuer, Hand(), 3600)

    assert await asyncio.gather(*(proofs.renew() for _ in range(5))) == [True] * 5
    assert len(issuer.asked) == 1


@pytest.mark.parametrize(
    ("status", "reply"),
    [(200, {}), (200, {"id_token": 7}), (400, {"error": SECRET}), (500, {}), (302, {})],
)
async def test_an_issuer_that_gives_nothing_is_an_error_that_names_it(
    issuer: TokenServer, status: int, reply: dict[str, object]
) -> None:
    issuer.status, issuer.reply = status, reply

    error = await failure(issued(issuer, Hand(), 0))

    assert "'localhost'" in error.message
    assert SECRET not in str(error)


async def test_an_issuer_that_cannot_be_trusted_gets_no_refresh_token(issuer: TokenServer) -> None:
    known = Issuer(issuer.url, "upid")  # the system's authorities do not know it
    error = await failure(Proofs("ana", IssuedToken(known, "ana", refresh="r1", clock=Hand())))
    assert "cannot be reached" in error.message
    plain = Issuer(issuer.url.replace("https:", "http:"), "upid")
    error = await failure(Proofs("ana", IssuedToken(plain, "ana", refresh="r1", clock=Hand())))
    assert "without https" in error.message
    assert issuer.asked == []


async def test_an_ended_id_token_without_a_refresh_token_is_an_error(issuer: TokenServer) -> None:
    ended = jwt(NOW - timedelta(hours=1), "first")
    known = Issuer(issuer.url, "upid", authority=issuer.authority)
    proofs = Proofs("ana", IssuedToken(known, "ana", token=ended, clock=Hand()))

    error = await failure(proofs)

    assert "refresh-token" in error.message
    assert ended not in str(error)
    assert not await proofs.renew()
