"""Whole answers: read within bounds, and judged by what a Kubernetes API server says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import msgspec

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client.errors import (
    AnswerTooLarge,
    ClusterError,
    Expired,
    Forbidden,
    NotKubernetes,
    ObjectMissing,
    RequestRefused,
    ServerFailed,
    TooManyRequests,
    Unauthorized,
)
from upid.adapters.kubernetes.client.failures import place, printable
from upid.kit.clock import Clock

_COMPLAINT = 64 << 10  # bytes of an error's body that are read
_LATEST = 86_400.0  # seconds; a server that says more is not believed
_GATEWAY = range(500, 600)
_SECRET = 6  # characters; what is shorter stands in too many words


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    sent  when it was asked for, by UPID's clock
    took  seconds until its head was there
    date  what the server's clock said then, to the second; None: it did not tell
    """

    body: bytes
    content_type: str
    sent: datetime
    took: float
    date: datetime | None


class _Continued(msgspec.Struct, frozen=True, rename={"onward": "continue"}):
    onward: str = ""


class Cause(msgspec.Struct, frozen=True):
    """One of the reasons for a failure; `field` such as `.spec.replicas`."""

    reason: str = ""
    message: str = ""
    field: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: list[Cause] | None = None


class Status(msgspec.Struct, frozen=True):
    """Kubernetes' own account of a failure."""

    kind: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    metadata: _Continued = _Continued()
    details: _Details | None = None

    @property
    def causes(self) -> list[Cause]:
        """Return the reasons, one by one, where the server tells them."""
        return (self.details.causes if self.details else None) or []


Judging = Callable[["Status", int, Access, str, float | None], ClusterError]


async def read(answer: httpx2.Response, most: int, cluster: str, asked: str) -> bytes:
    """Return an answer's body; refuse one of more than `most` bytes as soon as that is known."""
    told = answer.headers.get("Content-Length", "")
    if told.isdecimal() and int(told) > most:
        raise AnswerTooLarge(cluster, asked, most)
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.aiter_bytes():
        size += len(piece)
        if size > most:
            raise AnswerTooLarge(cluster, asked, most)
        pieces.append(piece)
    return b"".join(pieces)


async def complaint(
    answer: httpx2.Response,
    access: Access,
    asked: str,
    clock: Clock,
    sent: Iterable[tuple[str, str]],
    judging: Judging | None = None,
) -> ClusterError:
    """Return the error that an unsuccessful answer stands for, as `judging` sees it.

    What was `sent` as proof is taken out of what the server says: some repeat it.
    """
    pieces: list[bytes] = []
    async for piece in answer.aiter_bytes():
        pieces.append(piece)
        if sum(map(len, pieces)) > _COMPLAINT:
            break
    body = _without(b"".join(pieces)[:_COMPLAINT], sent)
    code = answer.status_code
    if code in range(300, 400):
        to = place(answer.headers.get("Location", ""))
        return not_kubernetes(access, f"a redirect to '{printable(to)}'")
    status = parse_status(body)
    if status is None and _is_page(answer, body) and code not in _GATEWAY:
        return not_kubernetes(access, f"a web page with status {code}")
    said = status or Status(message=_words(answer, body), code=code)
    return (judging or judge)(said, code, access, asked, wait(answer.headers, clock))


def judge(
    status: Status, code: int, access: Access, asked: str, retry_after: float | None
) -> ClusterError:
    """Return the error for a status code and what the server said with it."""
    cluster = access.cluster
    said = printable(status.message) or printable(status.reason) or f"status {code}"
    error: ClusterError
    match code:
        case 401:
            error = Unauthorized(cluster, access.user, said)
        case 403:
            error = Forbidden(cluster, asked, said)
        case 404:
            error = ObjectMissing(cluster, asked, said)
        case 410:
            error = Expired(cluster, asked, status.metadata.onward)
        case 429:
            error = TooManyRequests(cluster, asked, retry_after)
        case _ if code in _GATEWAY:
            error = ServerFailed(cluster, asked, code, said, retry_after)
        case _:
            error = RequestRefused(cluster, asked, code, said)
    return error


def parse_status(body: bytes) -> Status | None:
    """Return the Status in a body; None for anything else."""
    try:
        found = msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found if found.kind == "Status" else None


def not_kubernetes(access: Access, found: str) -> NotKubernetes:
    """Return the error for an answer that no API server gives."""
    return NotKubernetes(access.cluster, place(access.server), found)


def described(answer: httpx2.Response, body: bytes) -> str:
    """Return in some words what an answer is that is not JSON."""
    if _is_page(answer, body):
        return "a web page"
    return "bytes that are not JSON" if body else "an empty answer"


def wait(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Return the seconds of a Retry-After header, be it a number or a date."""
    told = headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return min(float(told), _LATEST)
    at = instant(told)
    return None if at is None else min(max((at - clock()).total_seconds(), 0.0), _LATEST)


def instant(told: str) -> datetime | None:
    """Return the instant that a header names; None for anything else."""
    try:
        at = parsedate_to_datetime(told)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _without(body: bytes, sent: Iterable[tuple[str, str]]) -> bytes:
    secret = dict(sent).get("Authorization", "").rpartition(" ")[2]
    return body.replace(secret.encode(), b"(hidden)") if len(secret) >= _SECRET else body


def _is_page(answer: httpx2.Response, body: bytes) -> bool:
    kind = answer.headers.get("Content-Type", "").lower()
    return "html" in kind or body.lstrip()[:15].lower().startswith((b"<!doctype", b"<html"))


def _words(answer: httpx2.Response, body: bytes) -> str:
    if _is_page(answer, body):
        return f"a web page with status {answer.status_code}"
    return body.decode(errors="replace")
