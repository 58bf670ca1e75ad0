"""The fault proxy before real databases and queues: the n-th operation of each protocol."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.fixtures.postgres import Server
from tests.world.faults import (
    DropReply,
    FaultProxy,
    Kill,
    Moment,
    NatsSession,
    Outcome,
    Plan,
    PostgresSession,
    Record,
    RedisSession,
    Truncate,
    crash_points,
    learn,
)
from tests.world.neighbours.nats import Nats, NatsConnection
from tests.world.neighbours.redis import Redis, RedisConnection

pytestmark = pytest.mark.world

PATIENCE = 20  # seconds


@contextmanager
def dialled(proxy: FaultProxy) -> Iterator[RedisConnection]:
    with socket.create_connection(proxy.address, PATIENCE) as plug:
        connection = RedisConnection(plug)
        yield connection
        connection.close()


def test_redis_acted_on_a_command_whose_reply_was_dropped(redis: Redis) -> None:
    plan = Plan().when(lambda r: r.method == "INCR", DropReply())
    with FaultProxy(redis.url, plan) as proxy, redis.connect() as direct:
        direct.ask("SET", "drops", 0)
        with dialled(proxy) as connection:
            assert connection.ask("SET", "other", "x" * 100_000) == b"OK"
            with pytest.raises(ConnectionError):
                connection.ask("INCR", "drops")
        assert direct.ask("GET", "drops") == b"1"
        assert [(r.method, r.path) for r in proxy.requests] == [("SET", "other"), ("INCR", "drops")]


def test_a_pipeline_of_redis_is_cut_at_its_command(redis: Redis) -> None:
    plan = Plan().at(3, Kill(Moment.BEFORE_FORWARD, lambda: None))
    with FaultProxy(redis.url, plan) as proxy, socket.create_connection(proxy.address) as plug:
        plug.settimeout(PATIENCE)
        plug.sendall(b"".join(b"RPUSH pipe %d\r\n" % n for n in range(1, 6)))
        while plug.recv(100):
            pass
    with redis.connect() as direct:
        assert direct.ask("LRANGE", "pipe", 0, -1) == [b"1", b"2"]
        direct.ask("DEL", "pipe")


def test_a_transaction_of_redis_is_done_when_its_reply_is_dropped(redis: Redis) -> None:
    plan = Plan().when(lambda r: r.method == "EXEC", DropReply())
    with FaultProxy(redis.url, plan) as proxy, dialled(proxy) as connection:
        assert connection.ask("MULTI") == b"OK"
        assert connection.ask("SET", "whole", "yes") == b"QUEUED"
        with pytest.raises(ConnectionError):
            connection.ask("EXEC")
    with redis.connect() as direct:
        assert direct.ask("GET", "whole") == b"yes"


def test_nats_has_a_message_whose_author_was_killed_after_forward(nats: Nats) -> None:
    plan = Plan().when(lambda r: r.method == "PUB", Kill(Moment.AFTER_FORWARD, lambda: None))
    with FaultProxy(nats.url, plan, framing=NatsSession) as proxy, nats.connect() as direct:
        direct.subscribe("kept")
        direct.settle()
        with socket.create_connection(proxy.address, PATIENCE) as plug:
            author = NatsConnection(plug)
            author.publish("kept", b"once\r\n")
            with pytest.raises(ConnectionError):
                author.settle()
            author.close()
        assert direct.receive().payload == b"once\r\n"
        assert [r.method for r in proxy.requests][:3] == ["CONNECT", "PING", "PUB"]


def postgres_proxy(postgres: Server, plan: Plan | None = None) -> FaultProxy:
    where = f"unix://{postgres.folder}/.s.PGSQL.5432"
    return FaultProxy(where, plan, framing=PostgresSession)


def address(proxy: FaultProxy) -> str:
    host, port = proxy.address
    return f"host={host} port={port} user=postgres dbname=faults sslmode=prefer gssencmode=disable"


@pytest.fixture
def table(postgres: Server) -> Iterator[Callable[[], list[int]]]:
    """Yield what returns the rows that are committed."""
    postgres.run("CREATE DATABASE faults")
    postgres.run("CREATE TABLE kept (n int)", database="faults")

    def rows() -> list[int]:
        with psycopg.connect(f"host={postgres.folder} user=postgres dbname=faults") as direct:
            return [n for (n,) in direct.execute("SELECT n FROM kept ORDER BY n")]

    yield rows
    postgres.run("DROP DATABASE faults WITH (FORCE)")


def commits(record: Record) -> bool:
    return record.path == "COMMIT"


def test_postgres_is_read_through_the_proxy(
    postgres: Server, table: Callable[[], list[int]]
) -> None:
    with postgres_proxy(postgres) as proxy:
        with psycopg.connect(address(proxy)) as connection:
            connection.execute("INSERT INTO kept VALUES (%s)", [1])
            with connection.cursor().copy("COPY kept FROM STDIN") as copy:
                copy.write(b"2\n" * 100_000)
            (total,) = connection.execute("SELECT count(*) FROM kept").fetchone() or (0,)
        seen = [r.method for r in proxy.requests]
    assert total == 100_001
    assert seen[:3] == ["SSLRequest", "Startup", "Query"]
    assert {"Parse", "Bind", "Execute", "Sync", "CopyData", "Terminate"} <= set(seen)
    assert len(table()) == 100_001


def test_a_commit_whose_reply_was_dropped_is_committed(
    postgres: Server, table: Callable[[], list[int]]
) -> None:
    with postgres_proxy(postgres, Plan().when(commits, DropReply())) as proxy:
        connection = psycopg.connect(address(proxy))
        connection.execute("INSERT INTO kept VALUES (1)")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        connection.close()
    assert table() == [1]


def test_a_commit_that_was_not_forwarded_is_rolled_back(
    postgres: Server, table: Callable[[], list[int]]
) -> None:
    plan = Plan().when(commits, Kill(Moment.BEFORE_FORWARD, lambda: None))
    with postgres_proxy(postgres, plan) as proxy:
        connection = psycopg.connect(address(proxy))
        connection.execute("INSERT INTO kept VALUES (1)")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        connection.close()
    assert table() == []


def test_rows_are_cut_in_the_middle(postgres: Server, table: Callable[[], list[int]]) -> None:
    plan = Plan().when(lambda r: "generate_series" in r.path, Truncate(after=5000))
    with postgres_proxy(postgres, plan) as proxy:
        connection = psycopg.connect(address(proxy))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT generate_series(1, 10000)")
        connection.close()
        assert next(r for r in proxy.requests if r.effects).outcome is Outcome.CUT


AUTHOR = """
import psycopg, sys
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("INSERT INTO kept VALUES (%s)", [1])
"""


def test_every_crash_point_of_a_transaction_leaves_all_or_nothing(
    postgres: Server, table: Callable[[], list[int]]
) -> None:
    """Whether COMMIT was forwarded decides, not what the author could know."""

    def job(proxy: FaultProxy) -> None:
        with subprocess.Popen([sys.executable, "-I", "-c", AUTHOR, address(proxy)]) as child:
            proxy.victim = child.pid
            child.wait(PATIENCE)

    requests = learn(job, postgres_proxy(postgres))
    (commit,) = (r.number for r in requests if commits(r))
    assert table() == [1]
    last = requests[commit - 3 : commit]
    assert [r.method for r in last] == ["Execute", "Sync", "Query"]
    for case in crash_points(last):
        postgres.run("TRUNCATE kept", database="faults")
        with postgres_proxy(postgres, case.plan) as proxy:
            job(proxy)
        (rule,) = case.plan.rules
        assert isinstance(rule.fault, Kill)
        assert rule.number is not None
        done = rule.number - (rule.fault.moment is Moment.BEFORE_FORWARD)
        assert table() == ([1] if done >= commit else []), case.name


def test_the_scheme_says_which_protocol_it_is(redis: Redis) -> None:
    with FaultProxy(redis.url) as proxy:
        assert proxy.url == f"redis://127.0.0.1:{proxy.address[1]}/0"
    with FaultProxy(redis.url.replace("redis", "tcp"), framing=RedisSession) as proxy:
        with dialled(proxy) as connection:
            assert connection.ask("PING") == b"PONG"
        assert proxy.requests[0].method == "PING"
