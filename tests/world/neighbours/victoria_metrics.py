"""VictoriaMetrics: takes samples of any time by import or remote write, and answers PromQL."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import httpx2

from tests.world import debian
from tests.world.enclosure import Enclosure
from tests.world.neighbours.neighbour import Neighbour, client, folder_for, succeeds
from tests.world.neighbours.queries import Queries, Refused, Sample, Series

PORT = 8428
_MEMORY = "256MB"  # of caches; it takes 60 % of the machine's memory by itself


@dataclass(frozen=True)
class VictoriaMetrics:
    """A running VictoriaMetrics."""

    neighbour: Neighbour
    url: str
    _http: httpx2.Client

    @property
    def remote_write(self) -> str:
        """Return the URL that Prometheus' remote write goes to."""
        return f"{self.url}/api/v1/write"

    def take(self, series: Iterable[Series]) -> None:
        """Store samples, and return when they can be queried.

        Each series needs the label `__name__`. Times are kept to the millisecond; samples more
        than two days ahead of the clock are dropped without a word.
        """
        lines = [
            json.dumps(
                {
                    "metric": row.labels,
                    "timestamps": [round(at * 1000) for at, _ in row.points],
                    "values": [value for _, value in row.points],
                }
            )
            for row in series
        ]
        answer = self._http.post("/api/v1/import", content="\n".join(lines).encode())
        if not answer.is_success:
            raise Refused(f"import: {answer.status_code} {answer.text.strip()}")
        self.flush()

    def flush(self) -> None:
        """Make what was written searchable now; by itself that takes a second or more."""
        if not succeeds(self._http, "/internal/force_flush"):
            raise Refused(f"flush: see {self.neighbour.log}")

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Return an expression's value now or `at` seconds since 1970, as `Queries.query`."""
        return Queries(self._http).query(expression, at)

    def query_range(
        self, expression: str, start: float, end: float, step: float = 1.0
    ) -> list[Series]:
        """Return an expression's value over time, as `Queries.query_range`."""
        return Queries(self._http).query_range(expression, start, end, step)

    def close(self) -> None:
        """Stop it."""
        self.neighbour.stop()
        self._http.close()


def start_victoria_metrics(enclosure: Enclosure) -> VictoriaMetrics:
    """Start a VictoriaMetrics that keeps everything; raises `debian.Missing`."""
    folder = folder_for(enclosure, "victoria-metrics")
    listen = f"{enclosure.address}:{PORT}"
    url = f"http://{listen}"
    http = client(url)
    command = (
        debian.program("victoria-metrics"),
        f"-storageDataPath={folder}",
        f"-httpListenAddr={listen}",
        f"-memory.allowedBytes={_MEMORY}",
        "-retentionPeriod=100y",  # by itself it drops what is older than a month
        "-search.latencyOffset=1ms",  # by itself it hides the last 30 s
        "-loggerLevel=WARN",
    )
    neighbour = Neighbour(enclosure, "victoria-metrics", command, lambda: succeeds(http, "/health"))
    neighbour.start()
    return VictoriaMetrics(neighbour, url, http)
