"""A small real HTTP server that answers as a test says, and who asks it."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from upid.adapters.kubernetes.access import Access, ClientCertificate, Tls
from upid.adapters.kubernetes.client import ClusterClient, Limits, Pace

Json = dict[str, Any]

_HELLO = b"\x16"  # how TLS begins

# What a test does not want to wait for.
QUICK = Limits(first_pause=0.001, longest_pause=0.002, connect=2, request=2, watch_silence=2)


@dataclass
class Fixed:
    """Credentials from a list of tokens: each renewal takes the next one."""

    tokens: list[str]
    renewals: int = 0
    shown: ClientCertificate | None = None

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.tokens[0]}"}

    def certificate(self) -> ClientCertificate | None:
        return self.shown

    async def renew(self) -> bool:
        self.renewals += 1
        await asyncio.sleep(0)
        if len(self.tokens) > 1:
            self.tokens.pop(0)
            return True
        return False


def access_to(server: str, *tokens: str, **more: object) -> Access:
    """Return the access of user `ana` to a server."""
    given: Json = {
        "tls": Tls(),
        "credentials": Fixed([*tokens] or ["secret-token"]),
        "context": "test",
        "cluster": "test",
        "user": "ana",
    }
    return Access(server, **(given | more))


@dataclass
class Slow:
    """A clock that a test moves: sleeping takes no time and is written down."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)
    chance: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def pace(self) -> Pace:
        return Pace(now=lambda: self.time, sleep=self.sleep, draw=lambda: self.chance)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    every: dict[str, list[str]]  # of each header all that came


@dataclass
class Reply:
    """An answer: `body` at once, or `pieces` as they come; `cut` breaks it off at the end."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    pieces: Callable[[], AsyncGenerator[bytes]] | None = None
    cut: bool = False
    after: float = 0  # seconds of silence first


Answers = Callable[[Asked], Reply]


@dataclass
class Server:
    """What listens."""

    url: str
    asked: list[Asked]
    subjects: list[str]  # of the client certificates, one for each connection
    _writers: list[asyncio.StreamWriter]

    @property
    def connections(self) -> int:
        return len(self._writers)

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


@asynccontextmanager
async def serving(answers: Answers, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Yield a server on loopback that answers as `answers` says."""
    asked: list[Asked] = []
    subjects: list[str] = []
    writers: list[asyncio.StreamWriter] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        subjects.extend(_subject(writer))
        if (task := asyncio.current_task()) is not None:
            serving.add(task)
            task.add_done_callback(serving.discard)
        ends = (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError)
        with suppress(*ends, asyncio.CancelledError):  # 3.11 takes a cancelled one for a bug
            while request := await _request(reader):
                asked.append(request)
                if not await _answer(writer, answers(request)):
                    break
            writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n" if request is None else b"")
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield Server(f"{'https' if tls else 'http'}://127.0.0.1:{port}", asked, subjects, writers)
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()
        for one in serving:
            one.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0.01)  # for the transports of both sides to be gone


@asynccontextmanager
async def talking(
    answers: Answers,
    limits: Limits = QUICK,
    pace: Pace | None = None,
    **access: object,
) -> AsyncIterator[tuple[ClusterClient, Server]]:
    """Yield a client and the server that it asks."""
    async with (
        serving(answers) as server,
        ClusterClient(access_to(server.url, **access), limits, pace) as client,
    ):
        yield client, server


def _subject(writer: asyncio.StreamWriter) -> list[str]:
    shown = writer.get_extra_info("peercert") or {}
    return [value for part in shown.get("subject", ()) for _, value in part]


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    start = await reader.readexactly(1)
    if start == _HELLO:
        return None
    head = start + await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    every: dict[str, list[str]] = {}
    for key, value in (line.split(": ", 1) for line in lines if line):
        every.setdefault(key.lower(), []).append(value)
    headers = {key: values[-1] for key, values in every.items()}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    query = {key: value[0] for key, value in parse_qs(parts.query).items()}
    return Asked(method, parts.path, query, headers, body, every)


async def _answer(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    await asyncio.sleep(reply.after)
    headers = dict(reply.headers)
    if reply.pieces is None:
        headers["Content-Length"] = str(len(reply.body) + (1 if reply.cut else 0))
    else:
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{key}: {value}" for key, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + reply.body)
    await writer.drain()
    if reply.pieces is not None:
        async with aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                if writer.is_closing():
                    return False
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
        if not reply.cut:
            writer.write(b"0\r\n\r\n")
    await writer.drain()
    return not reply.cut


def says(content: object, status: int = 200, **headers: str) -> Reply:
    """Return an answer in JSON."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"} | named)


def fails(code: int, reason: str = "", message: str = "no", onward: str = "", **more: str) -> Reply:
    """Return an unsuccessful answer as an API server gives it."""
    return says(failure(code, reason, message, onward), code, **more)


def failure(code: int, reason: str = "", message: str = "no", onward: str = "") -> Json:
    """Return Kubernetes' account of a failure."""
    body: Json = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return body | {"reason": reason, "message": message, "metadata": {"continue": onward}}


def page(names: list[str], onward: str = "", version: str = "7") -> Json:
    """Return a list of pods with these names."""
    items = [{"metadata": {"name": name, "namespace": "shop", "uid": name}} for name in names]
    metadata = {"resourceVersion": version, "continue": onward}
    return {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}


def one_after_the_other(*replies: Reply) -> Answers:
    """Answer each request with the next reply; the last one again and again."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
