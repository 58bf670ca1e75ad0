"""Small real servers for the proxy's own tests, which remember what reached them."""

import queue
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 10  # seconds that a server waits for the test to say what comes next
BIG = 3_000_000  # bytes: more than all buffers on the way together


class Origin(ThreadingHTTPServer):
    """An HTTP/1.1 server.

    seen     method, path and body of each request, in the order of their ends
    events   what /watch sends, one chunk each; None ends it
    left     set when the client of /watch is gone
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.seen: list[tuple[str, str, bytes]] = []
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.left = threading.Event()

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections that break are what the tests are about."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # http.server's way to ask for a method
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _answer(self) -> None:
        body = self._body()
        self.server.seen.append((self.command, self.path, body))
        path = self.path.partition("?")[0]
        if path == "/watch":
            self._watch()
        elif path == "/upgrade":
            self._upgrade()
        else:
            content = b"x" * BIG if path == "/big" else b"you sent " + body
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        threading.Thread(target=self._wait_for_end, daemon=True).start()
        while (event := self.server.events.get(timeout=PATIENCE)) is not None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def _wait_for_end(self) -> None:
        try:
            gone = not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            gone = True
        if gone:
            self.server.left.set()
            self.server.events.put(None)

    def _upgrade(self) -> None:
        self.close_connection = True
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\n"
            b"Connection: Upgrade\r\nUpgrade: echo\r\n\r\nhello "
        )
        while said := self.connection.recv(1000):
            self.connection.sendall(said.upper())


class Echo(socketserver.ThreadingTCPServer):
    """A TCP server that greets, then answers each line with the same line."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Lines)
        self.seen: list[bytes] = []

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"tcp://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections that break are what the tests are about."""


class _Lines(socketserver.StreamRequestHandler):
    server: Echo

    def handle(self) -> None:
        self.wfile.write(b"welcome\n")
        for line in self.rfile:
            self.server.seen.append(line)
            self.wfile.write(line)


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[None]:
    """Run a server in a thread for the length of a block."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
