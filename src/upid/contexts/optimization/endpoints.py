"""Analysis and recommendations over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from upid.contexts.clusters import ClusterLoading, ClusterNotFound, ClusterUnclear
from upid.contexts.optimization.analysis import AnalysisService
from upid.contexts.optimization.analysis.errors import (
    PodNotFound,
    WorkloadNotFound,
    WorkloadUnclear,
)
from upid.contexts.optimization.analysis.page import Wanted
from upid.contexts.optimization.schemas import (
    ClusterAnalysis,
    ClusterQuestion,
    DeploymentAnalysis,
    DeploymentQuestion,
    PodAnalysis,
    PodQuestion,
    RecommendationPage,
)
from upid.contexts.optimization.types import AdviceType, Risk
from upid.core.window import BadWindow
from upid.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, BadCursor
from upid.kit.problems import problems
from upid.kit.web import json_response, service

router = APIRouter()
Analyses = Annotated[AnalysisService, Depends(service(AnalysisService))]

_CLUSTER = (ClusterNotFound, ClusterUnclear, ClusterLoading, BadWindow)
Namespaces = Annotated[list[str] | None, Query(description="Only these; each may be a glob.")]


@router.post(
    "/analyze/cluster", tags=["analysis"], response_model=None, responses=problems(*_CLUSTER)
)
def analyze_cluster(
    question: ClusterQuestion, analyses: Analyses
) -> Annotated[Response, ClusterAnalysis]:
    """Say what a cluster costs, what of that is used, and what to do about the rest."""
    options = question.options
    return json_response(
        analyses.cluster(
            question.cluster_id,
            options.time_range,
            question.namespaces,
            question.selector,
            options.limit,
        )
    )


@router.post(
    "/analyze/deployment",
    tags=["analysis"],
    response_model=None,
    responses=problems(*_CLUSTER, WorkloadNotFound, WorkloadUnclear),
)
def analyze_deployment(
    question: DeploymentQuestion, analyses: Analyses
) -> Annotated[Response, DeploymentAnalysis]:
    """Say what one workload costs, how idle it is, how it uses what it asks for."""
    return json_response(
        analyses.workload(
            question.cluster_id,
            question.options.time_range,
            question.namespace,
            question.kind,
            question.deployment_name,
            detailed=question.options.detailed,
        )
    )


@router.post(
    "/analyze/pod",
    tags=["analysis"],
    response_model=None,
    responses=problems(*_CLUSTER, PodNotFound),
)
def analyze_pod(question: PodQuestion, analyses: Analyses) -> Annotated[Response, PodAnalysis]:
    """Say what one pod costs and how idle it is; advice is for its workload."""
    return json_response(
        analyses.pod(
            question.cluster_id,
            question.options.time_range,
            question.namespace,
            question.pod_name,
            detailed=question.options.detailed,
            costed=question.options.include_cost_analysis,
            unmet=question.options.unmet(),
        )
    )


@router.get(
    "/recommendations/cluster/{cluster_id}",
    tags=["recommendations"],
    response_model=None,
    responses=problems(ClusterNotFound, ClusterLoading, BadWindow, BadCursor),
)
def list_recommendations(
    cluster_id: str,
    analyses: Analyses,
    time_range: Annotated[str, Query(description="Window the advice is from.")] = "7d",
    confidence_threshold: Annotated[
        float, Query(ge=0, le=100, description="At most 1 is a fraction, above it a percentage.")
    ] = 0.8,
    namespace: Namespaces = None,
    selector: Annotated[str | None, Query(description="Labels, written as kubectl does.")] = None,
    type: Annotated[list[AdviceType] | None, Query()] = None,  # noqa: A002 the API's word
    risk: Annotated[Risk | None, Query(description="This risk at most.")] = None,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> Annotated[Response, RecommendationPage]:
    """Return what should change in a cluster, the dearest first, and what was left alone."""
    wanted = Wanted.of(confidence_threshold, type, risk)
    return json_response(
        analyses.page(cluster_id, time_range, namespace, selector, wanted, cursor, limit)
    )
