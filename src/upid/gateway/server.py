"""The application on a socket: uvicorn, stopped by whoever started it."""

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from upid.core.errors import Kind, UpidError
from upid.gateway.settings import ApiSettings

_WAITING = 2048  # connections that the kernel holds for us; uvicorn's own default


class PortTaken(UpidError):
    """Another program listens where the API should."""

    kind = Kind.CONFLICT
    code = "port_taken"

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"something listens on '{host}:{port}' already",
            hint=f"stop it, or choose another: --port {port + 1}; --port 0 takes a free one",
        )


class PortRefused(UpidError):
    """The system does not let the API listen where it should."""

    kind = Kind.DENIED
    code = "port_refused"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"the system does not allow listening on '{host}:{port}': {why}",
            hint="choose a port from 1024 up, such as --port 8000",
        )


def bound(settings: ApiSettings) -> socket.socket:
    """Return a listening socket at the address of the settings. Raises PortTaken, PortRefused."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind((settings.host, settings.port))
        place.listen(_WAITING)
    except OSError as error:
        place.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(settings.host, settings.port) from error
        raise PortRefused(settings.host, settings.port, error.strerror or "") from error
    place.settimeout(0)
    return place


def address_of(place: socket.socket) -> str:
    """Return the address that a browser would use."""
    host, port = place.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serving(
    app: FastAPI, place: socket.socket, settings: ApiSettings
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a loop that answers requests until it is cancelled, then lets running ones end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=round(settings.stop_timeout.total_seconds()),
    )

    async def loop() -> None:
        server = _Server(config)
        work = asyncio.create_task(server.serve(sockets=[place]))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            server.should_exit = True
            await work
            raise

    return loop


class _Server(uvicorn.Server):
    """A server that leaves signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield
