"""Each neighbour answers for real: what was put in comes out, also after it was killed."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import pods
from tests.world.cluster import Cluster
from tests.world.enclosure import Enclosure
from tests.world.neighbours.fixtures import StartPrometheus
from tests.world.neighbours.metrics_server import MetricsServer, quantity
from tests.world.neighbours.nats import Nats
from tests.world.neighbours.neighbour import Died, Neighbour
from tests.world.neighbours.prometheus import Job, Prometheus, pods_job, start_prometheus
from tests.world.neighbours.queries import Refused, Sample, Series
from tests.world.neighbours.redis import Redis
from tests.world.neighbours.victoria_metrics import VictoriaMetrics
from tests.world.node import Node
from tests.world.waiting import WaitedInVain, wait_until

world = pytest.mark.world
NOBODY: dict[str, dict[str, str]] = {"127.0.0.1:1": {}}
LONG_AGO = 1_000_000_000.0  # September 2001


ITSELF = "itself"


@pytest.fixture(scope="module")
def scraping(
    enclosure: Enclosure, victoria_metrics: VictoriaMetrics
) -> Iterator[tuple[Prometheus, tuple[Job, ...]]]:
    """Yield a Prometheus with its jobs: it scrapes itself and nobody, and sends samples on.

    Shared, because Prometheus takes five seconds to begin with a target.
    """
    port = 9190
    target = {f"{enclosure.address}:{port}": {"colour": "blue"}}
    jobs = (Job(ITSELF, target), Job("nobody", NOBODY))
    sent_to = victoria_metrics.remote_write
    began = start_prometheus(enclosure, jobs, remote_write=sent_to, name="scraping", port=port)
    began.wait_for_target(ITSELF)
    yield began, jobs
    began.close()


Scraping = tuple[Prometheus, tuple[Job, ...]]


@world
def test_prometheus_scrapes_itself_and_evaluates(scraping: Scraping) -> None:
    prometheus, _ = scraping
    began = time.time()
    [up] = prometheus.query(f'up{{job="{ITSELF}"}} + 1')
    assert (up.labels["colour"], up.value) == ("blue", 2.0)
    scrapes = f'count_over_time(up{{job="{ITSELF}"}}[1m])'
    wait_until("three scrapes", lambda: prometheus.query(scrapes)[0].value >= 3, 10)
    [series] = prometheus.query_range(f'up{{job="{ITSELF}"}}', began, time.time(), step=0.5)
    assert {value for _, value in series.points} == {1.0}
    assert prometheus.query("vector(7)", at=LONG_AGO) == [Sample({}, LONG_AGO, 7.0)]


@world
def test_a_mistake_in_jobs_is_told_and_the_old_ones_stay(scraping: Scraping) -> None:
    prometheus, _ = scraping
    before = prometheus.settings()
    with pytest.raises(Refused, match="multiple scrape configs"):
        prometheus.reload([Job("twice", NOBODY)] * 2)
    assert prometheus.settings() == before
    with pytest.raises(Refused, match="parse error"):
        prometheus.query("up{")


@world
def test_a_target_that_does_not_answer_is_named(scraping: Scraping) -> None:
    prometheus, _ = scraping
    wait_until("its first scrape", lambda: bool(prometheus.query('up{job="nobody"} == 0')), 10)
    with pytest.raises(WaitedInVain, match=r"'nobody'.*127\.0\.0\.1:1.*refused"):
        prometheus.wait_for_target("nobody", seconds=0.1)


@world
def test_jobs_are_replaced_while_prometheus_runs(scraping: Scraping) -> None:
    prometheus, jobs = scraping
    prometheus.reload([Job("second", jobs[0].targets)])
    try:
        prometheus.wait_for_target("second")
        wait_until("the first to be forgotten", lambda: not prometheus.targets(ITSELF), 20)
    finally:
        prometheus.reload(jobs)
    wait_until("the first to be back", lambda: bool(prometheus.targets(ITSELF)), 20)


@world
def test_prometheus_scrapes_at_the_pace_that_is_asked_for(prometheus_of: StartPrometheus) -> None:
    paces = (Job("as all", NOBODY), Job("slow", NOBODY, interval=15.0))
    found = prometheus_of(*paces, interval=2.0).settings()
    assert found.count("scrape_interval: 2s") == 2  # of all, and of the job that says nothing
    assert found.count("scrape_interval: 15s") == 1


@world
def test_prometheus_reads_kubelet_cadvisor_and_probes(prometheus: Prometheus) -> None:
    for job in ("kubelet-resource", "kubelet-cadvisor", "kubelet-probes"):
        prometheus.wait_for_target(job)
    [node] = prometheus.query("node_cpu_usage_seconds_total")
    assert node.value > 0


@world
def test_prometheus_scrapes_pods_under_their_names(
    prometheus_of: StartPrometheus, node: Node, cluster: Cluster
) -> None:
    running = [cluster.run(name, pods.actor()) for name in ("one", "two")]
    prometheus = prometheus_of(pods_job("actors", running, pods.HTTP))
    prometheus.wait_for_target("actors", count=2)
    found = {
        (sample.labels["pod"], sample.labels["container"], sample.labels["namespace"])
        for sample in prometheus.query('up{job="actors"} == 1')
    }
    assert found == {(name, "actor", cluster.namespace) for name in ("one", "two")}


@world
def test_victoria_metrics_answers_what_it_was_given(victoria_metrics: VictoriaMetrics) -> None:
    labels = {"__name__": "cores_used", "pod": 'one "and" only', "kind": "imported"}
    points = [(LONG_AGO + 60 * minute, minute / 8) for minute in range(10)]
    victoria_metrics.take([Series(labels, points)])
    end = points[-1][0]
    assert victoria_metrics.query_range("cores_used", LONG_AGO, end, 60) == [Series(labels, points)]
    assert victoria_metrics.query("cores_used", at=end) == [Sample(labels, end, 9 / 8)]
    with pytest.raises(Refused):
        victoria_metrics.query("cores_used{")


@world
def test_what_prometheus_scrapes_reaches_victoria_metrics(
    scraping: Scraping, victoria_metrics: VictoriaMetrics
) -> None:
    def arrived() -> bool:
        victoria_metrics.flush()
        found = victoria_metrics.query(f'last_over_time(up{{job="{ITSELF}"}}[5m])')
        return [sample.value for sample in found] == [1.0]

    wait_until("the samples to arrive", arrived, 20, victoria_metrics.neighbour.log)


@world
@given(st.binary(), st.binary())
def test_redis_keeps_any_bytes(redis: Redis, key: bytes, value: bytes) -> None:
    with redis.connect() as connection:
        assert connection.ask("SET", key, value) == b"OK"
        assert connection.ask("GET", key) == value
        assert connection.ask("DEL", key, key) == 1
        assert connection.ask("GET", key) is None


@world
def test_redis_answers_every_kind_of_question(redis: Redis) -> None:
    with redis.connect() as connection:
        connection.ask("DEL", "list")
        assert connection.ask("RPUSH", "list", "a", 2) == 2
        assert connection.ask("LRANGE", "list", 0, -1) == [b"a", b"2"]
        with pytest.raises(Refused, match="WRONGTYPE"):
            connection.ask("GET", "list")
        assert connection.ask("EVAL", "return {1, {'x', false}}", 0) == [1, [b"x", None]]


@world
def test_redis_is_reached_by_its_port_as_well(redis: Redis) -> None:
    with redis.connect() as here, redis.dial() as there:
        here.ask("SET", "colour", "blue")
        assert there.ask("GET", "colour") == b"blue"


@world
def test_redis_forgets_when_it_is_killed_and_can_be_started_again(redis: Redis) -> None:
    with redis.connect() as connection:
        connection.ask("SET", "colour", "blue")
        redis.neighbour.kill()
        with pytest.raises(ConnectionError):
            connection.ask("GET", "colour")
    redis.neighbour.start()
    with redis.connect() as connection:
        assert connection.ask("GET", "colour") is None


@world
def test_nats_carries_messages(nats: Nats) -> None:
    with nats.connect() as hearer, nats.connect() as speaker:
        hearer.subscribe("rooms.*.said")
        hearer.settle()
        speaker.publish("rooms.kitchen.said", b"two\r\nlines")
        speaker.publish("rooms.kitchen.thought", b"unheard")
        speaker.publish("rooms.hall.said", b"")
        speaker.settle()
        hearer.settle()  # both have arrived and wait
        heard = [hearer.receive() for _ in range(2)]
        assert [(message.subject, message.payload) for message in heard] == [
            ("rooms.kitchen.said", b"two\r\nlines"),
            ("rooms.hall.said", b""),
        ]
        assert speaker.request("nobody.listens").status == "503"


@world
def test_jetstream_keeps_what_it_took_also_when_it_is_killed(nats: Nats) -> None:
    with nats.connect() as connection:
        stream = {"name": "JOBS", "subjects": ["jobs.>"], "storage": "file"}
        connection.ask("$JS.API.STREAM.CREATE.JOBS", stream)
        taken = [connection.ask(f"jobs.{n}", {"number": n})["seq"] for n in range(5)]
        assert taken == [1, 2, 3, 4, 5]
        consumer = {"durable_name": "worker", "ack_policy": "explicit"}
        made = {"stream_name": "JOBS", "config": consumer}
        connection.ask("$JS.API.CONSUMER.DURABLE.CREATE.JOBS.worker", made)
        first = connection.request("$JS.API.CONSUMER.MSG.NEXT.JOBS.worker", b"1")
        assert (first.subject, first.payload) == ("jobs.0", b'{"number": 0}')
        connection.request(first.reply, b"+ACK")  # answered once it is on the disk
        with pytest.raises(Refused, match="stream not found"):
            connection.ask("$JS.API.STREAM.INFO.NONE")
    nats.neighbour.kill()
    nats.neighbour.start()
    with nats.connect() as connection:
        state = connection.ask("$JS.API.STREAM.INFO.JOBS")["state"]
        assert (state["messages"], state["first_seq"], state["last_seq"]) == (5, 1, 5)
        rest = [
            connection.request("$JS.API.CONSUMER.MSG.NEXT.JOBS.worker", b"1").subject
            for _ in range(4)
        ]
        assert rest == [f"jobs.{n}" for n in range(1, 5)]
        connection.ask("$JS.API.STREAM.DELETE.JOBS")


@world
def test_metrics_server_answers_through_the_api_server(
    request: pytest.FixtureRequest, node: Node, cluster: Cluster
) -> None:
    cluster.run("one", pods.actor(memory="steady:64Mi"))  # first: it reads every ten seconds
    metrics_server: MetricsServer = request.getfixturevalue("metrics_server")

    def has_figures() -> bool:
        return ("one", "actor") in metrics_server.pods(cluster.namespace)

    wait_until("figures of the pod", has_figures, 60, metrics_server.neighbour.log)
    assert metrics_server.pods(cluster.namespace)["one", "actor"].memory > 32 << 20
    [(name, used)] = metrics_server.nodes().items()
    assert name == node.name
    assert used.cpu > 0
    assert used.memory > 64 << 20


@world
def test_a_neighbour_that_ends_at_its_start_is_told_at_once(enclosure: Enclosure) -> None:
    said = ("sh", "-c", "echo no room left; exit 3")
    with pytest.raises(Died, match=r"ended with 3; .*/logs/ending\.log ends:\nno room left"):
        Neighbour(enclosure, "ending", said, lambda: False).start(seconds=60)


@world
def test_the_wait_for_a_neighbour_ends_and_names_it(enclosure: Enclosure) -> None:
    silent = Neighbour(enclosure, "silent", ("sleep", "60"), lambda: False)
    with pytest.raises(WaitedInVain, match="waited 1 s for silent to answer"):
        silent.start(seconds=1)
    silent.kill()


@pytest.mark.parametrize("interval", [0.5, 0, -1, 16, float("nan")])
def test_prometheus_scrapes_every_1_to_15_seconds_and_nothing_else(interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        Job("any", NOBODY, interval=interval).settings()


@given(st.integers(0, 10**15), st.sampled_from(["n", "u", "m", "", "k", "M", "Ki", "Mi", "Gi"]))
def test_quantities_are_read_as_kubernetes_writes_them(number: int, suffix: str) -> None:
    worth = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6} | {
        "Ki": 1024.0,
        "Mi": 1024.0**2,
        "Gi": 1024.0**3,
    }
    assert quantity(f"{number}{suffix}") == pytest.approx(number * worth[suffix], rel=1e-12)
