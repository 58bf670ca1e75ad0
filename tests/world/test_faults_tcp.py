"""The fault proxy before a TCP server: each fault as a real client meets it."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.world.faults import (
    Answer,
    Blackhole,
    Delay,
    Drip,
    DropReply,
    FaultNeverFired,
    FaultProxy,
    LineSession,
    Outcome,
    Plan,
    ProxyTrouble,
    RedisSession,
    Reset,
    Truncate,
)
from tests.world.faults.origin import Echo, serving

PATIENCE = 10  # seconds
GREETING = b"welcome\n"


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    with serving(server):
        yield server


def before(echo: Echo, plan: Plan | None = None) -> FaultProxy:
    return FaultProxy(echo.url, plan, framing=LineSession)


def greeted(proxy: FaultProxy) -> socket.socket:
    plug = socket.create_connection(proxy.address, PATIENCE)
    got = b""
    while len(got) < len(GREETING):
        got += plug.recv(1)
    assert got == GREETING
    return plug


def say(plug: socket.socket, content: bytes) -> bytes:
    """Send bytes and return what comes, until a line's end or the connection's."""
    plug.sendall(content)
    got = b""
    while not got.endswith(b"\n") and (more := plug.recv(1000)):
        got += more
    return got


def test_messages_are_counted_over_all_connections(echo: Echo) -> None:
    with before(echo) as proxy:
        with greeted(proxy) as one, greeted(proxy) as two:
            assert say(one, b"SET a\n") == b"SET a\n"
            assert say(two, b"GET b\n") == b"GET b\n"
            one.sendall(b"DEL c\nDEL d\n")
        seen = proxy.wait_for("four messages", lambda r: len(r) == 4)
    assert [(r.number, r.connection, r.method, r.path) for r in seen] == [
        (1, 1, "SET", "a"),
        (2, 2, "GET", "b"),
        (3, 1, "DEL", "c"),
        (4, 1, "DEL", "d"),
    ]
    assert seen[0].body_bytes == seen[0].reply_bytes == len(b"SET a\n")


def test_a_message_is_held_back_until_it_is_whole(echo: Echo) -> None:
    with before(echo) as proxy, greeted(proxy) as plug:
        plug.sendall(b"half ")
        with greeted(proxy):  # by now the proxy has read the half
            assert proxy.requests == []
        assert say(plug, b"whole\n") == b"half whole\n"
        assert len(proxy.requests) == 1


def test_the_reply_to_the_second_message_is_dropped(echo: Echo) -> None:
    with before(echo, Plan().at(2, DropReply())) as proxy, greeted(proxy) as plug:
        assert say(plug, b"1\n") == b"1\n"
        assert say(plug, b"2\n") == b""
        assert proxy.requests[1].outcome is Outcome.DROPPED
    assert echo.seen == [b"1\n", b"2\n"]


def test_a_reset_comes_before_or_in_the_middle(echo: Echo) -> None:
    with before(echo, Plan().at(1, Reset()).at(2, Reset(after=2))) as proxy:
        with greeted(proxy) as plug, pytest.raises(ConnectionResetError):
            say(plug, b"12345\n")
        assert echo.seen == []
        with greeted(proxy) as plug:
            plug.sendall(b"12345\n")
            assert plug.recv(1, socket.MSG_WAITALL) == b"1"
            assert plug.recv(1) == b"2"
            with pytest.raises(ConnectionResetError):
                plug.recv(1)


def test_a_reply_is_truncated_at_the_byte(echo: Echo) -> None:
    with before(echo, Plan().at(1, Truncate(after=3))) as proxy, greeted(proxy) as plug:
        assert say(plug, b"12345\n") == b"123"
        assert proxy.requests[0].outcome is Outcome.CUT


def test_delays_and_drips_take_their_time(echo: Echo) -> None:
    plan = Plan().at(1, Delay(0.1)).at(2, Delay(0.1, reply=True)).at(3, Drip(40))
    with before(echo, plan) as proxy, greeted(proxy) as plug:
        start = time.monotonic()
        assert [say(plug, b"%d2345678\n" % n)[:1] for n in (1, 2, 3)] == [b"1", b"2", b"3"]
        assert time.monotonic() - start >= 0.1 + 0.1 + 8 / 40


@pytest.mark.parametrize("forward", [False, True])
def test_a_blackhole_never_answers(echo: Echo, forward: bool) -> None:
    with before(echo, Plan().at(1, Blackhole(forward))) as proxy, greeted(proxy) as plug:
        plug.sendall(b"1\n")
        proxy.wait_for("the hole", lambda r: r[0].outcome is Outcome.SWALLOWED)
        plug.setblocking(False)
        with pytest.raises(BlockingIOError):
            plug.recv(1)
    assert len(echo.seen) == forward


def test_a_partition_breaks_and_refuses_until_healed(echo: Echo) -> None:
    with before(echo) as proxy:
        with greeted(proxy) as plug, proxy.partitioned():
            with pytest.raises(ConnectionResetError):
                plug.recv(1)
            with pytest.raises(ConnectionRefusedError):
                greeted(proxy)
        greeted(proxy).close()


def test_a_client_that_ends_its_side_still_gets_the_rest(echo: Echo) -> None:
    with before(echo) as proxy, greeted(proxy) as plug:
        plug.sendall(b"1\n2\n")
        plug.shutdown(socket.SHUT_WR)
        got = b""
        while more := plug.recv(100):
            got += more
        assert got == b"1\n2\n"


def test_the_end_of_upstream_reaches_the_client(echo: Echo) -> None:
    class Short(Echo):
        def finish_request(self, request: object, client_address: object) -> None:
            """Close at once."""

    upstream = Short()
    with serving(upstream), before(upstream) as proxy:
        plug = socket.create_connection(proxy.address, PATIENCE)
        with plug:
            assert plug.recv(1) == b""


def test_an_answer_is_refused_where_there_is_no_http(echo: Echo) -> None:
    with pytest.raises(ValueError, match="only HTTP"):
        before(echo, Plan().at(1, Answer(409)))


def test_a_message_that_never_came_is_an_error(echo: Echo) -> None:
    proxy = before(echo, Plan().at(2, DropReply()))
    complaint = "drop-reply at request 2"
    with pytest.raises(FaultNeverFired, match=complaint), proxy, greeted(proxy) as plug:
        say(plug, b"1\n")


@contextmanager
def told_off(proxy: FaultProxy) -> Iterator[socket.socket]:
    """Yield a connection that is to be reset."""
    with greeted(proxy) as plug, pytest.raises(ConnectionResetError):
        yield plug


def test_a_protocol_that_is_not_the_expected_one_is_an_error(echo: Echo) -> None:
    proxy = FaultProxy(echo.url, framing=RedisSession)
    with pytest.raises(ProxyTrouble, match="no RESP"), proxy, told_off(proxy) as plug:
        say(plug, b"*1\r\n?\r\n")
