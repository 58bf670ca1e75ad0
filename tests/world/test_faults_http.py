"""The fault proxy before an HTTP server: each fault as a real client meets it."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest

from tests.world.faults import (
    Answer,
    Blackhole,
    Delay,
    Drip,
    DropReply,
    Fault,
    FaultNeverFired,
    FaultProxy,
    Outcome,
    Partition,
    Plan,
    ProxyTrouble,
    Reset,
    Truncate,
)
from tests.world.faults.asking import PATIENCE, ask, connect, raw, until_end
from tests.world.faults.origin import Origin, serving


@pytest.fixture
def origin() -> Iterator[Origin]:
    server = Origin()
    with serving(server):
        yield server


def test_a_watch_is_cut_after_its_second_event(origin: Origin) -> None:
    plan = Plan().when(lambda r: r.parameters.get("watch") == "1", Truncate(after=14))
    with FaultProxy(origin.url, plan) as proxy, httpx2.Client(timeout=PATIENCE) as client:
        origin.events.put(b"event 0")
        origin.events.put(b"event 1")
        with client.stream("GET", f"{proxy.url}/watch?watch=1") as reply:
            pieces, got = reply.iter_raw(), b""
            while len(got) < 14:
                got += next(pieces)
            with pytest.raises(httpx2.RemoteProtocolError):
                next(pieces)
        assert got == b"event 0event 1"
        assert origin.left.wait(PATIENCE)
        assert client.get(f"{proxy.url}/x").status_code == 200
        assert proxy.requests[0].outcome is Outcome.CUT


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (409, "Conflict"),
        (410, "Expired"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (504, "Timeout"),
    ],
)
def test_an_answer_is_a_status_and_upstream_hears_nothing(
    origin: Origin, status: int, reason: str
) -> None:
    with FaultProxy(origin.url, Plan().at(1, Answer(status, retry_after=7))) as proxy:
        with closing(connect(proxy)) as client:
            client.request("POST", "/x", b"body")
            reply = client.getresponse()
            body = json.loads(reply.read())
            client.request("POST", "/x", b"again")
            assert client.getresponse().read() == b"you sent again"
        first = proxy.requests[0]
    assert (reply.status, reply.headers["Retry-After"]) == (status, "7")
    assert (body["kind"], body["code"], body["reason"]) == ("Status", status, reason)
    assert body["details"] == {"retryAfterSeconds": 7}
    assert (first.outcome, first.forwarded, first.body_bytes) == (Outcome.ANSWERED, False, 4)
    assert [sent for _, _, sent in origin.seen] == [b"again"]


def test_a_dropped_reply_closes_the_connection_without_a_byte(origin: Origin) -> None:
    with FaultProxy(origin.url, Plan().at(1, DropReply())) as proxy:
        with raw(proxy, b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab") as plug:
            assert until_end(plug) == b""
        assert origin.seen == [("POST", "/x", b"ab")]
        (record,) = proxy.requests
    assert (record.outcome, record.status, record.reply_bytes) == (Outcome.DROPPED, 200, 0)


def test_a_body_is_truncated_at_the_byte(origin: Origin) -> None:
    with FaultProxy(origin.url, Plan().at(1, Truncate(after=100_000))) as proxy:
        with pytest.raises(http.client.IncompleteRead) as broken:
            ask(proxy, path="/big")
        assert len(broken.value.partial) == 100_000
        assert proxy.requests[0].reply_bytes == 100_000


def test_a_reset_comes_before_or_in_the_middle_of_the_reply(origin: Origin) -> None:
    plan = Plan().at(1, Reset()).at(2, Reset(after=3))
    with FaultProxy(origin.url, plan) as proxy:
        with pytest.raises(ConnectionResetError):
            ask(proxy)
        assert origin.seen == []
        with closing(connect(proxy)) as client:
            client.request("GET", "/x")
            reply = client.getresponse()
            assert reply.read(3) == b"you"
            with pytest.raises(ConnectionResetError):
                reply.read()
        assert [r.outcome for r in proxy.requests] == [Outcome.RESET] * 2


@pytest.mark.parametrize("forward", [False, True])
def test_a_blackhole_never_answers(origin: Origin, forward: bool) -> None:
    request = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    plan = Plan().at(1, Blackhole(forward))
    with FaultProxy(origin.url, plan) as proxy, raw(proxy, request) as plug:
        proxy.wait_for("the hole", lambda r: r[0].outcome is Outcome.SWALLOWED)
        plug.setblocking(False)
        with pytest.raises(BlockingIOError):
            plug.recv(1)
    assert len(origin.seen) == forward


def test_a_client_in_a_blackhole_is_let_go_when_the_proxy_closes(origin: Origin) -> None:
    proxy = FaultProxy(origin.url, Plan().always(Blackhole())).start()
    with raw(proxy, b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n") as plug:
        proxy.wait_for("the hole", lambda r: len(r) == 1)
        proxy.close()
        assert until_end(plug) == b""


@pytest.mark.parametrize(
    ("fault", "least"),
    [(Delay(0.2), 0.2), (Delay(0.2, reply=True), 0.2), (Drip(50), 8 / 50)],
)
def test_a_slow_request_takes_its_time_and_arrives_whole(
    origin: Origin, fault: Fault, least: float
) -> None:
    with FaultProxy(origin.url, Plan().at(1, fault)) as proxy:
        start = time.monotonic()
        assert ask(proxy) == b"you sent "
        assert time.monotonic() - start >= least
        assert proxy.requests[0].effects == (fault,)


def test_one_byte_a_second_drips_byte_by_byte_and_stops_with_the_client(origin: Origin) -> None:
    with FaultProxy(origin.url, Plan().at(1, Drip())) as proxy:
        with closing(connect(proxy)) as client:
            client.request("GET", "/big")
            assert client.getresponse().read(1) == b"x"
        (record,) = proxy.wait_for(
            "the client to leave", lambda r: r[0].outcome is Outcome.CLIENT_LEFT
        )
        assert record.reply_bytes <= 2


def test_two_faults_meet_in_one_request(origin: Origin) -> None:
    with FaultProxy(origin.url, Plan().at(1, Delay(0.05), Drip(40), Truncate(after=4))) as proxy:
        with pytest.raises(http.client.IncompleteRead) as broken:
            ask(proxy)
        assert broken.value.partial == b"you "
        assert len(proxy.requests[0].effects) == 3


def test_a_partition_breaks_what_is_open_and_refuses_what_comes_until_healed(
    origin: Origin,
) -> None:
    with FaultProxy(origin.url) as proxy, closing(connect(proxy)) as client:
        client.request("GET", "/watch")
        reply = client.getresponse()
        url = proxy.url
        with proxy.partitioned():
            with pytest.raises(ConnectionResetError):
                reply.read()
            with pytest.raises(ConnectionRefusedError):
                ask(proxy)
            assert origin.left.wait(PATIENCE)
        assert ask(proxy) == b"you sent "
        assert proxy.url == url


def test_the_second_request_begins_a_partition_that_heals_by_itself(origin: Origin) -> None:
    with FaultProxy(origin.url, Plan().at(2, Partition(seconds=0.1))) as proxy:
        ask(proxy)
        with pytest.raises(ConnectionResetError):
            ask(proxy)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                assert ask(proxy) == b"you sent "
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        assert [path for _, path, _ in origin.seen] == ["/x", "/x"]
        assert proxy.requests[1].had(Partition)


def test_connections_are_cut_on_demand(origin: Origin) -> None:
    with FaultProxy(origin.url) as proxy, closing(connect(proxy)) as client:
        client.request("GET", "/watch")
        reply = client.getresponse()
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            reply.read()
        assert ask(proxy) == b"you sent "


@pytest.mark.parametrize("fault", [DropReply(), Truncate(after=9), Reset(after=9)])
def test_a_fault_that_had_no_effect_is_an_error_when_the_proxy_closes(
    origin: Origin, fault: Fault
) -> None:
    number = 2 if isinstance(fault, DropReply) else 1
    complaint = f"{fault.name} at request {number}"
    proxy = FaultProxy(origin.url, Plan().at(number, fault))
    with pytest.raises(FaultNeverFired, match=complaint), proxy:
        ask(proxy)
    with FaultProxy(origin.url, Plan().at(number, fault, optional=True)) as proxy:
        ask(proxy)


def test_a_plan_is_armed_anew_and_counts_from_one(origin: Origin) -> None:
    with FaultProxy(origin.url, Plan().at(1, Answer(500))) as proxy:
        ask(proxy)
        proxy.arm(Plan().at(2, Answer(503)))
        ask(proxy)
        ask(proxy)
        assert [r.status for r in proxy.requests] == [200, 503]
        proxy.arm(Plan().at(1, Answer(503)))
        with pytest.raises(FaultNeverFired):
            proxy.arm(Plan())


def test_a_predicate_hits_as_often_as_it_may(origin: Origin) -> None:
    plan = Plan().when(lambda r: r.method == "PUT", Answer(429), times=2)
    with FaultProxy(origin.url, plan) as proxy:
        for method in ("GET", "PUT", "GET", "PUT", "PUT"):
            ask(proxy, method)
        assert [r.status for r in proxy.requests] == [200, 429, 200, 429, 200]


def test_a_proxy_that_does_not_run_says_so(origin: Origin) -> None:
    proxy = FaultProxy(origin.url)
    with pytest.raises(ProxyTrouble, match="not running"):
        proxy.partition()
    with proxy:
        pass
    proxy.close()
    assert proxy.requests == []
