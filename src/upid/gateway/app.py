"""The application: routers and services put together, with or without a network around them."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from hashlib import sha256
from importlib.metadata import version as installed_version
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, Response

from upid.gateway.errors import register_errors
from upid.gateway.health import Check, health_router
from upid.gateway.settings import ApiSettings
from upid.gateway.structs import describe_structs
from upid.kit import problems
from upid.kit.web import json_response

PREFIX = "/api/v1"
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_ABOUT = "Turns Kubernetes metrics into money decisions, and explains every one of them."
_REFUSED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Refused; problem details say why and what to do.",
        "content": {problems.MEDIA_TYPE: {"schema": problems.REFERENCE}},
    }
}


def create_app(
    routers: Sequence[APIRouter],
    services: Mapping[type, object],
    *,
    settings: ApiSettings | None = None,
    server: bool = False,
    docs: bool = True,
    checks: Sequence[Check] = (),
    unlimited: frozenset[str] = frozenset(),
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return the API over the given routers, which are mounted below /api/v1.

    services  what `upid.kit.web.service` finds, by type
    server    True where strangers can reach it: guards, limits, request ids, compression
    docs      False leaves out /api/openapi.json and /api/docs
    checks    what /readyz asks
    unlimited paths below /api/v1 whose endpoints bound the request's body themselves
    """
    app = FastAPI(
        title="UPID",
        description=_ABOUT,
        version="unread",  # the real one costs a look through site-packages: see _document
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False},
    )
    app.state.services = dict(services)
    register_errors(app)
    app.include_router(health_router(program_version, checks))
    for router in routers:
        app.include_router(router, prefix=PREFIX, responses=_REFUSED)
    if docs:
        _add_docs(app)
    if server:
        from upid.gateway.middleware import guard

        bounded_elsewhere = frozenset(PREFIX + path for path in unlimited)
        guard(app, settings or ApiSettings(), bounded_elsewhere)
    return app


@cache
def program_version() -> str:
    """Return the version of the installed program."""
    return installed_version("upid")


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the API's OpenAPI document; built once, when first asked for."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    app.version = program_version()
    document = app.openapi()
    shapes = document.setdefault("components", {}).setdefault("schemas", {})
    shapes["Problem"] = problems.SCHEMA
    describe_structs(app, document)
    return document


def _add_docs(app: FastAPI) -> None:
    async def openapi() -> Response:
        """Return the API's document."""
        return json_response(openapi_document(app))

    async def docs() -> Response:
        """Return the API's document as a page for people."""
        from upid.gateway.docs import STYLE, docs_page

        digest = b64encode(sha256(STYLE.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
        page = docs_page(openapi_document(app))
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    app.add_api_route("/api/openapi.json", openapi, include_in_schema=False)
    app.add_api_route("/api/docs", docs, include_in_schema=False)
