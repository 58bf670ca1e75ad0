"""Watches: what changes from a moment on, resumed by bookmarks until the past is forgotten."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar, overload

import httpx2
import msgspec

from upid.adapters.kubernetes.client import answers
from upid.adapters.kubernetes.client.answers import Status
from upid.adapters.kubernetes.client.asking import Asking, Question
from upid.adapters.kubernetes.client.errors import (
    AnswerTooLarge,
    ClusterError,
    ConnectionLost,
    ObjectUnreadable,
    TimedOut,
)
from upid.adapters.kubernetes.client.failures import place, printable
from upid.adapters.kubernetes.client.lists import Selection, accepted, object_decoder
from upid.adapters.kubernetes.client.resources import Resource, with_query

T = TypeVar("T")

Opened = Callable[[], None]

_ANY = 0.5  # at least this part of the time that a watch is asked for; the rest is drawn
_UNSAID = 500  # the status of an error that gives none
_BRIEF = 1.0  # seconds; a watch that ends sooner with nothing in it is followed by a pause


class Change(StrEnum):
    """What happened to an object; a bookmark says that nothing else did until its version."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """One change; `item` is None for a bookmark. `version` is where a watch may be resumed."""

    change: Change
    item: T | None
    version: str


class _Frame(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _Version = _Version()


_FRAMES = msgspec.json.Decoder(_Frame)
_VERSIONS = msgspec.json.Decoder(_Versioned)


class Watcher:
    """Watches a resource."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @overload
    def events(
        self,
        resource: Resource,
        into: type[T],
        selection: Selection,
        *,
        since: str,
        metadata_only: bool = ...,
        opened: Opened | None = ...,
    ) -> AsyncGenerator[Event[T], None]: ...
    @overload
    def events(
        self,
        resource: Resource,
        into: None,
        selection: Selection,
        *,
        since: str,
        metadata_only: bool = ...,
        opened: Opened | None = ...,
    ) -> AsyncGenerator[Event[bytes], None]: ...
    async def events(
        self,
        resource: Resource,
        into: type[Any] | None,
        selection: Selection,
        *,
        since: str,
        metadata_only: bool = False,
        opened: Opened | None = None,
    ) -> AsyncGenerator[Event[Any], None]:
        """Yield every change after the moment `since`, for as long as the caller takes them.

        A watch that ends, breaks or is silent for too long is resumed from the last event. The
        server took it each time that `opened` is called.
        Raises `Expired` when the server has forgotten that moment, and other `ClusterError`s
        when resuming fails for good.
        """
        if since in {"", "0"}:
            raise ValueError("a watch goes on from a list's version; any moment is not one")
        backoff = self._asking.backoff()
        while True:
            begun, calm = self._asking.pace.now(), True
            question = self._question(resource, selection, since, metadata_only=metadata_only)
            try:
                async with aclosing(self._connection(question, into, opened)) as events:
                    async for event in events:
                        since, calm = event.version or since, False
                        backoff.reset()
                        yield event
            except TimedOut as error:
                if not error.answering:
                    await self._asking.rest(backoff, error)
                continue  # silent, so perhaps dead: the same moment on another connection
            except ClusterError as error:
                await self._asking.rest(backoff, error)
                continue
            if calm and self._asking.pace.now() - begun < _BRIEF:
                where = place(self._asking.access.server)
                lost = ConnectionLost(self._asking.access.cluster, where, "it ended at once")
                await self._asking.rest(backoff, lost)

    def _question(
        self, resource: Resource, selection: Selection, since: str, *, metadata_only: bool
    ) -> Question:
        drawn = _ANY + (1 - _ANY) * self._asking.pace.draw()  # so that not all end at once
        query = selection.query() | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": max(1, round(self._asking.limits.watch_seconds * drawn)),
        }
        path = with_query(resource.path(selection.namespace), query)
        accept = accepted(metadata_only=metadata_only)
        return Question(f"watch {resource}", path, accept, plain=True)

    async def _connection(
        self, question: Question, into: type[Any] | None, opened: Opened | None
    ) -> AsyncGenerator[Event[Any], None]:
        """Yield the events of one connection until it ends."""
        silence, begun = self._asking.limits.watch_silence, False
        try:
            async with self._asking.stream(question, silence) as answer:
                begun = True
                kind = answer.headers.get("Content-Type", "")
                if "json" not in kind.lower():
                    found = answers.described(answer, b"")
                    raise answers.not_kubernetes(self._asking.access, found)
                if opened is not None:
                    opened()
                async for line in self._lines(answer, question):
                    yield self._event(line, into, question)
        except TimedOut as error:
            if not begun:
                raise
            cluster = self._asking.access.cluster
            raise TimedOut(cluster, question.asked, silence, answering=True) from error

    async def _lines(
        self, answer: httpx2.Response, question: Question
    ) -> AsyncGenerator[bytes, None]:
        """Yield whole lines; what a broken connection leaves of one is dropped."""
        most, rest = self._asking.limits.event, b""
        async for piece in answer.aiter_bytes():
            *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
            if len(rest) > most:
                raise AnswerTooLarge(self._asking.access.cluster, question.asked, most)
            for line in lines:
                if line:
                    yield line

    def _event(self, line: bytes, into: type[Any] | None, question: Question) -> Event[Any]:
        access = self._asking.access
        try:
            frame = _FRAMES.decode(line)
            if frame.type == "ERROR":
                status = msgspec.json.decode(frame.object, type=Status)
                raise answers.judge(status, status.code or _UNSAID, access, question.asked, None)
            change = Change(frame.type)
            version = _VERSIONS.decode(frame.object).metadata.resource_version
            return Event(change, self._item(frame, into), version)
        except msgspec.ValidationError as error:
            why = printable(str(error))
            raise ObjectUnreadable(access.cluster, question.asked, why) from error
        except (msgspec.DecodeError, ValueError) as error:
            found = "a watch whose lines are no events"
            raise answers.not_kubernetes(access, found) from error

    def _item(self, frame: _Frame, into: type[Any] | None) -> object:
        if frame.type == Change.BOOKMARK:
            return None
        return bytes(frame.object) if into is None else object_decoder(into).decode(frame.object)
