"""What stands between the network and the routes."""

import asyncio
import gzip
import io
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI, Request

from tests.fixtures.asgi import calling
from upid.gateway.app import create_app
from upid.gateway.middleware import SECURITY_HEADERS
from upid.gateway.settings import ApiSettings
from upid.kit.logs import configure_logs

pytestmark = pytest.mark.anyio

LIMIT = 2048
CANARY = "canary-in-a-stack"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs("INFO", stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def app(released: threading.Event) -> FastAPI:
    router = APIRouter()

    @router.get("/plain")
    async def plain() -> dict[str, str]:
        return {"said": "x" * 5000}

    @router.get("/boom")
    async def boom() -> None:
        raise RuntimeError(CANARY)

    @router.get("/stuck")
    async def stuck() -> None:
        await asyncio.Event().wait()

    @router.get("/busy")
    def busy() -> None:
        released.wait(30)

    @router.post("/size")
    @router.post("/large")
    async def size(request: Request) -> int:
        return len(await request.body())

    settings = ApiSettings(request_timeout=timedelta(milliseconds=50), max_body_bytes=LIMIT)
    return create_app([router], {}, settings=settings, server=True, unlimited=frozenset({"/large"}))


async def parts(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1000


async def test_a_request_keeps_its_id_and_ill_formed_ids_are_replaced(
    app: FastAPI, lines: io.StringIO
) -> None:
    async with calling(app) as client:
        kept = await client.get("/health", headers={"X-Request-Id": "trace-1234"})
        made = await client.get("/health", headers={"X-Request-Id": "bad id\t<script>"})
        refused = await client.get("/nowhere")

    assert kept.headers["x-request-id"] == "trace-1234"
    assert made.headers["x-request-id"].startswith("req_")
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    told = [line["request_id"] for line in logged if line["event"] == "request"]
    assert told == [one.headers["x-request-id"] for one in (kept, made, refused)]


async def test_a_bug_shows_nothing_of_the_inside_and_the_log_has_the_stack(
    app: FastAPI, lines: io.StringIO
) -> None:
    async with calling(app) as client:
        found = await client.get("/api/v1/boom")

    assert found.status_code == 500
    assert found.json()["code"] == "bug"
    assert CANARY not in found.text
    assert "Traceback" not in found.text
    (line,) = [json.loads(x) for x in lines.getvalue().splitlines() if "request_crashed" in x]
    assert CANARY in line["exception"]
    assert line["request_id"] == found.json()["request_id"]


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "user@localhost",
             "10.0.0.1", "localhost:x", "[::2]", ""],
)  # fmt: skip
async def test_a_foreign_host_is_refused_so_dns_rebinding_reads_nothing(
    app: FastAPI, host: str
) -> None:
    """SEC-10."""
    async with calling(app) as client:
        found = await client.get("/health", headers={"Host": host})
    assert (found.status_code, found.json()["code"]) == (403, "foreign_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:9", "[::1]:8000"])
async def test_names_of_this_machine_are_served(app: FastAPI, host: str) -> None:
    async with calling(app) as client:
        found = await client.get("/health", headers={"Host": host, "Origin": f"http://{host}"})
    assert found.status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
async def test_pages_from_elsewhere_may_not_call(app: FastAPI, origin: str) -> None:
    """SEC-10: CORS closed by default."""
    async with calling(app, Origin=origin) as client:
        found = await client.post("/api/v1/size", content=b"x")
        asked = await client.options("/api/v1/size")

    assert (found.status_code, found.json()["code"]) == (403, "foreign_origin")
    assert not any(name.startswith("access-control") for name in asked.headers)


async def test_bodies_over_the_limit_are_refused_announced_or_not(app: FastAPI) -> None:
    """SEC-10: request size limits."""
    async with calling(app) as client:
        fits = await client.post("/api/v1/size", content=b"x" * LIMIT)
        announced = await client.post("/api/v1/size", content=b"x" * (LIMIT + 1))
        streamed = await client.post("/api/v1/size", content=parts(3))
        elsewhere = await client.post("/api/v1/large", content=parts(9))

    assert (fits.status_code, fits.json()) == (200, LIMIT)
    assert [x.json()["code"] for x in (announced, streamed)] == ["too_large"] * 2
    assert [x.status_code for x in (announced, streamed)] == [413] * 2
    assert elsewhere.json() == 9000


@pytest.mark.parametrize("path", ["stuck", "busy"])
async def test_a_request_that_takes_too_long_is_answered_all_the_same(
    app: FastAPI, path: str, released: threading.Event
) -> None:
    """SEC-10: request time limits."""
    async with calling(app) as client:
        found = await client.get(f"/api/v1/{path}")
    released.set()

    assert (found.status_code, found.json()["code"]) == (503, "request_timeout")
    assert found.headers["retry-after"] == "1"


async def test_every_answer_has_the_security_headers(app: FastAPI) -> None:
    """SEC-10: security headers."""
    async with calling(app) as client:
        answers = [
            await client.get("/health"),
            await client.get("/nowhere"),
            await client.get("/api/v1/boom"),
            await client.get("/health", headers={"Host": "evil.example"}),
        ]
    for found in answers:
        assert {name: found.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


async def test_long_answers_are_compressed_for_those_who_can_read_it(app: FastAPI) -> None:
    """API-1: compression."""
    async with calling(app) as client:
        plain = await client.get("/api/v1/plain", headers={"Accept-Encoding": "identity"})
        async with client.stream("GET", "/api/v1/plain") as found:
            raw = b"".join([part async for part in found.aiter_raw()])

    assert found.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 10
