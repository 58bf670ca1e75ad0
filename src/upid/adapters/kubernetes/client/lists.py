"""Lists in pages: typed or raw, also when the past expires between two pages.

A list of many pages shows one moment. When the server forgets that moment before the last page
(410), there are two ways on, and the caller says which: begin again, for who needs one moment (a
cache that goes on with a watch), or continue from the present, for who needs each object once and
can live with some of them being younger (an inventory). kubectl's way, one list of everything at
once, is what brings API servers down and is not there.
"""

from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar, cast, overload

import msgspec

from upid.adapters.kubernetes.client import answers
from upid.adapters.kubernetes.client.asking import JSON, Asking, Question
from upid.adapters.kubernetes.client.errors import (
    AnswerTooLarge,
    ClusterError,
    Expired,
    ObjectUnreadable,
    TimedOut,
)
from upid.adapters.kubernetes.client.failures import printable
from upid.adapters.kubernetes.client.resources import Resource, with_query

T = TypeVar("T")

_NOTHING: tuple[str, ...] = ()
_SMALLEST = 10  # objects a page; a page that is still too large then is an error
_SMALLER = 4  # the factor by which a page that is too large or too slow shrinks
_RESTARTS = 3  # a list that does not end within three times five minutes will not
_MOST_PAGES = 20_000  # also of empty ones, and of the smallest
_METADATA = ";as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


class WhenExpired(Enum):
    """What to do when the list's moment is forgotten between two pages."""

    CONTINUE = "continue"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    items       as asked for; raw ones are whole JSON objects, with apiVersion and kind
    version     the moment that it shows; a watch goes on from the last page's
    remaining   objects after this page, where the server counts them
    first       the list begins here: what came before is to be dropped
    consistent  all pages up to here show one moment
    unreadable  what could not be read as the type asked for, and why; the rest is there
    """

    items: list[T]
    version: str
    remaining: int | None = None
    first: bool = True
    consistent: bool = True
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects: of one namespace (None: all), by labels and fields as kubectl takes them."""

    namespace: str | None = None
    labels: str | None = None
    fields: str | None = None

    def query(self) -> dict[str, object]:
        """Return the parameters of a request."""
        return {"labelSelector": self.labels, "fieldSelector": self.fields}


class ListMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """What a list says of itself."""

    resource_version: str = ""
    onward: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class ListOf(msgspec.Struct, Generic[T], rename="camel"):
    """A list as the API answers it."""

    items: list[T] | None = None
    kind: str = ""
    api_version: str = ""
    metadata: ListMetadata = ListMetadata()


Read: TypeAlias = tuple[ListOf[T], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """In which form a list is asked for, and how a page of it is read.

    read  returns the list, and what could not be read of it
    """

    accept: str
    read: Callable[[bytes, Question], Read[T]]


class _Named(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Object(msgspec.Struct, frozen=True):
    metadata: _Named = _Named()


class Letters(int):
    """The bytes of a text in UTF-8, in the place of the text: it is dropped while it is read."""


class Encoded(int):
    """The bytes that a text in base64 stands for, in its place."""


def _measured(wanted: type, found: object) -> int:
    """Return how long a text is. Raises `TypeError` for what is none."""
    if not isinstance(found, str):
        raise TypeError(f"{type(found).__name__} is no text")
    if wanted is Letters:
        return Letters(len(found.encode()))
    return Encoded(len(found.rstrip("=")) * 3 // 4)


@lru_cache(maxsize=256)
def _decoder(into: Hashable) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(cast("Any", into), dec_hook=_measured)


def object_decoder(into: type[T]) -> "msgspec.json.Decoder[T]":
    """Return the decoder of a type, made once."""
    return _decoder(cast("Hashable", into))


@lru_cache(maxsize=256)
def _lists(into: Hashable) -> "msgspec.json.Decoder[ListOf[Any]]":
    generic: Any = ListOf
    return msgspec.json.Decoder(generic[into], dec_hook=_measured)


def _list_decoder(into: type[T]) -> "msgspec.json.Decoder[ListOf[T]]":
    return _lists(cast("Hashable", into))


@dataclass(slots=True)
class _Place:
    """How far a list has come."""

    limit: int
    onward: str = ""
    first: bool = True
    consistent: bool = True
    restarts: int = 0
    pages: int = 0
    objects: int = 0


class Lister:
    """Lists a resource page by page."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @overload
    def pages(
        self,
        resource: Resource,
        into: type[T],
        selection: Selection,
        *,
        expired: WhenExpired = ...,
        metadata_only: bool = ...,
    ) -> AsyncGenerator[Page[T], None]: ...
    @overload
    def pages(
        self,
        resource: Resource,
        into: None,
        selection: Selection,
        *,
        expired: WhenExpired = ...,
        metadata_only: bool = ...,
    ) -> AsyncGenerator[Page[bytes], None]: ...
    async def pages(
        self,
        resource: Resource,
        into: type[Any] | None,
        selection: Selection,
        *,
        expired: WhenExpired = WhenExpired.CONTINUE,
        metadata_only: bool = False,
    ) -> AsyncGenerator[Page[Any], None]:
        """Yield the pages of a list, smaller ones where the server's answers are too large."""
        accept = accepted(metadata_only=metadata_only, ending="List")
        form: Form[Any] = Form(accept, lambda body, asked: self._parse(body, into, asked))
        async with aclosing(self.walk(resource, selection, form, expired)) as pages:
            async for page in pages:
                yield page

    async def walk(
        self, resource: Resource, selection: Selection, form: Form[T], expired: WhenExpired
    ) -> AsyncGenerator[Page[T], None]:
        """Yield the pages of a list in some form."""
        place = _Place(self._asking.limits.page)
        while True:
            try:
                found, unreadable = await self._page(resource, selection, place, form)
            except Expired as error:
                self._go_on(place, error, expired)
                continue
            except (AnswerTooLarge, TimedOut) as error:
                self._shrink(place, error)
                continue
            self._count(place, len(found.items or ()), found.metadata.onward)
            yield Page(
                found.items or [],
                found.metadata.resource_version,
                found.metadata.remaining_item_count,
                first=place.first,
                consistent=place.consistent,
                unreadable=unreadable,
            )
            if not found.metadata.onward:
                return
            place.onward, place.first = found.metadata.onward, False

    async def _page(
        self, resource: Resource, selection: Selection, place: _Place, form: Form[T]
    ) -> Read[T]:
        query = selection.query() | {"limit": place.limit, "continue": place.onward or None}
        path = with_query(resource.path(selection.namespace), query)
        question = Question(f"list {resource}", path, form.accept)
        return form.read((await self._asking.ask(question)).body, question)

    def _parse(self, body: bytes, into: type[Any] | None, question: Question) -> Read[Any]:
        access = self._asking.access
        try:
            found, unreadable = self._typed(body, into), _NOTHING
        except msgspec.ValidationError:
            found, unreadable = self._salvaged(body, into, question)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise answers.not_kubernetes(access, "bytes that are no JSON") from error
        if not found.kind.endswith("List"):
            raise answers.not_kubernetes(access, "JSON that is no list of objects")
        return found, unreadable

    def _typed(self, body: bytes, into: type[Any] | None) -> ListOf[Any]:
        if into is not None:
            return _list_decoder(into).decode(body)
        raw = _list_decoder(msgspec.Raw).decode(body)
        return ListOf(whole(raw), raw.kind, raw.api_version, raw.metadata)

    def _salvaged(self, body: bytes, into: type[Any] | None, question: Question) -> Read[Any]:
        """Read each object by itself: one that is not shaped as it should be hides no other."""
        try:
            found = _list_decoder(msgspec.Raw).decode(body)
        except msgspec.ValidationError as error:
            cluster, why = self._asking.access.cluster, printable(str(error))
            raise ObjectUnreadable(cluster, question.asked, why) from error
        kept: list[Any] = []
        lost: list[str] = []
        for raw in found.items or []:
            try:
                kept.append(object_decoder(into or object).decode(raw))
            except msgspec.ValidationError as error:
                lost.append(f"{_name(raw)}: {printable(str(error))}")
        found.items = kept
        return found, tuple(lost)

    def _count(self, place: _Place, objects: int, onward: str) -> None:
        """Note how much has come, and refuse a list without an end: who gathers it keeps it all."""
        place.pages, place.objects = place.pages + 1, place.objects + objects
        goes_round = bool(onward) and onward == place.onward
        if goes_round or place.pages > _MOST_PAGES or place.objects > self._asking.limits.objects:
            raise answers.not_kubernetes(self._asking.access, "a list that has no end")

    def _go_on(self, place: _Place, error: Expired, expired: WhenExpired) -> None:
        """Decide how a list goes on whose moment is forgotten."""
        if not place.onward:
            raise error  # not the past was asked for, so asking again is no way out
        if expired is WhenExpired.CONTINUE and error.onward:
            place.onward, place.consistent = error.onward, False
            return
        place.restarts += 1
        if place.restarts > _RESTARTS:
            raise error
        place.onward, place.first, place.consistent = "", True, True
        place.pages = place.objects = 0

    def _shrink(self, place: _Place, error: ClusterError) -> None:
        too_slow = isinstance(error, TimedOut) and error.answering
        too_large = isinstance(error, AnswerTooLarge)
        if place.limit <= _SMALLEST or not (too_slow or too_large):
            raise error
        place.limit = max(place.limit // _SMALLER, _SMALLEST)


def accepted(*, metadata_only: bool, ending: str = "") -> str:
    """Return what a request accepts: JSON, or of each object its metadata alone."""
    return JSON + _METADATA.format(ending) if metadata_only else JSON


def whole(found: ListOf[msgspec.Raw]) -> list[bytes]:
    """Return a list's objects with the kind and version that built-in ones lack in lists."""
    kind = found.kind.removesuffix("List")
    head = msgspec.json.encode({"apiVersion": found.api_version, "kind": kind})[:-1]
    return [_with_head(head, bytes(raw)) for raw in found.items or []]


def _with_head(head: bytes, raw: bytes) -> bytes:
    if raw.startswith((b'{"apiVersion":', b'{"kind":')):
        return raw
    rest = raw[1:].lstrip()
    return b"%b%b%b" % (head, b"" if rest == b"}" else b",", rest)


def _name(raw: bytes | msgspec.Raw) -> str:
    try:
        found = msgspec.json.decode(raw, type=_Object).metadata
    except msgspec.MsgspecError:
        return "an object without a name"
    return f"{found.namespace}/{found.name}" if found.namespace else found.name
