"""What a test can ask for beside the cluster; each is started by the first test that asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Protocol

import pytest

from tests.world import debian, needs
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import Enclosure
from tests.world.neighbours.metrics_server import MetricsServer, start_metrics_server
from tests.world.neighbours.nats import Nats, start_nats
from tests.world.neighbours.prometheus import (
    PORT,
    SHORTEST,
    Job,
    Prometheus,
    kubelet_jobs,
    start_prometheus,
)
from tests.world.neighbours.redis import Redis, start_redis
from tests.world.neighbours.victoria_metrics import VictoriaMetrics, start_victoria_metrics
from tests.world.node import Node

_NUMBERS = count(1)  # of the Prometheuses that tests start for themselves


class StartPrometheus(Protocol):
    """Starts a Prometheus that ends with the test."""

    def __call__(
        self, *jobs: Job, interval: float = SHORTEST, remote_write: str | None = None
    ) -> Prometheus:
        """Scrape `jobs` every `interval` seconds, 1 to 15, from now on."""


@contextmanager
def _or_refuse() -> Iterator[None]:
    """Skip at a desk that cannot have the neighbour; fail in CI."""
    try:
        yield
    except debian.Missing as missing:
        needs.refuse(str(missing))


@pytest.fixture(scope="session")
def prometheus(enclosure: Enclosure, node: Node) -> Iterator[Prometheus]:
    """Yield a Prometheus that scrapes the node's kubelet every second.

    Its jobs are `kubelet-resource`, `kubelet-cadvisor` and `kubelet-probes`. All tests share it:
    for other jobs take `prometheus_of`.
    """
    jobs = kubelet_jobs(node.address, node.control_plane.token("admin"))
    with _or_refuse():
        started = start_prometheus(enclosure, jobs)
    yield started
    started.close()


@pytest.fixture
def prometheus_of(enclosure: Enclosure) -> Iterator[StartPrometheus]:
    """Yield what starts a Prometheus for this test only, with jobs and pace of its own."""
    started: list[Prometheus] = []

    def start(
        *jobs: Job, interval: float = SHORTEST, remote_write: str | None = None
    ) -> Prometheus:
        number = next(_NUMBERS)
        with _or_refuse():
            made = start_prometheus(
                enclosure,
                jobs,
                interval=interval,
                remote_write=remote_write,
                name=f"prometheus-{number}",
                port=PORT + number,
            )
        started.append(made)
        return made

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def victoria_metrics(enclosure: Enclosure) -> Iterator[VictoriaMetrics]:
    """Yield a VictoriaMetrics; what one test stores, the next one sees."""
    with _or_refuse():
        started = start_victoria_metrics(enclosure)
    yield started
    started.close()


@pytest.fixture(scope="session")
def redis(enclosure: Enclosure) -> Iterator[Redis]:
    """Yield a Redis; what one test stores, the next one sees."""
    with _or_refuse():
        started = start_redis(enclosure)
    yield started
    started.close()


@pytest.fixture(scope="session")
def nats(enclosure: Enclosure) -> Iterator[Nats]:
    """Yield a NATS with JetStream; streams of one test are there for the next."""
    needs.need_parts("neighbours")
    started = start_nats(enclosure)
    yield started
    started.close()


@pytest.fixture(scope="session")
def metrics_server(control_plane: ControlPlane, node: Node) -> Iterator[MetricsServer]:
    """Yield a metrics-server that has figures of the node."""
    started = start_metrics_server(control_plane)
    yield started
    started.close()
