"""One question to an API server: its turn, its proof, its answer, and asking again (CLU-7)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx2

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import answers
from upid.adapters.kubernetes.client.answers import Answer, Status
from upid.adapters.kubernetes.client.connections import Connections
from upid.adapters.kubernetes.client.errors import ClusterError, TimedOut, Unauthorized
from upid.adapters.kubernetes.client.limits import Backoff, Bucket, Limits, Pace

JSON = "application/json"
# the groups that answer to POST and store nothing
_REVIEWS = ("/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/")
Headers = list[tuple[str, str]]  # a name may come again
_EARLIER = 0.5  # of the time of a request, for its connection
_NO_END = 86_400.0  # seconds that stand for "as long as it takes"


@dataclass(frozen=True, slots=True)
class Question:
    """A request that changes nothing, so that it may be asked again.

    asked  for people, such as "list pods"
    body   sent by POST, to what only answers; None: a GET
    most   bytes of the answer, where it is less than the client's own limit
    plain  not compressed: what comes piece by piece
    """

    asked: str
    path: str
    accept: str = JSON
    body: bytes | None = None
    most: int | None = None
    plain: bool = False


@dataclass(slots=True)
class _Heard:
    """Whether an answer has begun."""

    begun: bool = field(default=False)


class Asking:
    """Asks one API server, as politely as its limits say."""

    def __init__(self, access: Access, limits: Limits, pace: Pace) -> None:
        limits = _as_told(access, limits)
        self.access, self.limits, self.pace = access, limits, pace
        self._connections = Connections(access, limits)
        self._bucket = Bucket(limits, pace)
        self._slots = asyncio.Semaphore(limits.concurrent)
        self._renewing = asyncio.Lock()
        self._renewals = 0

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def ask(self, question: Question) -> Answer:
        """Return the answer, asked for again where that may help; raise a `ClusterError`."""
        backoff = self.backoff()
        fresh = True
        while True:
            renewals = self._renewals
            try:
                return await self._once(question)
            except Unauthorized:
                if not fresh or not await self._renew(renewals):
                    raise
                fresh = False
            except ClusterError as error:
                await self.rest(backoff, error)

    def backoff(self) -> Backoff:
        """Return when to ask one question again."""
        return Backoff(self.limits, self.pace)

    async def rest(self, backoff: Backoff, error: ClusterError) -> None:
        """Wait before asking again; raise the error when it is final."""
        pause = backoff.pause(error)
        if error.retry_after:
            self._bucket.hold(error.retry_after)
        if pause is None:
            raise error
        await self.pace.sleep(pause)

    @asynccontextmanager
    async def stream(self, question: Question, silence: float) -> AsyncIterator[httpx2.Response]:
        """Yield an answer that goes on; its head is awaited as long as any whole answer.

        A wait of more than `silence` seconds for the next bytes raises `TimedOut`.
        """
        async with AsyncExitStack() as stack:
            yield await self._begin(stack, question, silence)

    async def _begin(
        self, stack: AsyncExitStack, question: Question, silence: float
    ) -> httpx2.Response:
        fresh = True
        while True:
            renewals = self._renewals
            await self._bucket.take()
            headers = await self._headers(question)
            try:
                async with asyncio.timeout(self.limits.request):
                    return await stack.enter_async_context(self._send(question, headers, silence))
            except TimeoutError:
                raise self._late(question, answering=False) from None
            except Unauthorized:
                if not fresh or not await self._renew(renewals):
                    raise
                fresh = False

    async def _once(self, question: Question) -> Answer:
        await self._bucket.take()
        async with self._slots:
            headers = await self._headers(question)
            heard = _Heard()
            try:
                async with asyncio.timeout(self.limits.request):
                    return await self._read(question, headers, heard)
            except TimeoutError:
                raise self._late(question, answering=heard.begun) from None
            except TimedOut as error:
                if heard.begun:
                    raise self._late(question, answering=True) from error
                raise

    async def _read(self, question: Question, headers: Headers, heard: _Heard) -> Answer:
        most = min(self.limits.answer, question.most or self.limits.answer)
        sent, began = self.pace.clock(), self.pace.now()
        async with self._send(question, headers, self.limits.request) as answer:
            heard.begun = True
            took, date = self.pace.now() - began, answer.headers.get("Date", "")
            body = await answers.read(answer, most, self.access.cluster, question.asked)
            kind = answer.headers.get("Content-Type", "")
            if "json" not in kind.lower():
                found = answers.described(answer, body)
                raise answers.not_kubernetes(self.access, found)
            return Answer(body, kind, sent, took, answers.instant(date))

    @asynccontextmanager
    async def _send(
        self, question: Question, headers: Headers, silence: float
    ) -> AsyncIterator[httpx2.Response]:
        method, asked = self._method(question), question.asked
        async with self._connections.send(
            method, question.path, headers, question.body, asked=asked, silence=silence
        ) as answer:
            if not answer.is_success:
                clock, judge = self.pace.clock, self._judge
                raise await answers.complaint(answer, self.access, asked, clock, headers, judge)
            yield answer

    def _method(self, question: Question) -> str:
        """Return how to ask; raise ValueError for what could change something."""
        if question.body is None:
            return "GET"
        if not question.path.startswith(_REVIEWS):
            raise ValueError(f"nothing is sent to {question.path!r} by one who only asks")
        return "POST"

    def _judge(
        self, status: Status, code: int, access: Access, asked: str, retry_after: float | None
    ) -> ClusterError:
        """Return the error that an unsuccessful answer stands for."""
        return answers.judge(status, code, access, asked, retry_after)

    async def _headers(self, question: Question) -> Headers:
        encoding = "gzip" if self.limits.compressed and not question.plain else "identity"
        said = [("Accept", question.accept), ("Accept-Encoding", encoding)]
        if question.body is not None:
            said.append(("Content-Type", self._content_type(question)))
        if self._connections.may_show_credentials():
            said += (await self.access.credentials.headers()).items()
        return [*said, *self.access.impersonate]

    def _content_type(self, question: Question) -> str:  # noqa: ARG002  for those who send more
        return JSON

    async def _renew(self, seen: int) -> bool:
        """Renew the credentials once for all who were refused with the same ones."""
        async with self._renewing:
            if self._renewals != seen:
                return True
            renewed = await self.access.credentials.renew()
            self._renewals += renewed
            return renewed

    def _late(self, question: Question, *, answering: bool) -> TimedOut:
        cluster, seconds = self.access.cluster, self.limits.request
        return TimedOut(cluster, question.asked, seconds, answering=answering)


def _as_told(access: Access, limits: Limits) -> Limits:
    """Return the limits with what the user's own settings say instead."""
    compressed = limits.compressed and access.compress
    if access.timeout is None:
        return replace(limits, compressed=compressed)
    request = access.timeout or _NO_END
    patience = max(limits.patience, request)
    # Earlier than the request's own end, which would cancel a handshake: the HTTP client closes
    # a connection whose handshake is late, and leaves one that is cancelled to the collector.
    connect = min(limits.connect, _EARLIER * request)
    return replace(
        limits, compressed=compressed, request=request, patience=patience, connect=connect
    )
