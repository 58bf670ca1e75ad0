"""A real HTTPS server that writes down who asks and how; what a kubeconfig comes to in the end."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.world.certificates import Authority, authority

_SAID = ("authorization", "impersonate-user", "impersonate-uid", "impersonate-group")


@dataclass(frozen=True)
class Arrival:
    """One request: what the server learned of who asks."""

    path: str
    headers: tuple[tuple[str, str], ...]
    certificate: str
    name: str | None  # asked for in the TLS handshake
    kind: str = "https"


@dataclass
class Recorder:
    """An HTTPS server, an HTTP server and a proxy in one, on ports of this machine."""

    signer: Authority
    folder: Path
    arrivals: list[Arrival] = field(default_factory=list)
    https: int = 0
    http: int = 0

    def take(self) -> list[Arrival]:
        """Return what arrived since the last time."""
        found, self.arrivals = self.arrivals, []
        return found


def _handler(recorder: Recorder, kind: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._write_down(self.path.partition("?")[0])
            body = b"{}"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self) -> None:
            recorder.arrivals.append(Arrival(self.path, (), "", None, "proxy"))
            self.send_error(502)

        def _write_down(self, path: str) -> None:
            connection: Any = self.connection
            secure = isinstance(connection, ssl.SSLSocket)
            peer = connection.getpeercert() if secure else None
            subject = {
                key: value for part in (peer or {}).get("subject", ()) for key, value in part
            }
            name = getattr(connection, "asked_for", None)
            said = [
                (key.lower(), value)
                for key, value in self.headers.items()
                if key.lower() in _SAID or key.lower().startswith("impersonate-extra-")
            ]
            found = Arrival(path, tuple(sorted(said)), subject.get("commonName", ""), name, kind)
            recorder.arrivals.append(found)

        def log_message(self, *_: object) -> None:
            """Write nothing to the terminal."""

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext | None = None

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.context is None:
            return connection, address
        connection.settimeout(10)
        return self.context.wrap_socket(connection, server_side=True), address

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that hang up are part of the tests."""


@contextlib.contextmanager
def recording(folder: Path) -> Iterator[Recorder]:
    """Run the servers; certificates lie in the folder."""
    signer = authority(folder / "pki")
    recorder = Recorder(signer, folder)
    certificate, key = signer.server("server", "DNS:localhost", "DNS:api.test", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(signer.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL

    def remember(connection: Any, name: str | None, _: ssl.SSLContext) -> None:  # noqa: ANN401
        connection.asked_for = name

    context.sni_callback = remember
    with contextlib.ExitStack() as stack:
        for kind in ("https", "http"):
            server = stack.enter_context(_Quiet(("127.0.0.1", 0), _handler(recorder, kind)))
            server.context = context if kind == "https" else None
            setattr(recorder, kind, server.server_address[1])
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield recorder


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
