"""Killing the author of a request before, after and after-drop; every crash point of a job."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.faults import (
    Answer,
    DropReply,
    FaultProxy,
    Kill,
    LineSession,
    Moment,
    Outcome,
    Plan,
    ProxyTrouble,
    Record,
    Reset,
    crash_points,
    each,
    kills,
    learn,
    pairs,
)
from tests.world.faults.origin import Echo, Origin, serving

PATIENCE = 10  # seconds
KILLED = -9  # what a parent sees of SIGKILL

# Sends numbered requests until one fails, and says what it got of each. Written for bare sockets:
# a child that imports an HTTP client takes ten times as long to start.
AUTHOR = """
import socket, sys, time
address, kind, count = ("127.0.0.1", int(sys.argv[1])), sys.argv[2], int(sys.argv[3])
plug = socket.create_connection(address)
plug.settimeout(10)
if kind == "lines":
    plug.recv(100)
for number in range(1, count + 1):
    if kind == "lines":
        plug.sendall(b"line %d\\n" % number)
    else:
        head = b"POST /%d HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 4\\r\\n\\r\\n" % number
        plug.sendall(head + b"body")
    got, more = b"", b"?"
    while more and not got.endswith(b"\\n" if kind == "lines" else b"body"):
        try:
            more = plug.recv(1000)
        except ConnectionError:
            more = b""
        got += more
    print(number, "answered" if more else f"closed after {len(got)}", flush=True)
    if not more:
        time.sleep(30)
print("done", flush=True)
"""


@pytest.fixture(params=["http", "lines"])
def upstream(request: pytest.FixtureRequest) -> Iterator[Origin | Echo]:
    server = Origin() if request.param == "http" else Echo()
    with serving(server):
        yield server


def through(upstream: Origin | Echo, plan: Plan | None = None) -> FaultProxy:
    return FaultProxy(upstream.url, plan, framing=LineSession)


def arrived(upstream: Origin | Echo) -> list[str]:
    """Return what upstream acted on: `1`, `2`, …"""
    return [
        one[1].removeprefix("/") if isinstance(one, tuple) else one.split()[1].decode()
        for one in upstream.seen
    ]


@contextmanager
def author(
    proxy: FaultProxy, upstream: Origin | Echo, count: int = 5
) -> Iterator[subprocess.Popen[str]]:
    kind = "http" if isinstance(upstream, Origin) else "lines"
    command = [sys.executable, "-I", "-S", "-c", AUTHOR, str(proxy.address[1]), kind, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def run(proxy: FaultProxy, upstream: Origin | Echo, count: int = 5) -> tuple[int, list[str]]:
    """Run the author as the proxy's victim; return its exit code and what it said."""
    with author(proxy, upstream, count) as child:
        proxy.victim = child.pid
        said, _ = child.communicate(timeout=PATIENCE)
    return child.returncode, said.splitlines()


def test_killed_before_forward_upstream_hears_nothing(upstream: Origin | Echo) -> None:
    with through(upstream, Plan().at(3, Kill(Moment.BEFORE_FORWARD))) as proxy:
        code, said = run(proxy, upstream)
        assert proxy.requests[2].outcome is Outcome.KILLED
        assert not proxy.requests[2].forwarded
    assert (code, said) == (KILLED, ["1 answered", "2 answered"])
    assert arrived(upstream) == ["1", "2"]


def test_killed_after_forward_upstream_acted_once_and_the_author_got_nothing(
    upstream: Origin | Echo,
) -> None:
    with through(upstream, Plan().at(3, Kill(Moment.AFTER_FORWARD))) as proxy:
        code, said = run(proxy, upstream)
        last = proxy.requests[-1]
        assert (last.number, last.outcome, last.reply_bytes) == (3, Outcome.KILLED, 0)
    assert (code, said) == (KILLED, ["1 answered", "2 answered"])
    assert arrived(upstream) == ["1", "2", "3"]


def test_the_author_notices_the_dropped_reply_before_it_dies(upstream: Origin | Echo) -> None:
    lines: list[str] = []
    children: list[subprocess.Popen[str]] = []

    def when_it_has_noticed() -> None:
        stdout = children[0].stdout
        assert stdout is not None
        lines.extend(stdout.readline().strip() for _ in range(3))
        children[0].kill()

    plan = Plan().at(3, Kill(Moment.AFTER_DROP, when_it_has_noticed))
    with through(upstream, plan) as proxy, author(proxy, upstream, 4) as child:
        children.append(child)
        assert child.wait(PATIENCE) == KILLED
        (*_, last) = proxy.wait_for("the death", lambda r: r[-1].outcome is Outcome.KILLED)
        assert (last.number, last.forwarded, last.reply_bytes) == (3, True, 0)
    assert lines == ["1 answered", "2 answered", "3 closed after 0"]
    assert arrived(upstream) == ["1", "2", "3"]


def posted(proxy: FaultProxy) -> bytes:
    """Send a request and return the first byte of what comes back."""
    with socket.create_connection(proxy.address, PATIENCE) as plug:
        plug.sendall(b"POST /1 HTTP/1.1\r\nHost: x\r\n\r\n")
        return plug.recv(1)


def test_nothing_else_passes_while_the_author_dies() -> None:
    origin = Origin()

    def dying() -> None:
        with socket.create_connection(proxy.address, PATIENCE) as late:
            late.sendall(b"POST /late HTTP/1.1\r\nHost: x\r\n\r\n")
            proxy.wait_for("the late request", lambda r: r[-1].path == "/late")

    plan = Plan().at(1, Kill(Moment.AFTER_DROP, dying))
    with serving(origin), FaultProxy(origin.url, plan) as proxy:
        assert posted(proxy) == b""
        _, late = proxy.wait_for(
            "the end of both", lambda r: len(r) == 2 and Outcome.OPEN not in {o.outcome for o in r}
        )
        assert (late.outcome, late.forwarded) == (Outcome.CLIENT_LEFT, False)
    assert arrived(origin) == ["1"]


def test_an_author_may_end_by_itself_when_its_reply_was_dropped() -> None:
    origin = Origin()
    plan = Plan().at(1, Kill(Moment.AFTER_DROP, linger=PATIENCE))
    with serving(origin), FaultProxy(origin.url, plan) as proxy:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
            proxy.victim = child.pid
            assert posted(proxy) == b""
        proxy.close()  # goes on without the rest of the wait
    assert child.returncode == 0
    assert proxy.requests[0].outcome is Outcome.KILLED


@pytest.mark.parametrize("victim", [None, 2**22 - 1])
def test_a_kill_of_nobody_is_an_error(victim: int | None) -> None:
    origin = Origin()
    proxy = FaultProxy(origin.url, Plan().at(1, Kill(Moment.BEFORE_FORWARD)), victim=victim)
    with serving(origin), pytest.raises(ProxyTrouble, match=r"of whom|dead before"), proxy:
        assert posted(proxy) == b""


def test_a_forwarded_request_that_upstream_never_answers_is_an_error() -> None:
    class Mute(Echo):
        def finish_request(self, request: object, client_address: object) -> None:
            """Close the connection without a word."""

    upstream = Mute()
    url = upstream.url.replace("tcp", "http")
    proxy = FaultProxy(url, Plan().at(1, DropReply()))
    with serving(upstream), pytest.raises(ProxyTrouble, match="not answered"), proxy:
        assert posted(proxy) == b""


def job_of(upstream: Origin | Echo, count: int) -> Callable[[FaultProxy], object]:
    return lambda proxy: run(proxy, upstream, count)


def test_every_crash_point_of_a_job_is_met() -> None:
    origin = Origin()
    with serving(origin):
        requests = learn(job_of(origin, 2), FaultProxy(origin.url))
        cases = list(crash_points(requests))
        assert [case.name for case in cases] == [
            "001-POST-1-kill-before-forward",
            "001-POST-1-kill-after-forward",
            "001-POST-1-kill-after-drop",
            "002-POST-2-kill-before-forward",
            "002-POST-2-kill-after-forward",
            "002-POST-2-kill-after-drop",
        ]
        for case, reached in zip(cases, (0, 1, 1, 1, 2, 2), strict=True):
            origin.seen.clear()
            with FaultProxy(origin.url, case.plan) as proxy:
                code, _ = run(proxy, origin, 2)
                proxy.wait_for("the death", lambda r: r[-1].outcome is Outcome.KILLED)
            assert (code, len(origin.seen)) == (KILLED, reached), case.name


def test_a_job_that_does_not_pass_without_faults_cannot_be_learned() -> None:
    origin = Origin()
    origin.server_close()

    def job(proxy: FaultProxy) -> None:
        with pytest.raises(ConnectionResetError):
            posted(proxy)

    with pytest.raises(ProxyTrouble, match="without faults first"):
        learn(job, FaultProxy(origin.url))


def records(count: int) -> list[Record]:
    return [Record(n, 0.0, 1, "PATCH", f"/apis/apps/v1/x-{n}") for n in range(1, count + 1)]


@settings(max_examples=15)
@given(st.integers(1, 4), st.integers(0, 400), st.integers(0, 9))
def test_pairs_are_all_there_or_a_sample_that_a_seed_repeats(
    count: int, limit: int, seed: int
) -> None:
    faults = (*kills(), Answer(409), Reset())
    every = {case.name: case for case in pairs(records(count), faults)}
    assert len(every) == (count * len(faults)) ** 2
    drawn = list(pairs(records(count), faults, limit=limit, seed=seed))
    assert drawn == list(pairs(records(count), faults, limit=limit, seed=seed))
    assert len({case.name for case in drawn}) == len(drawn) == min(limit, len(every))
    assert all(every[case.name] == case for case in drawn)


@given(st.integers(1, 9))
def test_each_request_meets_each_fault_once(count: int) -> None:
    faults = (*kills(), Answer(410), Answer(429, retry_after=1), Reset(after=0))
    cases = list(each(records(count), faults))
    met = [(case.plan.rules[0].number, case.plan.rules[0].fault) for case in cases]
    assert met == [(n, fault) for n in range(1, count + 1) for fault in faults]
    assert len({str(case) for case in cases}) == len(cases)
