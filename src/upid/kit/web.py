"""What endpoints are written with: the service they speak for, and encoded bytes."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")


def service(kind: type[T]) -> Callable[[Request], Awaitable[T]]:
    """Return a dependency that finds the application's one service of this type.

    Use: `Annotated[ClusterService, Depends(service(ClusterService))]`.
    """

    async def found(request: Request) -> T:
        """Return the service; its router is only mounted where it is composed."""
        return cast("T", request.app.state.services[kind])

    return found


def json_response(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return structs, dataclasses or plain values as JSON bytes; the same bytes each time."""
    import msgspec

    body = msgspec.json.encode(content, order="deterministic")
    return Response(body, status, headers, "application/json")
