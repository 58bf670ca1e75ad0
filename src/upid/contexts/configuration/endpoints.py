"""The settings of single clusters over HTTP (CFG-1)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from upid.contexts.configuration.errors import ConfigurationConflict
from upid.contexts.configuration.schemas import ConfigurationRead, RevisionPage
from upid.contexts.configuration.sections import General, Rules, Thresholds
from upid.contexts.configuration.service import ConfigurationService
from upid.contexts.configuration.types import Configured, Section
from upid.kit.etags import PreconditionFailed, is_fresh
from upid.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, BadCursor
from upid.kit.problems import MEDIA_TYPE, REFERENCE, problems
from upid.kit.web import service

router = APIRouter(prefix="/config/clusters/{cluster_id}", tags=["configuration"])
Configurations = Annotated[ConfigurationService, Depends(service(ConfigurationService))]
IfMatch = Annotated[str | None, Header(description="ETag of what is replaced.")]
IfNoneMatch = Annotated[str | None, Header()]

_MISSING: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "Refused: `cluster_not_found`",  # of the context that knows clusters
        "content": {MEDIA_TYPE: {"schema": REFERENCE}},
    }
}
_GET = {304: {"description": "It is as If-None-Match says."}, **_MISSING}
_PUT = problems(PreconditionFailed, ConfigurationConflict) | _MISSING


def who(request: Request) -> str:
    """Return who asks; without logins that is an address."""
    return f"anonymous ({request.client.host})" if request.client else "anonymous"


By = Annotated[str, Depends(who)]


@router.get("", response_model=ConfigurationRead, responses=_GET)
async def get_cluster_settings(
    cluster_id: str,
    response: Response,
    configurations: Configurations,
    if_none_match: IfNoneMatch = None,
) -> Response | ConfigurationRead:
    """Return how a cluster is kept, reached and followed."""
    found = await configurations.section(cluster_id, Section.GENERAL)
    return _read(found, response, if_none_match)


@router.put("", responses=_PUT)
async def put_cluster_settings(
    cluster_id: str,
    sent: General,
    response: Response,
    configurations: Configurations,
    by: By,
    if_match: IfMatch = None,
) -> ConfigurationRead:
    """Set how a cluster is kept, reached and followed; what is not sent is as for all clusters."""
    found = await configurations.change(cluster_id, sent, if_match=if_match, by=by)
    return _shown(found, response)


@router.get("/rules", response_model=ConfigurationRead, responses=_GET)
async def get_cluster_rules(
    cluster_id: str,
    response: Response,
    configurations: Configurations,
    if_none_match: IfNoneMatch = None,
) -> Response | ConfigurationRead:
    """Return which kinds of advice are given for a cluster, and where not."""
    found = await configurations.section(cluster_id, Section.RULES)
    return _read(found, response, if_none_match)


@router.put("/rules", responses=_PUT)
async def put_cluster_rules(
    cluster_id: str,
    sent: Rules,
    response: Response,
    configurations: Configurations,
    by: By,
    if_match: IfMatch = None,
) -> ConfigurationRead:
    """Set which kinds of advice are given for a cluster, and where not."""
    found = await configurations.change(cluster_id, sent, if_match=if_match, by=by)
    return _shown(found, response)


@router.get("/thresholds", response_model=ConfigurationRead, responses=_GET)
async def get_cluster_thresholds(
    cluster_id: str,
    response: Response,
    configurations: Configurations,
    if_none_match: IfNoneMatch = None,
) -> Response | ConfigurationRead:
    """Return from where on a cluster's workloads are judged to be idle, or oversized."""
    found = await configurations.section(cluster_id, Section.THRESHOLDS)
    return _read(found, response, if_none_match)


@router.put("/thresholds", responses=_PUT)
async def put_cluster_thresholds(
    cluster_id: str,
    sent: Thresholds,
    response: Response,
    configurations: Configurations,
    by: By,
    if_match: IfMatch = None,
) -> ConfigurationRead:
    """Set from where on a cluster's workloads are judged to be idle, or oversized."""
    found = await configurations.change(cluster_id, sent, if_match=if_match, by=by)
    return _shown(found, response)


@router.get("/history", responses=problems(BadCursor) | _MISSING)
async def list_cluster_settings_history(
    cluster_id: str,
    configurations: Configurations,
    section: Annotated[Section, Query()] = Section.GENERAL,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> RevisionPage:
    """Return what was set for a cluster, when and by whom, the newest first."""
    return RevisionPage.of(await configurations.history(cluster_id, section, cursor, limit))


def _read(
    found: Configured, response: Response, if_none_match: str | None
) -> Response | ConfigurationRead:
    if is_fresh(if_none_match, found.tag):
        return Response(status_code=304, headers={"ETag": found.tag})
    return _shown(found, response)


def _shown(found: Configured, response: Response) -> ConfigurationRead:
    response.headers["ETag"] = found.tag
    return ConfigurationRead.of(found)
