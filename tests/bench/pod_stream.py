"""A process that lists 10,000 pods and then tells of changes of them as fast as they are taken.

It prints its port and serves until its input ends. The watch of pods ends after `CHANGES` events,
made beforehand, with a bookmark whose version is `LAST`; the next watch says nothing.
"""

import json
import socket
import sys
import threading
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from tests.bench.pod_server import PAGE, PODS, chunk, page, pod

CHANGES = 10_000
FIRST = 1_000_000  # the version of the first change; above all that are listed
LAST = FIRST + CHANGES
_TOGETHER = 50  # events a chunk
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json%b\r\n"
_FOUND = {
    "/api": [("", "v1", ("nodes", "pods"))],
    "/apis": [],
}


def event(number: int) -> bytes:
    """Return the next change of some pod: it has another version, and restarted once more."""
    version = FIRST + number
    body = pod(number * 7919 % PODS)
    at = body.index(b'"resourceVersion":"')
    end = body.index(b'"', at + 19)
    body = b'%b"resourceVersion":"%d%b' % (body[:at], version, body[end:])
    body = body.replace(b'"restartCount":', b'"restartCount":%d' % (number % 90 + 1), 1)
    return b'{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1",%b}\n' % body[1:]


def told() -> bytes:
    """Return the whole watch, in chunks."""
    events = [event(number) for number in range(CHANGES)]
    mark = {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": str(LAST)}}
    events.append(json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n")
    pieces = [b"".join(events[at : at + _TOGETHER]) for at in range(0, len(events), _TOGETHER)]
    head = _HEAD % b"" + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"


def discovered(path: str) -> bytes:
    """Return what is served below a root."""
    groups = [
        {
            "metadata": {"name": group},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        {"resource": one, "verbs": ["list", "watch"]} for one in resources
                    ],
                }
            ],
        }
        for group, version, resources in _FOUND[path]
    ]
    return _whole({"kind": "APIGroupDiscoveryList", "items": groups}, b";as=APIGroupDiscoveryList")


def nobody() -> bytes:
    """Return a list of no nodes."""
    metadata = {"resourceVersion": "424242"}
    return _whole({"kind": "NodeList", "apiVersion": "v1", "metadata": metadata, "items": []})


def _whole(content: object, kind: bytes = b"") -> bytes:
    body = json.dumps(content).encode()
    return _HEAD % kind + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Server:
    """Answers the requests of connections, each in a thread."""

    def __init__(self) -> None:
        self._pages = {str(first): page(first)[0] for first in range(0, PODS, PAGE)}
        self._told = told()

    def listen(self, server: socket.socket) -> None:
        """Serve every connection that comes."""
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(ConnectionError), connection, connection.makefile("rb") as reading:
            while request := reading.readline():
                while reading.readline().strip():
                    pass
                parts = urlsplit(request.split()[1].decode())
                query = {key: one[0] for key, one in parse_qs(parts.query).items()}
                connection.sendall(self._answer(parts.path, query))

    def _answer(self, path: str, query: dict[str, str]) -> bytes:
        if path in _FOUND:
            return discovered(path)
        if "watch" in query:
            if path.endswith("/pods") and int(query["resourceVersion"]) < FIRST:
                return self._told
            return _HEAD % b"" + b"Transfer-Encoding: chunked\r\n\r\n"  # and nothing after it
        if path.endswith("/pods"):
            return self._pages[query.get("continue", "0")]
        return nobody()


def main() -> None:
    """Serve until the input ends."""
    serving = Server()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serving.listen, args=(server,), daemon=True).start()
        print(server.getsockname()[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
