"""Errors as problem details (RFC 9457): one shape for every refusal the API gives."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from upid.core.errors import Kind, UpidError

MEDIA_TYPE = "application/problem+json"
REFERENCE = {"$ref": "#/components/schemas/Problem"}
RETRY_AFTER = 1  # seconds; a busy store or a full queue is usually free again by then

STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 422,
    Kind.DENIED: 403,
    Kind.MISSING: 404,
    Kind.CONFLICT: 409,
    Kind.UNSAFE: 409,
    Kind.BUSY: 503,
    Kind.UNREACHABLE: 502,
}

# codes to which HTTP gives a status of their own, whatever their kind
STATUS_OF_CODE: Mapping[str, int] = {"precondition_failed": 412}

SCHEMA: Mapping[str, object] = {
    "title": "Problem",
    "type": "object",
    "description": "Problem details as in RFC 9457; `code` never changes its meaning.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "description": "/errors/ and the code"},
        "title": {"type": "string", "description": "The code in words; the same each time."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong this time."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "code": {"type": "string"},
        "hint": {"type": "string", "description": "What to do next."},
        "request_id": {"type": "string"},
        "details": {"type": "object", "description": "Plain values for machines."},
        "errors": {
            "type": "array",
            "description": "Each part of the request that is wrong.",
            "items": {
                "type": "object",
                "required": ["where", "message"],
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    asked: Scope | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> Response:
    """Return a problem document as a response to what was `asked`; empty members are left out."""
    import msgspec  # here, so that contexts that only name problems do not pay for it

    document: dict[str, object] = {
        "type": f"/errors/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": asked["path"] if asked else "",
        "code": code,
        "hint": hint,
        "request_id": asked.get("state", {}).get("request_id", "") if asked else "",
        **extra,
    }
    body = msgspec.json.encode({k: v for k, v in document.items() if v not in ("", None, {}, [])})
    return Response(body, status, headers, MEDIA_TYPE)


def error_response(error: UpidError, *, asked: Scope | None = None) -> Response:
    """Return the problem document of one of UPID's own errors.

    A busy one may hold `retry_after`, in seconds, in its details.
    """
    return problem_response(
        status_of(error),
        error.code,
        error.message,
        hint=error.hint,
        asked=asked,
        headers=_waiting_time(error),
        details=_plain(error.details),
    )


def status_of(error: UpidError | type[UpidError]) -> int:
    """Return the HTTP status of an error, or of all errors of a class."""
    return STATUS_OF_CODE.get(error.code, STATUS[error.kind])


def problems(*errors: type[UpidError]) -> dict[int | str, dict[str, Any]]:
    """Return what the API's document says of the errors that a route can answer with."""
    by_status: dict[int | str, list[type[UpidError]]] = {}
    for error in errors:
        by_status.setdefault(status_of(error), []).append(error)
    return {status: _described(found) for status, found in sorted(by_status.items(), key=str)}


def _waiting_time(error: UpidError) -> dict[str, str] | None:
    if error.kind is not Kind.BUSY:
        return None
    told = error.details.get("retry_after")
    seconds = math.ceil(told) if isinstance(told, int | float) else RETRY_AFTER
    return {"Retry-After": str(max(RETRY_AFTER, seconds))}


def _described(errors: Sequence[type[UpidError]]) -> dict[str, Any]:
    codes = ", ".join(f"`{error.code}`" for error in errors)
    return {"description": f"Refused: {codes}", "content": {MEDIA_TYPE: {"schema": REFERENCE}}}


def _plain(details: Mapping[str, object]) -> dict[str, object]:
    return {key: _value(value) for key, value in sorted(details.items())}


def _value(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_value(part) for part in value]
    return re.sub(r"\s+", " ", str(value))
