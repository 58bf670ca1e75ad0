"""How the proxy's own tests ask: HTTP by the standard library, or byte by byte."""

import http.client
import socket
from contextlib import closing

from tests.world.faults.proxy import FaultProxy

PATIENCE = 10  # seconds


def connect(proxy: FaultProxy) -> http.client.HTTPConnection:
    """Return a connection of the standard library's client."""
    return http.client.HTTPConnection(*proxy.address, timeout=PATIENCE)


def ask(proxy: FaultProxy, method: str = "GET", path: str = "/x", body: bytes = b"") -> bytes:
    """Send one request over a connection of its own and return the reply's body."""
    with closing(connect(proxy)) as client:
        client.request(method, path, body)
        return client.getresponse().read()


def raw(proxy: FaultProxy, request: bytes) -> socket.socket:
    """Return a socket over which these bytes were sent."""
    plug = socket.create_connection(proxy.address, PATIENCE)
    plug.sendall(request)
    return plug


def until_end(plug: socket.socket) -> bytes:
    """Return what comes until the peer ends."""
    found = b""
    while got := plug.recv(65536):
        found += got
    return found
