"""The client over an ASGI app in the same process: its lifespan, its answers, its refusals."""

import json
from collections.abc import Awaitable, Callable

import pytest

from upid.client.api import Api
from upid.client.errors import NotUpid, Problem, ServerUnreachable
from upid.client.transport import InProcess, Message, Remote
from upid.core.errors import Kind

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Recorder:
    """An app that notes its lifespan and answers what it was told to."""

    def __init__(self, status: int = 200, body: bytes = b"{}") -> None:
        self.status, self.body = status, body
        self.seen: list[object] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{phase}"
                self.seen.append(phase)
                await send({"type": f"lifespan.{phase}.complete"})
            return
        asked = await receive()
        self.seen.append((scope["method"], scope["path"], scope["query_string"], asked["body"]))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        for part in (self.body[:3], self.body[3:]):
            await send({"type": "http.response.body", "body": part, "more_body": part is None})


async def broken(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("cannot start")


def test_an_app_starts_before_and_stops_after_its_requests() -> None:
    app = Recorder(body=b'{"a": 1}')
    with InProcess(app) as transport:
        reply = transport.send("POST", "/x%20y?q=1", b"body")
    assert reply == (200, b'{"a": 1}')
    assert app.seen == ["startup", ("POST", "/x y", b"q=1", b"body"), "shutdown"]


def test_an_app_that_cannot_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="cannot start"):
        InProcess(broken)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, Kind.MISSING),
        (409, Kind.CONFLICT),
        (422, Kind.INVALID),
        (403, Kind.DENIED),
        (503, Kind.BUSY),
        (502, Kind.UNREACHABLE),
    ],
)
def test_a_refusal_keeps_its_code_its_words_and_its_hint(status: int, kind: Kind) -> None:
    body = json.dumps({"code": "c", "detail": "no 'x'", "hint": "try y", "status": status})
    with Api(InProcess(Recorder(status, body.encode()))) as api, pytest.raises(Problem) as refused:
        api.analyze_cluster()
    found = refused.value
    assert (found.kind, found.code, found.message, found.hint) == (kind, "c", "no 'x'", "try y")


@pytest.mark.parametrize("body", [b"{}", b"<html>", b"[1]"])
@pytest.mark.parametrize("status", [200, 500])
def test_what_is_not_upid_is_named_as_such(body: bytes, status: int) -> None:
    with Api(InProcess(Recorder(status, body))) as api, pytest.raises(NotUpid):
        api.analyze_cluster()


@pytest.mark.parametrize("address", ["localhost:1", "ftp://x", "http://127.0.0.1:1"])
def test_a_server_that_is_not_there_is_one_clear_error(address: str) -> None:
    with pytest.raises(ServerUnreachable) as refused, Remote(address) as transport:
        transport.send("GET", "/", None)
    assert address in str(refused.value)
