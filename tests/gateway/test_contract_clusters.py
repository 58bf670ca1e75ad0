"""The API of clusters keeps to its own document, whatever a running server is sent."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks

from tests.gateway.test_serve import Serving
from upid.adapters.recordings import open_recording

_CASES = 8  # an operation, each of them for a cluster that is there and for one that is not
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
_OF_ONE = "/api/v1/clusters/{cluster_id}"
_HELD = ("nodes", "namespaces", "workloads", "deployments", "pods", "services")
_TOLD = ("status", "health", "metrics", "checks", "configmaps", "secrets")
OPERATIONS = (
    ("/api/v1/clusters", "GET"),
    ("/api/v1/clusters", "POST"),
    *((_OF_ONE, method) for method in ("GET", "PUT", "DELETE")),
    (f"{_OF_ONE}/validate", "POST"),
    *((f"{_OF_ONE}/{name}", "GET") for name in (*_HELD, *_TOLD)),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sample: object) -> Iterator[Serving]:
    """Yield a server that knows the sample."""
    home = tmp_path_factory.mktemp("contract") / "home"
    found = Serving(home, {}, "--recording", str(sample))
    yield found
    code, log = found.end()
    assert code == 0, log[-3000:]


@pytest.fixture(scope="module")
def schema(server: Serving) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{server.address}/api/openapi.json")


@pytest.fixture(scope="module")
def known(sample: object) -> str:
    """Return the id of the cluster in the sample."""
    return open_recording(str(sample)).facts().id


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_document_describes(
    schema: schemathesis.BaseSchema, known: str, path: str, method: str
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
    @given(data=st.data(), there=st.booleans())
    def holds(data: st.DataObject, there: bool) -> None:
        case = data.draw(schema[path][method].as_strategy())
        if there and "cluster_id" in case.path_parameters:
            case.path_parameters["cluster_id"] = known
        case.call_and_validate(checks=wanted)

    holds()
