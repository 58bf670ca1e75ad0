"""Registered clusters over HTTP: taken in, listed, changed, forgotten, looked at."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from upid.contexts.clusters.errors import (
    ClusterDiffers,
    ClusterExists,
    ClusterLabelRefused,
    ClusterLookTimeout,
    ClusterNameRefused,
    ClusterNameTaken,
    ClusterNotFound,
    ClusterRecorded,
)
from upid.contexts.clusters.held.telling import ClusterStates
from upid.contexts.clusters.registered import Registered
from upid.contexts.clusters.registry import ClusterRegistry
from upid.contexts.clusters.schemas.registry import (
    ClusterChange,
    ClusterPage,
    ClusterRead,
    ClusterRegistration,
)
from upid.contexts.clusters.schemas.state import CheckRows, ClusterHealth, Validation
from upid.core.selector import BadSelector, Selector
from upid.kit.bulkhead import BulkheadFull
from upid.kit.etags import PreconditionFailed, is_fresh
from upid.kit.idempotency import IdempotencyKeyInvalid, IdempotencyKeyReused, Reply
from upid.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, BadCursor
from upid.kit.problems import problems
from upid.kit.web import json_response, service

router = APIRouter(prefix="/clusters", tags=["clusters"])
Registry = Annotated[ClusterRegistry, Depends(service(ClusterRegistry))]
States = Annotated[ClusterStates, Depends(service(ClusterStates))]
Match = Annotated[str | None, Header(alias="If-Match", description="ETag of what is changed.")]
NoneMatch = Annotated[str | None, Header(alias="If-None-Match")]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="Any text once."),
]
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What is named by If-None-Match is still so."}
}

_TAKING_IN = (ClusterNameRefused, ClusterLabelRefused, ClusterNameTaken, ClusterLookTimeout)


@router.post(
    "",
    status_code=201,
    response_model=ClusterRead,
    responses=problems(
        ClusterExists, *_TAKING_IN, BulkheadFull, IdempotencyKeyInvalid, IdempotencyKeyReused
    ),
)
async def register_cluster(
    request: Request, body: ClusterRegistration, registry: Registry, key: Key = None
) -> Response:
    """Register a cluster that answers; nothing is stored for one that does not.

    The kubeconfig is stored sealed and never shown again.
    """

    def answer(cluster: Registered) -> Reply:
        found = shown(cluster, registry)
        place = f"{request.url.path}/{cluster.id}"
        return Reply(201, bytes(found.body), {"ETag": found.headers["ETag"], "Location": place})

    asked = f"{request.method} {request.url.path} {body.model_dump_json()}".encode()
    reply = await registry.register(body.wanted(), answer, key=key, asked=asked)
    return Response(reply.body, reply.status, dict(reply.headers), "application/json")


@router.get("", responses=problems(BadCursor, BadSelector))
async def list_clusters(
    registry: Registry,
    name: Annotated[
        str | None, Query(max_length=253, description="Only the one so called.")
    ] = None,
    selector: Annotated[
        str | None, Query(description="Labels of clusters, written as kubectl does.")
    ] = None,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> ClusterPage:
    """Return registered clusters, by name."""
    page = await registry.page(name, Selector.parse(selector or ""), cursor, limit)
    return ClusterPage.of(page, registry.now())


@router.get(
    "/{cluster_id}", response_model=ClusterRead, responses=UNCHANGED | problems(ClusterNotFound)
)
async def get_cluster(
    cluster_id: str, registry: Registry, if_none_match: NoneMatch = None
) -> Response:
    """Return a registered cluster, by id or name."""
    cluster = await registry.get(cluster_id)
    tag = registry.tag(cluster)
    if is_fresh(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return shown(cluster, registry)


@router.put(
    "/{cluster_id}",
    response_model=ClusterRead,
    responses=problems(
        ClusterNotFound, ClusterDiffers, PreconditionFailed, *_TAKING_IN, BulkheadFull
    ),
)
async def change_cluster(
    cluster_id: str, body: ClusterChange, registry: Registry, if_match: Match = None
) -> Response:
    """Give a cluster another name, other labels and, if a kubeconfig is sent, other credentials.

    Credentials have to lead to the same cluster.
    """
    return shown(await registry.update(cluster_id, body.wanted(), if_match), registry)


@router.delete("/{cluster_id}", status_code=204, responses=problems(ClusterNotFound))
async def forget_cluster(cluster_id: str, registry: Registry) -> None:
    """Forget a cluster with its credentials and its history; nothing is changed in it."""
    await registry.remove(cluster_id)


@router.post(
    "/{cluster_id}/validate",
    response_model=None,
    responses=problems(ClusterNotFound, ClusterRecorded, BulkheadFull),
)
async def validate_cluster(cluster_id: str, states: States) -> Annotated[Response, Validation]:
    """Look at a cluster now: does it answer, who is UPID to it, which permissions are missing."""
    return json_response(await states.validate(cluster_id))


@router.get(
    "/{cluster_id}/health",
    response_model=None,
    responses=problems(ClusterNotFound, ClusterRecorded),
)
async def cluster_health(cluster_id: str, states: States) -> Annotated[Response, ClusterHealth]:
    """Return how a cluster and the way to it are, with reasons; nothing is asked of it."""
    return json_response(await states.health(cluster_id))


@router.get(
    "/{cluster_id}/checks",
    response_model=None,
    responses=problems(ClusterNotFound, ClusterRecorded),
)
async def cluster_checks(
    cluster_id: str,
    states: States,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> Annotated[Response, CheckRows]:
    """Return the latest looks at a cluster, the newest first."""
    return json_response(await states.checks(cluster_id, limit))


def shown(cluster: Registered, registry: ClusterRegistry) -> Response:
    """Return a cluster as the answer to a request."""
    body = ClusterRead.of(cluster, registry.now()).model_dump_json()
    return Response(body, 200, {"ETag": registry.tag(cluster)}, "application/json")
