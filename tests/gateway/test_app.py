"""The application: health, its document and page, and errors in one shape."""

import subprocess
import sys
from html.parser import HTMLParser
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from tests.fixtures.asgi import calling
from upid.core.errors import Kind, UpidError
from upid.gateway.app import create_app, openapi_document
from upid.gateway.health import Check
from upid.kit.problems import problems
from upid.kit.web import json_response, service

pytestmark = pytest.mark.anyio


class Greeter:
    def greet(self, name: str) -> str:
        return f"hello {name}"


class Greeting(BaseModel):
    """A greeting."""

    name: str = Field(max_length=5, description="Whom to greet.")


class Refused(UpidError):
    code = "greeting_refused"

    def __init__(self, kind: Kind) -> None:
        super().__init__("no 'greeting' today", hint="try tomorrow", details={"at": (1, None)})
        self.kind = kind  # type: ignore[misc]


def router() -> APIRouter:
    found = APIRouter(prefix="/greetings", tags=["greetings"])

    @found.post("", responses=problems(Refused))
    async def greet(
        body: Greeting, greeter: Annotated[Greeter, Depends(service(Greeter))]
    ) -> Greeting:
        """Greet <somebody>."""
        return Greeting(name=greeter.greet(body.name)[:5])

    @found.get("/refused")
    async def refused(kind: Kind) -> None:
        raise Refused(kind)

    @found.get("/bytes")
    async def encoded() -> object:
        return json_response({"b": {"c": "x"}, "a": {"z", "y"}})

    return found


def app(**given: object):  # type: ignore[no-untyped-def] # noqa: ANN201 - short
    return create_app([router()], {Greeter: Greeter()}, **given)  # type: ignore[arg-type]


async def test_health_answers_status_and_version() -> None:
    """API-2."""
    async with calling(app()) as client:
        found = await client.get("/health")
        alive = await client.get("/livez")

    assert found.status_code == alive.status_code == 200
    assert found.json()["status"] == "ok"
    assert found.json()["version"]


async def test_ready_names_what_is_missing() -> None:
    """OPS-3."""

    async def fine() -> None:
        return

    async def lost() -> None:
        raise OSError(28, "No space left on device")

    async with calling(app(checks=[Check("rows", fine)])) as client:
        good = await client.get("/readyz")
    async with calling(app(checks=[Check("rows", fine), Check("disk", lost)])) as client:
        bad = await client.get("/readyz")

    assert (good.status_code, good.json()["checks"]) == (200, {"rows": "ok"})
    assert (bad.status_code, bad.json()["checks"]) == (
        503,
        {"rows": "ok", "disk": "No space left on device"},
    )


async def test_a_route_finds_the_service_that_was_composed() -> None:
    async with calling(app()) as client:
        found = await client.post("/api/v1/greetings", json={"name": "ana"})
    assert found.json() == {"name": "hello"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [("invalid", 422), ("denied", 403), ("missing", 404), ("conflict", 409), ("unsafe", 409),
     ("busy", 503), ("unreachable", 502)],
)  # fmt: skip
async def test_every_kind_of_error_has_its_status_and_one_shape(kind: str, status: int) -> None:
    """API-1: RFC 9457 problem details."""
    async with calling(app()) as client:
        found = await client.get("/api/v1/greetings/refused", params={"kind": kind})

    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in found.headers) is (kind == "busy")
    assert found.json() == {
        "type": "/errors/greeting_refused",
        "title": "Greeting refused",
        "status": status,
        "detail": "no 'greeting' today",
        "instance": "/api/v1/greetings/refused",
        "code": "greeting_refused",
        "hint": "try tomorrow",
        "details": {"at": [1, None]},
    }


async def test_wrong_requests_are_told_what_is_wrong_in_the_same_shape() -> None:
    async with calling(app()) as client:
        invalid = await client.post("/api/v1/greetings", json={"name": "far too long"})
        broken = await client.post(
            "/api/v1/greetings", content=b"{", headers={"content-type": "application/json"}
        )
        nowhere = await client.get("/api/v1/nowhere")
        wrong_verb = await client.delete("/api/v1/greetings")

    answers = [invalid, broken, nowhere, wrong_verb]
    assert [one.status_code for one in answers] == [422, 400, 404, 405]
    assert {one.headers["content-type"] for one in answers} == {"application/problem+json"}
    assert [one.json()["code"] for one in answers] == [
        "invalid_request", "malformed", "not_found", "method_not_allowed",
    ]  # fmt: skip
    assert invalid.json()["errors"] == [
        {"where": "body.name", "message": "String should have at most 5 characters"}
    ]
    assert wrong_verb.headers["allow"] == "POST"


async def test_encoded_bytes_have_their_keys_in_order() -> None:
    async with calling(app()) as client:
        found = await client.get("/api/v1/greetings/bytes")
    assert found.content == b'{"a":["y","z"],"b":{"c":"x"}}'


def test_the_document_describes_problems_instead_of_the_frameworks_errors() -> None:
    document = openapi_document(app())

    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "Problem" in document["components"]["schemas"]
    responses = document["paths"]["/api/v1/greetings"]["post"]["responses"]
    assert "greeting_refused" in responses["422"]["description"]
    for found in ("422", "default"):
        (kind,) = responses[found]["content"]
        assert kind == "application/problem+json"


class Page(HTMLParser):
    """Collects what a page would load, where it leads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "src" in given or tag in ("script", "link", "iframe", "img"):
            self.loads.append(tag)
        self.links += [given["href"]] if "href" in given else []
        self.anchors |= {given["id"]} if "id" in given else set()


async def test_the_page_needs_nothing_from_elsewhere_and_every_link_leads_somewhere() -> None:
    """API-1: docs at /api/docs, also where there is no internet."""
    async with calling(app(server=True)) as client:
        found = await client.get("/api/docs")
        document = await client.get("/api/openapi.json")
    page = Page(found.text)

    assert page.loads == []
    assert "script" not in found.headers["content-security-policy"]
    assert "/api/v1/greetings" in found.text
    assert "Greet &lt;somebody&gt;." in found.text
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside <= page.anchors
    assert {link for link in page.links if not link.startswith("#")} == {"/api/openapi.json"}
    assert document.json()["openapi"].startswith("3.1")


async def test_without_docs_there_is_no_document() -> None:
    async with calling(app(docs=False)) as client:
        assert (await client.get("/api/openapi.json")).status_code == 404


def test_stand_alone_use_imports_no_server_database_or_logging() -> None:
    """DESIGN: a stand-alone command pays for nothing that only servers use."""
    asked = (
        "import sys; from upid.gateway.app import create_app; create_app([], {}); "
        "sys.exit(', '.join(sorted({'uvicorn', 'sqlalchemy', 'alembic', 'structlog', "
        "'upid.gateway.docs', 'upid.gateway.middleware'} & set(sys.modules))) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=False)
    assert (found.returncode, found.stderr) == (0, b"")
