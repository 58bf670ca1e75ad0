"""The ledger over real connections: one client, real servers, and mischief between them."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.world.enclosure import Enclosure
from tests.world.ledger import (
    PROTOCOLS,
    Host,
    LocalServer,
    Plan,
    RingOverrun,
    Shape,
    Target,
    everywhere,
    serve,
    traffic,
)
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

EVERY = 10_000  # requests: 2,000 of each protocol
BRISK = 2_000.0  # a second; half of what one core of a small machine does beside the servers
SHAPES = (
    Shape("/", "GET"),
    Shape("/orders", "POST", "Mozilla/5.0"),
    Shape("/orders?bytes=3000", "GET", "python-httpx/0.28"),
    Shape("/readyz", "GET", "kube-probe/1.36", weight=0.3),
)


def test_ten_thousand_requests_of_five_protocols_arrive_exactly_once(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    plan = Plan(targets=server.targets, rate=BRISK, count=EVERY, shapes=SHAPES, poisson=True)
    with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
        account = running.account()

    account.assert_exactly_once()
    counts = {protocol: account.counts(protocol) for protocol in PROTOCOLS}
    assert account.protocols == tuple(sorted(PROTOCOLS))
    assert sum(one.answered for one in counts.values()) == EVERY
    for protocol, one in counts.items():
        assert one.planned > EVERY / len(PROTOCOLS) * 0.9, protocol
    print(*(f"{name}: {one}" for name, one in counts.items()), sep="\n")
    print(*(f"p{q * 100:g} {account.latency(q) * 1e3:.2f} ms" for q in (0.5, 0.99, 1)))


def test_a_request_with_a_connection_of_its_own_arrives_exactly_once_as_well(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    plan = Plan(targets=server.targets, rate=500, count=1_000, shapes=SHAPES, keep_alive=False)
    with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
        account = running.account()

    account.assert_exactly_once()


def test_of_a_server_killed_in_between_exactly_the_failed_requests_are_named(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    server = serve(actor, here, "server", f"--served-log={served}")
    plan = Plan(targets=server.targets, rate=1_000, count=3_000, timeout=5)
    with traffic(actor, plan, here, tmp_path / "calls") as running:
        running.ledger.add_served_file("server", served)
        running.wait_until_sent(1_000)
        before = time.time_ns()
        server.program.kill()
        gone = time.time_ns()
        running.wait_until_sent(running.sent() + 500)
        back = time.time_ns()
        serve(actor, here, "server", f"--served-log={served}", at=server)
        ready = time.time_ns()
        account = running.account()

    failed = {one.id for one in account.failed}
    assert failed == {one.id for one in account.requests} - {one.id for one in account.answered}
    for one in account.requests:
        sent, done = one.sent_ns or 0, one.done_ns or 0
        assert one.id in failed or not (gone < sent and done < back)
        assert one.id not in failed or (done > before and sent < ready)
    assert 400 < len(failed) < 2_500
    assert {one.outcome for one in account.failed} <= {"refused", "reset"}
    assert len(account.lost) + len(account.served_in_vain) == len(failed)
    account.assert_nothing_duplicated()
    with pytest.raises(AssertionError, match=f"{len(failed)} sent without a good answer"):
        account.assert_nothing_failed()


def test_a_server_that_died_unread_leaves_a_blind_time_and_no_contradiction(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    plan = Plan(targets=server.targets, rate=500, count=500)
    books = {"server": server.url}
    with traffic(actor, plan, here, tmp_path / "calls", books, every=60) as running:
        running.wait_until_sent(100)
        running.ledger.read()
        running.wait()
        server.program.kill()
        account = running.account()

    seen = len(account.served)
    assert 90 < seen < 500
    assert [one.server for one in account.blind] == ["server"]
    assert len(account.unwitnessed) == 500 - seen
    account.assert_nothing_lost()
    with pytest.raises(AssertionError, match="times of which a server tells nothing"):
        account.assert_nothing_duplicated()


def test_a_server_that_came_back_is_read_from_its_new_beginning(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    """The second life counts from 1 again, past the number at which the first was last read."""
    server = serve(actor, here, "server")
    plan = Plan(targets=server.targets, rate=500, count=2_000)
    books = {"server": server.url}
    with traffic(actor, plan, here, tmp_path / "calls", books, every=60) as running:
        running.wait_until_sent(100)
        running.ledger.read()
        running.wait_until_sent(200)
        server.program.kill()
        serve(actor, here, "server", at=server)
        account = running.account()

    lives = sorted({one.incarnation for one in account.served})
    assert len(lives) == 2
    assert [span.until_ns for span in account.blind] == [lives[1]]
    assert len(account.unwitnessed) > 0
    assert account.contradicted == ()
    assert len(account.served) + len(account.unwitnessed) >= len(account.answered)


def test_sending_goes_on_to_plan_while_the_server_stands_still(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    """A closed loop would send nothing meanwhile, and its latencies would not show the stop."""
    server = serve(actor, here, "server")
    plan = Plan(targets=server.targets, rate=200, seconds=3)
    with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
        running.wait_until_sent(100)
        server.program.signal(signal.SIGSTOP)
        stopped = time.time_ns()
        time.sleep(1)  # the length of the stop is the case itself
        resumed = time.time_ns()
        server.program.signal(signal.SIGCONT)
        account = running.account()

    due = [one for one in account.requests if stopped < one.planned_ns < resumed]
    left = [one for one in due if (one.sent_ns or 0) < resumed]
    assert len(due) >= 190
    assert len(left) > len(due) / 2
    account.assert_exactly_once()
    assert account.latency(1.0) > (resumed - min(one.planned_ns for one in due)) / 1e9 - 0.001
    assert account.latency(0.9) > 0.3  # a third of the requests were due in that second


def test_a_plan_that_overfills_says_what_was_not_sent(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    slow = (Shape("/?delay=500ms"),)
    target = (Target("http/1.1", server.http),)
    plan = Plan(targets=target, rate=200, count=60, shapes=slow, max_in_flight=10)
    with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
        account = running.account()

    counts = account.counts()
    assert counts.not_sent >= 10
    assert counts.answered + counts.not_sent == 60
    assert {one.detail for one in account.not_sent} == {"too many requests under way"}
    account.assert_nothing_lost()
    account.assert_nothing_duplicated()


def test_a_killed_client_still_knows_what_it_may_have_sent(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    plan = Plan(targets=server.targets, rate=BRISK, seconds=20, shapes=(Shape("/?delay=50ms"),))
    with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
        running.wait_until_sent(1_000)
        running.kill()
        account = running.ledger.account()

    assert len(account.unknown) > 0
    assert account.strangers == {}
    account.assert_nothing_lost()
    account.assert_nothing_duplicated()


def test_a_stopped_client_ends_what_is_under_way_and_sends_no_more(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    plan = Plan(targets=server.targets, rate=200, seconds=60)
    with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
        running.wait_until_sent(100)
        running.stop()
        account = running.account()

    account.assert_exactly_once()
    assert 100 <= len(account.requests) < 60 * 200


def test_a_ring_that_ran_over_is_an_error_and_not_a_loss(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server", "--remember=50")
    plan = Plan(targets=server.targets, rate=1_000, count=200)
    with traffic(actor, plan, here, tmp_path / "calls") as running:
        running.wait()
    running.ledger.add_server("server", server.url)

    with (
        contextlib.closing(running.ledger),
        pytest.raises(RingOverrun, match="'server' forgot 150 servings after number 0"),
    ):
        running.ledger.account()


def test_a_small_ring_read_in_time_loses_nothing(actor: Path, here: Host, tmp_path: Path) -> None:
    server = serve(actor, here, "server", "--remember=4000")
    plan = Plan(targets=server.targets, rate=1_000, count=6_000)
    with traffic(actor, plan, here, tmp_path / "calls", {"server": server.url}) as running:
        account = running.account()

    account.assert_exactly_once()


def test_a_client_in_an_enclosure_reaches_the_servers_there(
    actor: Path, enclosure: Enclosure, tmp_path: Path
) -> None:
    # not the usual ports: the run's neighbours listen there
    ports = ("--http=:18080", "--grpc=:19090", "--tcp=:17000")
    server = enclosure.start("ledger-server", actor, "serve", *ports)
    targets = everywhere("127.0.0.1:18080", "127.0.0.1:19090", "127.0.0.1:17000")
    plan = Plan(targets=targets, rate=500, count=500)
    book = {"server": f"http://{enclosure.address}:18080"}
    wait_until(
        "the server to be ready", lambda: '"ready"' in server.log.read_text(), 20, server.log
    )
    with traffic(actor, plan, enclosure, tmp_path / "calls", book) as running:
        account = running.account()
    server.stop()

    account.assert_exactly_once()


def test_what_arrives_at_another_server_is_named_with_it(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    meant, other = serve(actor, here, "meant"), serve(actor, here, "other")
    targets = (Target("grpc", meant.grpc, 9), Target("grpc", other.grpc, 1))
    books = {"meant": meant.url, "other": other.url}
    plan = Plan(targets=targets, rate=1_000, count=300)
    with traffic(actor, plan, here, tmp_path / "calls", books, only={"meant"}) as running:
        account = running.account()

    strayed = {one.id for one in account.requests if one.target == other.grpc}
    assert 0 < len(strayed) < 100
    assert set(account.misrouted) == strayed
    account.assert_nothing_lost()
    with pytest.raises(AssertionError, match=r"served by other \(line 1\)"):
        account.assert_nothing_misrouted()


def test_the_same_seed_plans_the_same_requests_at_the_same_times(
    actor: Path, here: Host, tmp_path: Path
) -> None:
    server = serve(actor, here, "server")
    seen = [
        planned(actor, here, server, tmp_path / str(n), seed) for n, seed in enumerate((7, 7, 8))
    ]

    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def planned(
    actor: Path, here: Host, server: LocalServer, log: Path, seed: int
) -> list[tuple[int, str, str]]:
    plan = Plan(
        targets=server.targets, rate=1_000, count=300, shapes=SHAPES, poisson=True, seed=seed
    )
    with traffic(actor, plan, here, log, {"server": server.url}) as running:
        account = running.account()
    account.assert_nothing_failed()
    began = account.requests[0].planned_ns
    return [(one.planned_ns - began, one.protocol, one.path) for one in account.requests]


CRADLE = """
import sys, time
from pathlib import Path
from tests.world.ledger import Host, serve
folder, actor = map(Path, sys.argv[1:])
print(serve(actor, Host(folder), "orphan").program.pid, flush=True)
time.sleep(60)
"""


def test_a_program_on_the_host_ends_with_a_test_run_that_is_killed(
    actor: Path, tmp_path: Path, root: Path
) -> None:
    command = [sys.executable, "-c", CRADLE, str(tmp_path), str(actor)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as cradle:
        assert cradle.stdout is not None
        orphan = Path(f"/proc/{int(cradle.stdout.readline())}")
        assert orphan.exists()
        cradle.kill()

    wait_until("the orphan to end", lambda: not orphan.exists(), 10)
