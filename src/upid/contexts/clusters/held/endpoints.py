"""What clusters hold and how they are, over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response

from upid.contexts.clusters.errors import (
    ClusterLoading,
    ClusterNotFollowed,
    ClusterNotFound,
    ClusterRecorded,
    ClusterUnclear,
    SecretsNotEnabled,
)
from upid.contexts.clusters.held.asked import config_map_rows, secret_rows
from upid.contexts.clusters.held.listing import LISTINGS, Filter
from upid.contexts.clusters.held.telling import ClusterStates
from upid.contexts.clusters.held.views import ClusterViews
from upid.contexts.clusters.schemas import rows as r
from upid.contexts.clusters.schemas.state import ClusterMetrics, ClusterStatus
from upid.core.selector import BadSelector, Selector
from upid.kit.breaker import CircuitOpen
from upid.kit.bulkhead import BulkheadFull
from upid.kit.etags import etag, is_fresh
from upid.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, BadCursor
from upid.kit.problems import problems
from upid.kit.web import json_response, service

router = APIRouter(prefix="/clusters/{cluster_id}", tags=["clusters"])
Views = Annotated[ClusterViews, Depends(service(ClusterViews))]
States = Annotated[ClusterStates, Depends(service(ClusterStates))]

Namespace = Annotated[str | None, Query(max_length=253, description="Only in this namespace.")]
Labels = Annotated[
    str | None, Query(alias="selector", description="Labels, written as kubectl does.")
]
OnNode = Annotated[str | None, Query(max_length=253, description="Only on this node.")]
Phase = Annotated[str | None, Query(max_length=64, description="Such as Running or Pending.")]
OfKind = Annotated[str | None, Query(max_length=253, description="Such as StatefulSet.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
NoneMatch = Annotated[str | None, Header(alias="If-None-Match")]

_UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What is named by If-None-Match is still so."}
}
_KNOWN = problems(ClusterNotFound, ClusterUnclear, ClusterLoading, ClusterNotFollowed)
_LISTED = _UNCHANGED | problems(
    ClusterNotFound, ClusterUnclear, ClusterLoading, ClusterNotFollowed, BadSelector, BadCursor
)
_ASKED = problems(
    ClusterNotFound, ClusterRecorded, ClusterLoading, BulkheadFull, CircuitOpen, BadCursor
)


@router.get("/status", response_model=None, responses=problems(ClusterNotFound, ClusterUnclear))
async def cluster_status(cluster_id: str, states: States) -> Annotated[Response, ClusterStatus]:
    """Return what is known of a cluster: version, provider, capabilities, counts."""
    return json_response(await states.status(cluster_id))


@router.get(
    "/metrics",
    response_model=None,
    responses=problems(ClusterNotFound, ClusterRecorded, ClusterLoading, ClusterNotFollowed),
)
async def cluster_metrics(cluster_id: str, states: States) -> Annotated[Response, ClusterMetrics]:
    """Return what a cluster uses now, node by node, against what is asked for and there."""
    return json_response(await states.metrics(cluster_id))


@router.get("/nodes", response_model=None, responses=_LISTED)
async def list_nodes(
    cluster_id: str,
    views: Views,
    selector: Labels = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    if_none_match: NoneMatch = None,
) -> Annotated[Response, r.NodeRows]:
    """Return the nodes, by name, with what their pods ask for."""
    wanted = Filter(selector=Selector.parse(selector or ""))
    return await _page(views, cluster_id, "nodes", wanted, cursor, limit, if_none_match)


@router.get("/namespaces", response_model=None, responses=_LISTED)
async def list_namespaces(
    cluster_id: str,
    views: Views,
    selector: Labels = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    if_none_match: NoneMatch = None,
) -> Annotated[Response, r.NamespaceRows]:
    """Return the namespaces, by name."""
    wanted = Filter(selector=Selector.parse(selector or ""))
    return await _page(views, cluster_id, "namespaces", wanted, cursor, limit, if_none_match)


@router.get("/workloads", response_model=None, responses=_LISTED)
async def list_workloads(
    cluster_id: str,
    views: Views,
    namespace: Namespace = None,
    selector: Labels = None,
    kind: OfKind = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    if_none_match: NoneMatch = None,
) -> Annotated[Response, r.WorkloadRows]:
    """Return what people own and change, whatever its kind, by namespace, kind and name."""
    wanted = Filter(namespace, Selector.parse(selector or ""), kind=kind)
    return await _page(views, cluster_id, "workloads", wanted, cursor, limit, if_none_match)


@router.get("/deployments", response_model=None, responses=_LISTED)
async def list_deployments(
    cluster_id: str,
    views: Views,
    namespace: Namespace = None,
    selector: Labels = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    if_none_match: NoneMatch = None,
) -> Annotated[Response, r.WorkloadRows]:
    """Return the Deployments, by namespace and name."""
    wanted = Filter(namespace, Selector.parse(selector or ""))
    return await _page(views, cluster_id, "deployments", wanted, cursor, limit, if_none_match)


@router.get("/pods", response_model=None, responses=_LISTED)
async def list_pods(
    cluster_id: str,
    views: Views,
    namespace: Namespace = None,
    selector: Labels = None,
    phase: Phase = None,
    node: OnNode = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    if_none_match: NoneMatch = None,
) -> Annotated[Response, r.PodRows]:
    """Return the pods, by namespace and name, with whom they belong to."""
    wanted = Filter(namespace, Selector.parse(selector or ""), phase, node)
    return await _page(views, cluster_id, "pods", wanted, cursor, limit, if_none_match)


@router.get("/services", response_model=None, responses=_LISTED)
async def list_services(
    cluster_id: str,
    views: Views,
    namespace: Namespace = None,
    selector: Labels = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
    if_none_match: NoneMatch = None,
) -> Annotated[Response, r.ServiceRows]:
    """Return the Services, by namespace and name."""
    wanted = Filter(namespace, Selector.parse(selector or ""))
    return await _page(views, cluster_id, "services", wanted, cursor, limit, if_none_match)


@router.get("/configmaps", response_model=None, responses=_ASKED)
async def list_config_maps(
    cluster_id: str,
    views: Views,
    namespace: Namespace = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Annotated[Response, r.ConfigMapRows]:
    """Return ConfigMaps with their keys and sizes, asked for now; values are never shown."""
    found = await views.config_maps(cluster_id, namespace)
    return json_response(config_map_rows(found, cursor, limit))


@router.get("/secrets", response_model=None, responses=_ASKED | problems(SecretsNotEnabled))
async def list_secrets(
    cluster_id: str,
    views: Views,
    namespace: Namespace = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Annotated[Response, r.SecretRows]:
    """Return Secrets' metadata, once somebody opted in; what is in them is never asked for."""
    found = await views.secrets(cluster_id, namespace)
    return json_response(secret_rows(found, cursor, limit))


async def _page(
    views: ClusterViews,
    cluster_id: str,
    name: str,
    wanted: Filter,
    cursor: str | None,
    limit: int,
    if_none_match: str | None,
) -> Response:
    view = await views.view(cluster_id)
    tag = etag(view.cluster_id, name, view.mark)
    if is_fresh(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return json_response(LISTINGS[name].page(view, wanted, cursor, limit), headers={"ETag": tag})
