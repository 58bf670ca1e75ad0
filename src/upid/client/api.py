"""The methods of the API, typed: what commands and other programs call."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from upid.client.errors import NotUpid, Problem, ServerUnreachable
from upid.client.transport import NO_HEADERS, Headers, InProcess, Remote, Transport
from upid.client.types import (
    ClusterAnalysis,
    ClusterHealth,
    ClusterPage,
    ClusterRead,
    DeploymentAnalysis,
    PodAnalysis,
    RecommendationPage,
    Validation,
)
from upid.core.errors import Kind

Answer = TypeVar("Answer")
_V1 = "/api/v1"
_LARGEST_PAGE = 200  # what the API gives at once
_FIRST_ERROR = 400  # HTTP: from here on, a status is a refusal
_KINDS = {
    401: Kind.DENIED,
    403: Kind.DENIED,
    404: Kind.MISSING,
    409: Kind.CONFLICT,
    429: Kind.BUSY,
    502: Kind.UNREACHABLE,
    503: Kind.BUSY,
    504: Kind.UNREACHABLE,
}


class _ProblemDetails(msgspec.Struct):
    """What is read of a problem document (RFC 9457)."""

    code: str
    detail: str
    hint: str = ""
    details: dict[str, Any] = {}


class Api:
    """UPID's API. Every method raises Problem for what the API refuses."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    def of_recordings(cls, recordings: Sequence[str]) -> Self:
        """Return the API over recording files, in this process."""
        from upid.app.wiring import local_app

        return cls(InProcess(local_app(recordings)))

    @classmethod
    def of_cluster(cls, wanted: Mapping[str, object], progress: Callable[[str], None]) -> Self:
        """Return the API over a live cluster, read in this process as kubectl would reach it."""
        from upid.app.wiring import live_app

        return cls(InProcess(live_app(wanted, progress)))

    @classmethod
    def described(cls) -> Self:
        """Return the API with every route there is: to be described, not to be asked."""
        from upid.app.wiring import described_app

        return cls(InProcess(described_app()))

    @classmethod
    def of_server(cls, address: str) -> Self:
        """Return the API of a server."""
        return cls(Remote(address))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transport.close()

    def analyze_cluster(
        self,
        *,
        cluster_id: str | None = None,
        namespaces: Sequence[str] = (),
        selector: str | None = None,
        options: Mapping[str, object] | None = None,
    ) -> ClusterAnalysis:
        """Return what a cluster, or the named namespaces of it, costs and wastes."""
        question = {
            "cluster_id": cluster_id,
            "namespaces": list(namespaces) or None,
            "selector": selector,
            "options": options or {},
        }
        return self._post("/analyze/cluster", question, ClusterAnalysis)

    def analyze_deployment(
        self,
        name: str,
        *,
        namespace: str | None = None,
        kind: str | None = None,
        cluster_id: str | None = None,
        options: Mapping[str, object] | None = None,
    ) -> DeploymentAnalysis:
        """Return one workload in depth; of any kind, not only a Deployment."""
        question = {
            "deployment_name": name,
            "namespace": namespace,
            "kind": kind,
            "cluster_id": cluster_id,
            "options": options or {},
        }
        return self._post("/analyze/deployment", question, DeploymentAnalysis)

    def analyze_pod(
        self,
        name: str,
        *,
        namespace: str | None = None,
        cluster_id: str | None = None,
        options: Mapping[str, object] | None = None,
    ) -> PodAnalysis:
        """Return one pod in depth."""
        question = {
            "pod_name": name,
            "namespace": namespace,
            "cluster_id": cluster_id,
            "options": options or {},
        }
        return self._post("/analyze/pod", question, PodAnalysis)

    def recommendations(
        self, cluster_id: str, filters: Mapping[str, object], cursor: str | None = None
    ) -> RecommendationPage:
        """Return one page of a cluster's recommendations, the dearest first.

        filters  query parameters of the endpoint; a sequence is given again for each part, an
                 absent value is left out
        """
        asked = {key: value for key, value in filters.items() if value is not None}
        query = urlencode(asked | ({"cursor": cursor} if cursor else {}), doseq=True)
        path = f"{_V1}/recommendations/cluster/{quote(cluster_id, safe='')}?{query}"
        return self._ask("GET", path, RecommendationPage)

    def every_recommendation(
        self, cluster_id: str, filters: Mapping[str, object], limit: int | None = None
    ) -> RecommendationPage:
        """Return all pages as one, or the first `limit` recommendations of them."""
        size = {"limit": min(limit or _LARGEST_PAGE, _LARGEST_PAGE)}
        page = self.recommendations(cluster_id, {**filters, **size})
        items, cursor = list(page.items), page.next_cursor
        while cursor and (limit is None or len(items) < limit):
            following = self.recommendations(cluster_id, {**filters, **size}, cursor)
            items += following.items
            cursor = following.next_cursor
        return msgspec.structs.replace(page, items=items[:limit], next_cursor=None)

    def register_cluster(
        self, name: str, kubeconfig: str, *, labels: Mapping[str, str], key: str
    ) -> ClusterRead:
        """Register a cluster that answers; its kubeconfig travels in the body alone.

        key  what this registration is called: when the answer is lost, it is sent once more, and
             is done once all the same
        """
        sent = {"name": name, "kubeconfig": kubeconfig, "labels": dict(labels)}
        asked = ("POST", f"{_V1}/clusters", ClusterRead, msgspec.json.encode(sent))
        headers = {"Idempotency-Key": key}
        try:
            return self._ask(*asked, headers)
        except ServerUnreachable:
            return self._ask(*asked, headers)

    def clusters(self) -> list[ClusterRead]:
        """Return all registered clusters, by name."""
        found: list[ClusterRead] = []
        cursor: str | None = None
        while True:
            query = urlencode({"limit": _LARGEST_PAGE} | ({"cursor": cursor} if cursor else {}))
            page = self._ask("GET", f"{_V1}/clusters?{query}", ClusterPage)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    def cluster(self, named: str) -> ClusterRead:
        """Return a registered cluster, by id or name."""
        query = urlencode({"name": named, "limit": 1})
        page = self._ask("GET", f"{_V1}/clusters?{query}", ClusterPage)
        if page.items:
            return page.items[0]
        if "/" in named:  # no path can hold it, and ids have none
            why, hint = f"there is no cluster {named!r}", "list them: upid clusters list"
            raise Problem(Kind.MISSING, "cluster_not_found", why, hint)
        return self._ask("GET", _of(named), ClusterRead)

    def cluster_health(self, cluster_id: str) -> ClusterHealth:
        """Return how a registered cluster is."""
        return self._ask("GET", f"{_of(cluster_id)}/health", ClusterHealth)

    def validate_cluster(self, cluster_id: str) -> Validation:
        """Have the server look at a cluster now."""
        return self._ask("POST", f"{_of(cluster_id)}/validate", Validation)

    def forget_cluster(self, cluster_id: str) -> None:
        """Have the server forget a cluster with its credentials and its history."""
        self._send("DELETE", _of(cluster_id), None)

    def document(self) -> bytes:
        """Return the API's OpenAPI document."""
        return self._send("GET", "/api/openapi.json", None)

    def _post(self, path: str, question: Mapping[str, object], shape: type[Answer]) -> Answer:
        return self._ask("POST", _V1 + path, shape, msgspec.json.encode(question))

    def _ask(
        self,
        method: str,
        target: str,
        shape: type[Answer],
        body: bytes | None = None,
        headers: Headers = NO_HEADERS,
    ) -> Answer:
        answer = self._send(method, target, body, headers)
        try:
            return msgspec.json.decode(answer, type=shape)
        except msgspec.MsgspecError as error:
            raise NotUpid(self._transport.address, str(error)) from error

    def _send(
        self, method: str, target: str, body: bytes | None, headers: Headers = NO_HEADERS
    ) -> bytes:
        reply = self._transport.send(method, target, body, headers)
        if reply.status < _FIRST_ERROR:
            return reply.body
        try:
            problem = msgspec.json.decode(reply.body, type=_ProblemDetails)
        except msgspec.MsgspecError as error:
            why = f"status {reply.status}"
            raise NotUpid(self._transport.address, why) from error
        kind = _KINDS.get(reply.status, Kind.INVALID)
        raise Problem(kind, problem.code, problem.detail, problem.hint, problem.details)


def _of(cluster_id: str) -> str:
    return f"{_V1}/clusters/{quote(cluster_id, safe='')}"
