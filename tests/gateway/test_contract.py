"""The API keeps to its own document, whatever it is sent."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks

from upid.app.wiring import local_app

_CASES = 25  # an operation; more found nothing in 4,000
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
OPERATIONS = (
    ("/api/v1/analyze/cluster", "POST"),
    ("/api/v1/analyze/deployment", "POST"),
    ("/api/v1/analyze/pod", "POST"),
    ("/api/v1/recommendations/cluster/{cluster_id}", "GET"),
    ("/health", "GET"),
)


@pytest.fixture(scope="module")
def schema(sample: object) -> schemathesis.BaseSchema:
    """Return the document of the API over the sample, to be called in this process."""
    return schemathesis.openapi.from_asgi("/api/openapi.json", local_app([str(sample)]))


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_describes(
    schema: schemathesis.BaseSchema, path: str, method: str
) -> None:
    """API-1: no 5xx; statuses, media types and shapes are those of the document."""
    load_all_checks()
    wanted: list[Any] = list(schemathesis.checks.CHECKS.get_by_names(_CHECKS))

    @settings(
        max_examples=_CASES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        case = data.draw(schema[path][method].as_strategy())
        case.call_and_validate(checks=wanted)

    holds()
