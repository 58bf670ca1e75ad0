"""What stands between client and server and does mischief is found, request by request."""

import re
import socketserver
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import SHUT_WR, create_connection

import pytest

from tests.world.ledger import Account, Host, Plan, Shape, Target, serve, traffic

pytestmark = pytest.mark.world

PATIENCE = 10.0  # seconds for anything between two programs of one machine
TWICE, SWALLOW, FORGE = "twice", "swallow", "forge"


class Listener(socketserver.ThreadingTCPServer):
    """Listens on a free port of this machine; `did` collects ids by what was done to them."""

    daemon_threads = True
    request_queue_size = 128
    upstream = ("", 0)

    def __init__(self, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.did: dict[str, set[str]] = defaultdict(set)

    @property
    def address(self) -> str:
        host, port = self.socket.getsockname()
        return f"{host}:{port}"


@contextmanager
def listening(
    handler: type[socketserver.BaseRequestHandler], upstream: str = ""
) -> Iterator[Listener]:
    with Listener(handler) as made:
        if upstream:
            name, _, port = upstream.rpartition(":")
            made.upstream = (name, int(port))
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join(PATIENCE)


class Middleman(socketserver.StreamRequestHandler):
    """Forwards lines; of every 20, one twice, one not at all, and one it answers by itself."""

    timeout = PATIENCE
    server: Listener

    def handle(self) -> None:
        for line in self.rfile:
            id = line.decode().strip()
            mischief = {3: TWICE, 8: SWALLOW, 15: FORGE}.get(int(id[-7:]) % 20, "")
            self.server.did[mischief].add(id)
            if mischief == SWALLOW:
                return
            answer = line if mischief == FORGE else self.forward(line * (1 + (mischief == TWICE)))
            self.wfile.write(answer)

    def forward(self, lines: bytes) -> bytes:
        """Return the first line of the answer, once all of it has come."""
        with create_connection(self.server.upstream, PATIENCE) as onward:
            onward.sendall(lines)
            onward.shutdown(SHUT_WR)
            answer = b""
            while piece := onward.recv(4096):
                answer += piece
        return answer.splitlines(keepends=True)[0]


def test_a_middleman_that_doubles_swallows_and_forges_is_found_out(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    with listening(Middleman, server.tcp) as middleman:
        plan = Plan(targets=(Target("tcp", middleman.address),), rate=200, count=400)
        with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
            account = running.account()

    assert set(account.duplicated) == middleman.did[TWICE]
    assert {one.id for one in account.lost} == middleman.did[SWALLOW]
    assert {one.outcome for one in account.lost} == {"reset"}
    assert {one.id for one in account.contradicted} == middleman.did[FORGE]
    assert [len(middleman.did[one]) for one in (TWICE, SWALLOW, FORGE)] == [20, 20, 20]
    with pytest.raises(AssertionError, match="20 sent, not answered and seen by no server"):
        account.assert_nothing_lost()
    with pytest.raises(AssertionError, match="20 served more than once"):
        account.assert_nothing_duplicated()


HTTP_ID = re.compile(rb"X-Request-Id: (\S+)", re.IGNORECASE)


class Breaker(socketserver.StreamRequestHandler):
    """Answers the first request of a connection and breaks it on the second, having read it."""

    timeout = PATIENCE
    server: Listener

    def handle(self) -> None:
        for number in range(2):
            id = self.receive()
            if id is None:
                return
            known = "again" if id in self.server.did["once"] else "once"
            self.server.did[known].add(id)
            if number == 0:
                body = f"{id}\n"
                self.wfile.write(
                    f"HTTP/1.1 200 OK\r\nX-Request-Id: {id}\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )

    def receive(self) -> str | None:
        """Read the header of a request and return its id; None at the end."""
        header = b""
        while not header.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return None
            header += line
        found = HTTP_ID.search(header)
        assert found is not None
        return found[1].decode()


def test_the_client_never_sends_a_request_again_by_itself(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    """Go's own client repeats a GET on a connection that broke: it would look like a duplicate."""
    with listening(Breaker) as breaker:
        plan = Plan(targets=(Target("http/1.1", breaker.address),), rate=50, count=40)
        with traffic(actor, plan, here, tmp_path / "calls") as running:
            running.wait()
            account = running.ledger.account()

    assert breaker.did["again"] == set()
    assert len(breaker.did["once"]) == 40
    assert {one.outcome for one in account.failed} == {"reset"}
    assert len(account.failed) > 0


ANSWERS = {
    "status": "HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nno\n",
    "truncated": "HTTP/1.1 200 OK\r\nX-Request-Id: {id}\r\nContent-Length: 99\r\n\r\n{id}\n",
    "wrong-body": "HTTP/1.1 200 OK\r\nX-Request-Id: {id}\r\nContent-Length: 3\r\n\r\nno\n",
    "reset": "",
}


class Liar(Breaker):
    """Answers each request in the way that its path asks for, and hangs up."""

    def handle(self) -> None:
        header = self.rfile.readline().decode()
        id = self.receive()
        asked = header.split()[1].strip("/")
        self.wfile.write(ANSWERS[asked].format(id=id).encode())


@pytest.mark.parametrize("ending", sorted(ANSWERS))
def test_each_way_to_fail_has_its_own_name(
    actor: Path, here: Host, tmp_path: Path, ending: str
) -> None:
    with listening(Liar) as liar:
        account = tried(actor, here, tmp_path, liar.address, Shape(f"/{ending}"))

    assert [one.outcome for one in account.requests] == [ending] * 5


def test_who_is_not_there_refuses_and_who_stands_still_runs_out_of_time(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    with listening(Liar) as liar:
        gone = liar.address
    refused = tried(actor, here, tmp_path, gone, Shape("/"))
    server = serve(actor, here, "server")
    late = tried(actor, here, tmp_path, server.http, Shape("/?delay=5s"), timeout=0.2)

    assert {one.outcome for one in refused.requests} == {"refused"}
    assert {one.outcome for one in late.requests} == {"timeout"}


def tried(
    actor: Path, here: Host, folder: Path, address: str, shape: Shape, timeout: float = 5
) -> Account:
    plan = Plan(
        targets=(Target("http/1.1", address),), rate=100, count=5, shapes=(shape,), timeout=timeout
    )
    log = folder / f"calls-{len(here.programs)}"
    with traffic(actor, plan, here, log) as running:
        return running.account()
