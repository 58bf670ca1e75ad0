"""Whatever goes wrong in a request, as problem details."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from upid.core.errors import UpidError
from upid.kit.problems import error_response, problem_response

CODES: Mapping[int, str] = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "media_type_unsupported",
}
_HINTS: Mapping[int, str] = {
    404: "the API is described at /api/docs",
    405: "the API is described at /api/docs",
    413: "send less, or raise the setting api.max_body_bytes",
}


def register_errors(app: FastAPI) -> None:
    """Make the application answer every error with problem details."""
    app.exception_handler(UpidError)(_own)
    app.exception_handler(HTTPException)(_of_http)
    app.exception_handler(RequestValidationError)(_of_validation)


async def _own(request: Request, error: UpidError) -> Response:
    return error_response(error, asked=request.scope)


async def _of_http(request: Request, error: HTTPException) -> Response:
    status = error.status_code
    return problem_response(
        status,
        CODES.get(status, "refused"),
        f"{request.method} {request.url.path!r}: {error.detail}",
        hint=_HINTS.get(status, ""),
        headers=error.headers,
        asked=request.scope,
    )


async def _of_validation(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    malformed = any(part["type"] == "json_invalid" for part in found)
    listed = [{"where": _place(part["loc"]), "message": str(part["msg"])} for part in found]
    return problem_response(
        400 if malformed else 422,
        "malformed" if malformed else "invalid_request",
        "; ".join(f"{part['where']!r}: {part['message']}" for part in listed),
        hint="the API is described at /api/docs",
        errors=listed,
        asked=request.scope,
    )


def _place(path: Sequence[Any]) -> str:
    return ".".join(str(part) for part in path)
