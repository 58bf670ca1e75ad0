"""Prometheus: what it scrapes can be changed while it runs, and every second if need be."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.world import debian
from tests.world.api import Json
from tests.world.enclosure import Enclosure
from tests.world.neighbours.neighbour import START, Neighbour, client, folder_for, succeeds
from tests.world.neighbours.queries import Queries, Refused, Sample, Series
from tests.world.waiting import WaitedInVain, wait_until

PORT = 9090
KUBELET_PORT = 10250
SHORTEST, LONGEST = 1.0, 15.0  # seconds between two scrapes; clusters use 15 to 60
KUBELET_PATHS = {"resource": "/metrics/resource", "cadvisor": "/metrics/cadvisor"} | {
    "probes": "/metrics/probes"
}


@dataclass(frozen=True)
class Job:
    """One entry of Prometheus' `scrape_configs`.

    targets    "address:port" of what to scrape → labels that its series carry
    token      bearer token to show
    interval   seconds, where it differs from the server's

    Debian's Prometheus is built without discovery in Kubernetes: for pods take `pods_job`, and
    `reload` when they change.
    """

    name: str
    targets: Mapping[str, Mapping[str, str]]
    path: str = "/metrics"
    scheme: str = "http"
    token: str | None = None
    interval: float | None = None

    def settings(self) -> dict[str, Any]:
        """Return the entry as Prometheus reads it; raises `ValueError` for the interval."""
        listed = [
            {"targets": [target], "labels": dict(labels)} for target, labels in self.targets.items()
        ]
        found: dict[str, Any] = {
            "job_name": self.name,
            "metrics_path": self.path,
            "scheme": self.scheme,
            "tls_config": {"insecure_skip_verify": True},
            "static_configs": listed,
        }
        if self.token is not None:
            found["authorization"] = {"credentials": self.token}
        if self.interval is not None:
            found |= _pace(self.interval)
        return found


def kubelet_jobs(address: str, token: str, port: int = KUBELET_PORT) -> tuple[Job, ...]:
    """Return the jobs for a kubelet: `kubelet-resource`, `kubelet-cadvisor`, `kubelet-probes`.

    token  of a user that may `get nodes/metrics`
    """
    target: dict[str, dict[str, str]] = {f"{address}:{port}": {}}
    return tuple(
        Job(f"kubelet-{name}", target, path, scheme="https", token=token)
        for name, path in KUBELET_PATHS.items()
    )


def pods_job(name: str, pods: Iterable[Json], port: int, path: str = "/metrics") -> Job:
    """Return a job for pods, which are as the API server answers them and have an address.

    Their series carry the labels `namespace`, `pod` and `container`, which is the first one.
    """
    targets = {
        f"{pod['status']['podIP']}:{port}": {
            "namespace": pod["metadata"]["namespace"],
            "pod": pod["metadata"]["name"],
            "container": pod["spec"]["containers"][0]["name"],
        }
        for pod in pods
    }
    return Job(name, targets, path)


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus; one scraped series is found by `query` a scrape later."""

    neighbour: Neighbour
    url: str
    interval: float
    _settings: Path
    _http: httpx2.Client
    _remote_write: str | None

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Return an expression's value now or `at` seconds since 1970, as `Queries.query`."""
        return Queries(self._http).query(expression, at)

    def query_range(
        self, expression: str, start: float, end: float, step: float = 1.0
    ) -> list[Series]:
        """Return an expression's value over time, as `Queries.query_range`."""
        return Queries(self._http).query_range(expression, start, end, step)

    def reload(self, jobs: Iterable[Job]) -> None:
        """Scrape these jobs from now on, and no others.

        Raises `Refused` when Prometheus finds a mistake in them; the old ones then stay.
        """
        before = self._settings.read_text()
        self._settings.write_text(_settings(jobs, self.interval, self._remote_write))
        answer = self._http.post("/-/reload")
        if not answer.is_success:
            self._settings.write_text(before)
            raise Refused(f"reload: {answer.status_code} {answer.text.strip()}")

    def settings(self) -> str:
        """Return the configuration that is in force, as Prometheus writes it: YAML."""
        return str(Queries(self._http).ask("status/config", {})["yaml"])

    def targets(self, job: str) -> list[dict[str, Any]]:
        """Return the active targets of a job as Prometheus tells: `scrapeUrl`, `health`, …"""
        active = Queries(self._http).ask("targets", {"state": "active"})["activeTargets"]
        return [target for target in active if target["scrapePool"] == job]

    def wait_for_target(self, job: str, seconds: float = START, count: int = 1) -> None:
        """Wait until a job has at least `count` targets, each of them scraped with success.

        Raises `WaitedInVain` with what each target's last scrape failed by.
        """

        def up() -> bool:
            health = [target["health"] for target in self.targets(job)]
            return len(health) >= count and set(health) == {"up"}

        what = f"{count} targets of the job {job!r} to be scraped"
        try:
            wait_until(what, up, seconds)
        except WaitedInVain as error:
            last = [(found["scrapeUrl"], found["lastError"]) for found in self.targets(job)]
            raise WaitedInVain(f"{error}; now {last}; log {self.neighbour.log}") from error

    def close(self) -> None:
        """Stop it."""
        self.neighbour.stop()
        self._http.close()


def start_prometheus(
    enclosure: Enclosure,
    jobs: Iterable[Job] = (),
    *,
    interval: float = SHORTEST,
    remote_write: str | None = None,
    name: str = "prometheus",
    port: int = PORT,
) -> Prometheus:
    """Start a Prometheus that scrapes `jobs` every `interval` seconds.

    remote_write  URL that every sample is sent on to
    name, port    of a second one in the same enclosure
    raises        ValueError for an interval outside 1 s to 15 s; debian.Missing
    """
    folder = folder_for(enclosure, name)
    settings = folder / "prometheus.yml"
    settings.write_text(_settings(jobs, interval, remote_write))
    listen = f"{enclosure.address}:{port}"
    url = f"http://{listen}"
    http = client(url)
    command = (
        debian.program("prometheus"),
        f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address={listen}",
        "--web.enable-lifecycle",  # for reload
        "--scrape.discovery-reload-interval=100ms",  # a reload shows 5 s later, else 10
        "--storage.remote.flush-deadline=1s",  # by itself it stays for a minute if nobody takes it
        "--log.level=warn",
    )
    neighbour = Neighbour(enclosure, name, command, lambda: succeeds(http, "/-/ready"))
    neighbour.start()
    return Prometheus(neighbour, url, interval, settings, http, remote_write)


def _settings(jobs: Iterable[Job], interval: float, remote_write: str | None) -> str:
    """Return the configuration; YAML reads JSON."""
    found: dict[str, Any] = {
        "global": {**_pace(interval), "evaluation_interval": f"{interval * 1000:.0f}ms"},
        "scrape_configs": [job.settings() for job in jobs],
    }
    if remote_write is not None:
        # the default waits 5 s for a batch to fill
        found["remote_write"] = [
            {"url": remote_write, "queue_config": {"batch_send_deadline": "1s"}}
        ]
    return json.dumps(found, indent=1)


def _pace(interval: float) -> dict[str, str]:
    if not SHORTEST <= interval <= LONGEST:
        raise ValueError(f"an interval of {interval:g} s is not in {SHORTEST:g}–{LONGEST:g} s")
    pace = f"{interval * 1000:.0f}ms"
    return {"scrape_interval": pace, "scrape_timeout": pace}
