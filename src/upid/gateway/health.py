"""Is it alive, is it ready: questions that load balancers and people ask (OPS-3)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from upid.core.errors import UpidError
from upid.kit.web import json_response

_PATIENCE = 2.0  # seconds for one check; kubelet's probes give up after 1 s unless told otherwise


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must work before requests are welcome; raises when it does not."""

    name: str
    run: Callable[[], Awaitable[None]]


def health_router(version: Callable[[], str], checks: Sequence[Check]) -> APIRouter:
    """Return the routes that tell how the program is."""
    router = APIRouter(tags=["health"])

    @router.get("/health")
    async def health() -> Response:
        """Return the status and the version."""
        return json_response({"status": "ok", "version": version()})

    @router.get("/livez")
    async def livez() -> Response:
        """Answer as long as the program runs; looks at nothing else."""
        return json_response({"status": "ok"})

    @router.get("/readyz", responses={503: {"description": "Not ready; names what is missing."}})
    async def readyz() -> Response:
        """Return whether everything that requests need can be reached."""
        found = await asyncio.gather(*(_outcome(check) for check in checks))
        good = all(outcome == "ok" for outcome in found)
        named = {check.name: outcome for check, outcome in zip(checks, found, strict=True)}
        body = {"status": "ok" if good else "not ready", "checks": named}
        return json_response(body, status=200 if good else 503)

    return router


async def _outcome(check: Check) -> str:
    try:
        await asyncio.wait_for(check.run(), _PATIENCE)
    except TimeoutError:
        return f"no answer within {_PATIENCE:g} s"
    except UpidError as error:
        return error.message
    except OSError as error:
        return error.strerror or type(error).__name__
    return "ok"
