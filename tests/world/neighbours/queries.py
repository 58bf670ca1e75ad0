"""Questions in PromQL, as Prometheus and VictoriaMetrics both answer them."""

from dataclasses import dataclass
from typing import Any

import httpx2


class Refused(Exception):
    """The neighbour did not do what it was asked; the text is its own."""


@dataclass(frozen=True)
class Sample:
    """One series at one time; `at` in seconds since 1970, `value` may be NaN or infinite."""

    labels: dict[str, str]
    at: float
    value: float


@dataclass(frozen=True)
class Series:
    """One series over time: (seconds since 1970, value), in order."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


class Queries:
    """The query API of one server, under `/api/v1`."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """Return an expression's value, one sample a series; a scalar has no labels.

        at      seconds since 1970; now when it is None
        raises  Refused when the expression is wrong or too dear
        """
        given = {"query": expression} | ({} if at is None else {"time": _seconds(at)})
        found = self.ask("query", given)
        if found["resultType"] in {"scalar", "string"}:
            moment, value = found["result"]
            return [Sample({}, float(moment), float(value))]
        return [
            Sample(dict(row["metric"]), float(row["value"][0]), float(row["value"][1]))
            for row in found["result"]
        ]

    def query_range(
        self, expression: str, start: float, end: float, step: float = 1.0
    ) -> list[Series]:
        """Return an expression's value at `start`, `start + step`, … up to `end`, in seconds.

        Raises `Refused` when the expression is wrong or asks for over 11,000 points a series.
        """
        given = {"start": _seconds(start), "end": _seconds(end), "step": _seconds(step)}
        found = self.ask("query_range", {"query": expression, **given})
        return [
            Series(dict(row["metric"]), [(float(at), float(value)) for at, value in row["values"]])
            for row in found["result"]
        ]

    def ask(self, what: str, given: dict[str, str]) -> dict[str, Any]:
        """Return the `data` of an answer; raises `Refused` for an answer that is an error."""
        answer = self._http.get(f"/api/v1/{what}", params=given)
        if not answer.is_success:
            raise Refused(f"{what} {given}: {answer.status_code} {answer.text.strip()}")
        found: dict[str, Any] = answer.json()["data"]
        return found


def _seconds(number: float) -> str:
    return f"{number:.3f}"
