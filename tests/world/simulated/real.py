"""A real API server as a side: plain HTTP/1.1 over kept connections, watches on their own."""

import http.client
import json
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.world.simulated.answers import Json, Object
from tests.world.simulated.runs import is_marked
from tests.world.simulated.steps import Step

PATIENCE = 20.0  # seconds for one answer, and for the event that ends the reading of a watch
_CORE_DEPTH = 6  # parts of /api/v1/namespaces/NAME/PLURAL, the empty first one included
USUAL_END = "60"  # seconds after which a watch ends that no step reads in time


@dataclass(frozen=True)
class Server:
    """Where a real API server is and how it is trusted; `trust` is made once for all threads."""

    url: str
    token: str
    trust: ssl.SSLContext

    @classmethod
    def at(cls, url: str, token: str, authority: Path) -> "Server":
        """Return the server at `url`, vouched for by the certificate `authority`."""
        return cls(url, token, ssl.create_default_context(cafile=str(authority)))

    def connection(self) -> http.client.HTTPSConnection:
        """Return a connection that is made at its first request."""
        place = urlsplit(self.url)
        return http.client.HTTPSConnection(
            place.hostname or "", place.port, timeout=PATIENCE, context=self.trust
        )


@dataclass
class Open:
    """A watch that is open, on a connection of its own."""

    connection: http.client.HTTPSConnection
    answer: http.client.HTTPResponse


@dataclass
class Real:
    """A real API server as seen by one thread; its connection is kept from history to history."""

    server: Server
    _connection: http.client.HTTPSConnection | None = None
    _watches: dict[int, Open] = field(default_factory=dict)

    def make_namespace(self, name: str) -> Object:
        """Make a namespace; return it, with its resourceVersion."""
        body = {"metadata": {"name": name}}
        status, found = self.request(Step("request", "POST", "/api/v1/namespaces", {}, body))
        if status != http.client.CREATED:
            raise RuntimeError(f"namespace {name!r} was not made: {found}")
        kept = ("name", "resourceVersion")  # as the simulated one has it; no UID to refer to
        return {"metadata": {part: found["metadata"][part] for part in kept}}

    def request(self, step: Step) -> tuple[int, Json]:
        """Send a request; return status and decoded body.

        What may be served from the API server's cache is asked for when the cache has caught up:
        the answer of a cache that lags is allowed to differ every time.
        """
        if step.method == "GET" and _may_be_old(step):
            self._catch_up(step.path)
        return self._sent(step)

    def open_watch(self, step: Step) -> tuple[int, Json]:
        """Open a watch; return the status, and the body if it was refused."""
        if _may_be_old(step) and step.query.get("sendInitialEvents") != "false":
            self._catch_up(step.path)
        connection = self.server.connection()
        query = {"timeoutSeconds": USUAL_END, **step.query, "watch": "1"}
        connection.request("GET", f"{step.path}?{urlencode(query)}", headers=self._headers())
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            body = json.loads(answer.read())
            connection.close()
            return answer.status, body
        self._watches[step.watch] = Open(connection, answer)
        return answer.status, None

    def read_watch(self, number: int, mark: str) -> list[tuple[str, Json]]:
        """Close a watch after the event with a mark, or after its end; return all its events."""
        watch = self._watches.pop(number)
        events: list[tuple[str, Json]] = []
        try:
            while line := watch.answer.readline():
                read = json.loads(line)
                events.append((read["type"], read["object"]))
                if mark and is_marked(read["object"], mark):
                    break
        except TimeoutError:
            told = [(kind, body["metadata"].get("name")) for kind, body in events]
            waited = f"waited {PATIENCE:g} s for the event marked {mark!r} of watch {number}"
            raise TimeoutError(f"{waited}, had {told}") from None
        finally:
            watch.answer.close()
            watch.connection.close()
        return events

    def close(self) -> None:
        """Close all connections."""
        for watch in self._watches.values():
            watch.answer.close()
            watch.connection.close()
        self._watches.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _catch_up(self, path: str) -> None:
        """Wait until the cache of a collection has all writes: a consistent list waits for it."""
        depth = _CORE_DEPTH if path.startswith("/api/") else _CORE_DEPTH + 1
        collection = "/".join(path.split("/")[:depth])
        self._sent(Step("request", "GET", collection, {"limit": "1"}))

    def _sent(self, step: Step) -> tuple[int, Json]:
        if self._connection is None:
            self._connection = self.server.connection()
        path = f"{step.path}?{urlencode(step.query)}" if step.query else step.path
        body = None if step.body is None else json.dumps(step.body)
        headers = self._headers() | {"Content-Type": step.content_type}
        self._connection.request(step.method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.server.token}", "User-Agent": "histories"}


def _may_be_old(step: Step) -> bool:
    """Return whether a read asks for some version or a later one, which the cache answers."""
    version, match = step.query.get("resourceVersion", ""), step.query.get("resourceVersionMatch")
    if step.verb == "watch":
        return version == "0" or match is not None
    return version == "0" or (version != "" and match != "Exact" and "limit" not in step.query)
