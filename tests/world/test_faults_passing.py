"""The fault proxy before an HTTP server: what no fault awaits passes as if it were not there."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2
import pytest

from tests.world.faults import (
    Answer,
    Delay,
    FaultProxy,
    Outcome,
    Plan,
    Reset,
)
from tests.world.faults.asking import PATIENCE, ask, connect, raw, until_end
from tests.world.faults.origin import BIG, Echo, Origin, serving


@pytest.fixture
def origin() -> Iterator[Origin]:
    server = Origin()
    with serving(server):
        yield server


def test_requests_are_numbered_in_order_and_described(origin: Origin) -> None:
    with FaultProxy(origin.url) as proxy:
        ask(proxy)
        ask(proxy, "POST", "/pods?limit=5&fieldManager=", b"body")
        with closing(connect(proxy)) as client:
            for number in range(3):
                client.request("PATCH", f"/{number}", headers={"Authorization": "Bearer secret"})
                client.getresponse().read()
        seen = proxy.requests
    assert [(r.number, r.method, r.path) for r in seen] == [
        (1, "GET", "/x"),
        (2, "POST", "/pods"),
        (3, "PATCH", "/0"),
        (4, "PATCH", "/1"),
        (5, "PATCH", "/2"),
    ]
    post = seen[1]
    assert post.parameters == {"limit": "5", "fieldManager": ""}
    assert (post.body_bytes, post.reply_bytes, post.status) == (4, 13, 200)
    assert {r.outcome for r in seen} == {Outcome.PASSED}
    assert [r.connection for r in seen] == [1, 2, 3, 3, 3]
    assert "secret" not in str([r.headers for r in seen])
    assert abs(post.at - time.time()) < PATIENCE


def test_pipelined_requests_are_counted_one_by_one(origin: Origin) -> None:
    one = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    plan = Plan().at(2, Answer(503))
    with FaultProxy(origin.url, plan) as proxy:
        with raw(proxy, one % 1 + one % 2 + last) as plug:
            reply = until_end(plug)
        assert [r.path for r in proxy.requests] == ["/1", "/2", "/3"]
    assert [part[:3] for part in reply.split(b"HTTP/1.1 ")[1:]] == [b"200", b"503", b"200"]
    assert [path for _, path, _ in origin.seen] == ["/1", "/3"]


def test_bodies_in_chunks_pass_both_ways(origin: Origin) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    with FaultProxy(origin.url) as proxy, httpx2.Client() as client:
        reply = client.post(f"{proxy.url}/x", content=pieces())
        assert proxy.requests[0].body_bytes == 7
    assert reply.content == b"you sent one two"
    assert origin.seen == [("POST", "/x", b"one two")]


def test_big_bodies_pass_whole(origin: Origin) -> None:
    with FaultProxy(origin.url) as proxy:
        assert len(ask(proxy, path="/big")) == BIG
        assert len(ask(proxy, "POST", "/x", b"y" * BIG)) == BIG + 9
        assert proxy.requests[1].body_bytes == BIG


def test_head_and_keep_alive_go_together(origin: Origin) -> None:
    with FaultProxy(origin.url) as proxy, closing(connect(proxy)) as client:
        client.request("HEAD", "/big")
        reply = client.getresponse()
        assert (reply.read(), reply.headers["Content-Length"]) == (b"", str(BIG))
        client.request("GET", "/x")
        assert client.getresponse().read() == b"you sent "
        assert [r.connection for r in proxy.requests] == [1, 1]


def test_a_client_that_waits_for_100_gets_it_from_upstream(origin: Origin) -> None:
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
    head += b"Connection: close\r\n\r\n"
    with FaultProxy(origin.url) as proxy, raw(proxy, head) as plug:
        assert plug.recv(1000).startswith(b"HTTP/1.1 100")
        assert origin.seen == []
        plug.sendall(b"ok")
        assert until_end(plug).endswith(b"you sent ok")


def test_a_client_that_waits_for_100_is_answered_without_its_body(origin: Origin) -> None:
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with FaultProxy(origin.url, Plan().at(1, Answer(409))) as proxy, raw(proxy, head) as plug:
        assert until_end(plug).startswith(b"HTTP/1.1 409")
    assert origin.seen == []


def test_after_an_upgrade_bytes_pass_both_ways(origin: Origin) -> None:
    head = b"POST /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    with FaultProxy(origin.url) as proxy:
        with raw(proxy, head + b"early ") as plug:
            reply = b""
            while not reply.endswith(b"EARLY "):
                reply += plug.recv(1000)
            plug.sendall(b"late")
            plug.shutdown(socket.SHUT_WR)
            reply += until_end(plug)
        seen = proxy.wait_for("the end of the tunnel", lambda r: r[0].outcome is Outcome.PASSED)
    assert reply.startswith(b"HTTP/1.1 101")
    assert reply.endswith(b"hello EARLY LATE")
    assert seen[0].status == 101


def test_an_event_of_a_watch_passes_before_the_next_one_is_sent(origin: Origin) -> None:
    with FaultProxy(origin.url) as proxy, httpx2.Client(timeout=PATIENCE) as client:
        with client.stream("GET", f"{proxy.url}/watch") as reply:
            lines = reply.iter_lines()
            for number in range(3):
                origin.events.put(b"event %d\n" % number)
                assert next(lines) == f"event {number}"
            assert proxy.requests[0].outcome is Outcome.OPEN
        assert origin.left.wait(PATIENCE), "upstream was not told that its client left"
        proxy.wait_for("the client to leave", lambda r: r[0].outcome is Outcome.CLIENT_LEFT)


def test_clients_speak_tls_when_the_proxy_does(origin: Origin) -> None:
    with FaultProxy(origin.url, Plan().at(2, Reset()), tls=True) as proxy:
        context = ssl.create_default_context(cadata=proxy.certificate)
        with httpx2.Client(verify=context) as client:
            assert proxy.url.startswith("https://")
            assert client.get(f"{proxy.url}/x").content == b"you sent "
            with pytest.raises(httpx2.TransportError):  # OpenSSL makes of RST an end of file
                client.get(f"{proxy.url}/x")


def test_upstream_may_speak_tls(origin: Origin) -> None:
    with FaultProxy(origin.url, tls=True) as secure, FaultProxy(secure.url) as proxy:
        assert ask(proxy, "POST", "/x", b"y" * BIG).endswith(b"yy")
        with closing(connect(proxy)) as client:
            client.request("GET", "/watch")
            origin.events.put(b"now")
            assert client.getresponse().read(3) == b"now"


def test_a_server_that_is_not_there_is_a_broken_connection(origin: Origin) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    with FaultProxy(url) as proxy:
        with pytest.raises(ConnectionResetError):
            ask(proxy)
        assert proxy.requests[0].outcome is Outcome.UPSTREAM_REFUSED


class Rude(Echo):
    """Says one thing, whatever it is asked, and closes."""

    said = b""

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        request.recv(65536)
        request.sendall(self.said)


@pytest.fixture
def rude() -> Iterator[Rude]:
    server = Rude()
    with serving(server):
        yield server


def test_a_reply_that_ends_with_its_connection_passes_whole(rude: Rude) -> None:
    rude.said = b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100_000
    with FaultProxy(rude.url.replace("tcp", "http")) as proxy:
        assert ask(proxy) == b"x" * 100_000
        assert ask(proxy) == b"x" * 100_000


def test_what_upstream_breaks_is_broken_for_the_client(rude: Rude) -> None:
    with FaultProxy(rude.url.replace("tcp", "http")) as proxy:
        rude.said = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
        with pytest.raises(http.client.IncompleteRead):
            ask(proxy)
        rude.said = b""
        with pytest.raises(http.client.RemoteDisconnected):
            ask(proxy)
        assert {r.outcome for r in proxy.requests} == {Outcome.UPSTREAM_BROKE}


def test_requests_of_many_connections_have_a_number_each(origin: Origin) -> None:
    def ten(proxy: FaultProxy) -> None:
        with closing(connect(proxy)) as client:
            for _ in range(10):
                client.request("GET", "/x")
                client.getresponse().read()

    with FaultProxy(origin.url, Plan().at(55, Delay(0.01))) as proxy:
        with ThreadPoolExecutor(10) as many:
            for done in [many.submit(ten, proxy) for _ in range(10)]:
                done.result(PATIENCE)
        seen = proxy.requests
    assert [r.number for r in seen] == list(range(1, 101))
    assert {r.outcome for r in seen} == {Outcome.PASSED}
    assert len(origin.seen) == 100
