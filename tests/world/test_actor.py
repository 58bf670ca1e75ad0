"""The actor serves, counts, fails and ends exactly as it is told to."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.world import acting, build, needs, parts
from tests.world.acting import LIMIT, Acted
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

Start = Callable[..., Acted]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts an actor with flags; all of them end with the test."""
    needs.need_parts("actor")
    with contextlib.ExitStack() as running:
        yield lambda *flags, **more: running.enter_context(acting.acted(tmp_path, *flags, **more))


def test_its_go_tests_pass() -> None:
    source = Path(__file__).parent / "actor"
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    told = subprocess.run(
        [build.find_go(), "test", "./..."],
        cwd=source,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


# ── What it serves ───────────────────────────────────────────────────────────────────────────────


def test_it_served_each_request_of_each_protocol_once(start: Start, tmp_path: Path) -> None:
    actor, program = start(), parts.program("actor")
    by_port = {"http": ("http/1.1", "http/2", "websocket"), "grpc": ("grpc",), "tcp": ("tcp",)}
    targets = [f"{p}={actor.ports[port]}" for port, speaks in by_port.items() for p in speaks]
    for target in targets:
        name = target.split("=")[0].replace("/", "-")
        flags = ["--run", name, "--count", "50", "--rate", "500", "--target", target]
        log = str(tmp_path / name)
        subprocess.run([program, "call", *flags, "--log", log], check=True, timeout=LIMIT)
    lines = actor.steered.served()
    assert [line["n"] for line in lines] == list(range(1, 251))
    assert Counter(line["protocol"] for line in lines) == dict.fromkeys(
        ("http/1.1", "http/2", "websocket", "grpc", "tcp"), 50
    )
    assert len({line["id"] for line in lines}) == 250
    rows = actor.steered.get("/actor/counts").json()["counts"]
    assert sum(row["count"] for row in rows) == 250
    assert sum(row["failed"] for row in rows) == 0


def test_a_reader_who_comes_late_is_told_what_is_forgotten(start: Start) -> None:
    actor = start("--remember=5")
    for number in range(1, 9):
        actor.steered.get("/", **{"X-Request-Id": f"r{number}"})
    answer = actor.steered.get("/actor/served?after=1")
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [
        f"r{number}" for number in range(4, 9)
    ]
    assert (answer.headers["X-Served-Last"], answer.headers["X-Served-Lost"]) == ("8", "2")
    assert actor.steered.get("/actor/served?after=8").text == ""


def test_what_it_served_outlives_it(start: Start, tmp_path: Path) -> None:
    kept = tmp_path / "served"
    actor = start(f"--served-log={kept}")
    for number in range(5):
        actor.steered.get("/", **{"X-Request-Id": f"r{number}"})
    actor.running.kill()
    actor.code()
    ids = [json.loads(line)["id"] for line in kept.read_text().splitlines()]
    assert ids == [f"r{number}" for number in range(5)]


def test_counts_are_what_was_sent_by_path_and_agent(start: Start) -> None:
    actor = start()
    for path, agent, times in (
        ("/healthz", "kube-probe/1.36", 3),
        ("/healthz", "Mozilla/5.0", 2),
        ("/orders", "curl/8", 4),
        ("/metrics", "Prometheus/2.42.0", 1),
    ):
        for _ in range(times):
            actor.steered.get(path, **{"User-Agent": agent})
    assert actor.steered.counts("kube-probe") == {"/healthz": (3, 0)}
    assert actor.steered.counts("mozilla") == {"/healthz": (2, 0)}
    assert actor.steered.counts("curl") == {"/orders": (4, 0)}
    assert actor.steered.counts("prometheus") == {"/metrics": (1, 0)}


def test_its_metrics_say_what_its_counts_say(start: Start) -> None:
    actor = start("--cpu=steady:0.1", "--memory=steady:48Mi")
    for _ in range(3):
        actor.steered.get("/orders", **{"User-Agent": "curl/8"})
    actor.steered.get("/orders?status=503", **{"User-Agent": "curl/8"})
    lines = actor.steered.get("/metrics").text.splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    series = '{protocol="http/1.1",path_class="business",agent="curl"}'
    assert samples[f"actor_requests_total{series}"] == "4"
    assert samples[f"actor_requests_failed_total{series}"] == "1"
    timed = '{protocol="http/1.1",path_class="business"}'
    assert samples[f"actor_request_seconds_count{timed}"] == "4"
    assert float(samples["actor_memory_told_bytes"]) == 48 * 2**20
    assert float(samples["process_cpu_seconds_total"]) > 0
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    bare = {name.partition("{")[0] for name in samples}
    suffixes = ("_bucket", "_sum", "_count")
    for name in bare:
        family = next((name.removesuffix(s) for s in suffixes if name.endswith(s)), name)
        assert family in typed, f"{name} has no type"


# ── Probes ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startup", "/startupz"), ("readiness", "/readyz"), ("liveness", "/livez")],
)
def test_a_probe_fails_while_it_is_told_to_and_no_other_does(
    start: Start, probe: str, path: str
) -> None:
    actor = start()
    paths = ["/startupz", "/readyz", "/livez"]
    actor.steered.fail(probe)
    assert [actor.steered.get(one).status_code for one in paths] == [
        503 if one == path else 200 for one in paths
    ]
    actor.steered.heal(probe)
    assert [actor.steered.get(one).status_code for one in paths] == [200, 200, 200]
    assert actor.steered.counts("python-httpx")[path] == (2, 1)


def test_a_probe_fails_as_often_as_it_is_told_to(start: Start) -> None:
    actor = start()
    actor.steered.fail("liveness", count=2)
    assert [actor.steered.get("/healthz").status_code for _ in range(4)] == [503, 503, 200, 200]


def test_a_probe_that_does_not_exist_is_refused(start: Start) -> None:
    actor = start()
    answers = [
        actor.steered.post(f"/actor/fail?{query}")
        for query in ("probe=x&on=true", "probe=liveness")
    ]
    assert [answer.status_code for answer in answers] == [400, 400]


# ── Starting and ending ──────────────────────────────────────────────────────────────────────────


def test_until_its_start_delay_has_passed_it_is_live_but_not_ready(start: Start) -> None:
    actor = start("--start-delay=600s", until="listening")
    paths = ["/livez", "/readyz", "/startupz", "/orders"]
    assert [actor.steered.get(path).status_code for path in paths] == [200, 503, 503, 503]
    with socket.create_connection(_split(actor.ports["tcp"]), timeout=LIMIT) as line:
        assert line.recv(1) == b""


def test_until_its_listen_delay_has_passed_no_port_is_open(start: Start) -> None:
    actor = start("--listen-delay=600s", until="began")
    open_files = Path(f"/proc/{actor.running.pid}/fd")
    assert not actor.saw("listening")
    assert not [fd for fd in open_files.iterdir() if _link(fd).startswith("socket:")]
    actor.running.send_signal(signal.SIGTERM)
    assert actor.code() == 0


def test_a_stop_lets_the_last_answer_out_and_takes_no_request_more(start: Start) -> None:
    actor = start("--exit-code=7")
    with socket.create_connection(_split(actor.ports["http"]), timeout=LIMIT) as slow:
        slow.sendall(b"GET /orders?delay=1s HTTP/1.1\r\nHost: x\r\nX-Request-Id: slow\r\n\r\n")
        wait_until("the request to be under way", lambda: '"slow"' in _served(actor), LIMIT)
        actor.running.send_signal(signal.SIGTERM)
        wait_until("the port to close", lambda: _is_closed(actor.ports["http"]), LIMIT)
        assert slow.recv(1000).startswith(b"HTTP/1.1 200")
    assert actor.code() == 7
    assert actor.events[-1] == {"event": "stopped", "code": 7}


def test_while_it_drains_it_is_unready_and_still_serves(start: Start) -> None:
    actor = start("--drain-delay=600s")
    actor.running.send_signal(signal.SIGTERM)
    wait_until("the stop", lambda: actor.saw("stopping"), LIMIT, actor.log)
    wait_until("unreadiness", lambda: actor.steered.get("/readyz").status_code == 503, LIMIT)
    answer = actor.steered.get("/orders")
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    actor.running.send_signal(signal.SIGTERM)
    assert actor.code() == 1


def test_a_drain_that_takes_too_long_is_given_up(start: Start) -> None:
    actor = start("--drain-limit=100ms")
    with socket.create_connection(_split(actor.ports["http"]), timeout=LIMIT) as slow:
        slow.sendall(b"GET /?delay=500s HTTP/1.1\r\nHost: x\r\nX-Request-Id: slow\r\n\r\n")
        wait_until("the request to be under way", lambda: '"slow"' in _served(actor), LIMIT)
        actor.running.send_signal(signal.SIGTERM)
        assert actor.code() == 1


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--exit-after=10ms", "--exit-code=3"], 3),
        (["--crash-after=10ms", "--crash-code=4"], 4),
        (["--cpu=wave:1"], 64),
        (["--http=256.0.0.1:1"], 1),
    ],
)
def test_it_ends_by_itself_with_the_code_it_is_told(
    start: Start, flags: list[str], code: int
) -> None:
    assert start(*flags, until="").code() == code


@pytest.mark.parametrize(("ending", "is_drained"), [("exit", True), ("crash", False)])
def test_it_ends_on_request(start: Start, ending: str, is_drained: bool) -> None:
    actor = start()
    assert actor.steered.post(f"/actor/{ending}?code=9").json() == {"code": 9}
    assert actor.code() == 9
    assert actor.saw("stopped") is is_drained


def test_the_environment_stands_in_for_flags(start: Start) -> None:
    actor = start(environment={"ACTOR_CPU": "steady:0.125", "ACTOR_CATCH_UP": "2s"})
    told = actor.steered.told()["cpu"]
    assert (told["schedule"], told["cores"], told["catch_up_seconds"]) == ("steady:0.125", 0.125, 2)


def test_pause_reaps_orphans_and_ends_on_a_signal() -> None:
    needs.need_parts("actor")
    program = parts.program("actor")
    script = 'sleep 0.3 & exec "$0" pause'
    # The shell becomes pause after it has left a child, as a runtime's first program gets orphans.
    pause = subprocess.Popen([*acting.DYING_WITH_US, "sh", "-c", script, program])
    try:
        children = Path(f"/proc/{pause.pid}/task/{pause.pid}/children")
        wait_until("the child", lambda: children.read_text() != "", LIMIT)
        wait_until("the child to be reaped", lambda: children.read_text() == "", LIMIT)
        assert pause.poll() is None
        pause.terminate()
        assert pause.wait(LIMIT) == 0
    finally:
        pause.kill()
        pause.wait(LIMIT)


# ── Small things ─────────────────────────────────────────────────────────────────────────────────


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:  # closed since it was listed
        return ""


def _served(actor: Acted) -> str:
    return actor.steered.get("/actor/served").text


def _is_closed(address: str) -> bool:
    try:
        socket.create_connection(_split(address), timeout=1).close()
    except OSError:
        return True
    return False
