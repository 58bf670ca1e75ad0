"""The client of one cluster: everything UPID asks of an API server, read only."""

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import msgspec

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import answers, discovery, reviews
from upid.adapters.kubernetes.client.asking import Asking, Question
from upid.adapters.kubernetes.client.discovery import Discovery, ServerVersion
from upid.adapters.kubernetes.client.errors import ObjectUnreadable
from upid.adapters.kubernetes.client.failures import printable
from upid.adapters.kubernetes.client.greetings import Greeting, greet
from upid.adapters.kubernetes.client.limits import Limits, Pace
from upid.adapters.kubernetes.client.lists import (
    Lister,
    Page,
    Selection,
    WhenExpired,
    accepted,
    object_decoder,
)
from upid.adapters.kubernetes.client.resources import Resource
from upid.adapters.kubernetes.client.reviews import Decision, Rules, Who
from upid.adapters.kubernetes.client.tables import Row, table_form
from upid.adapters.kubernetes.client.usage import NODE_USAGE, POD_USAGE, NodeUsage, PodUsage
from upid.adapters.kubernetes.client.watches import Event, Opened, Watcher

T = TypeVar("T")

EVERYTHING = Selection()


class ClusterClient:
    """One cluster, asked as one user; an async context manager, used within one event loop.

    Every failure is a `ClusterError`, or an error of the credentials. What is given as `into` is
    a type that msgspec decodes, best a partial struct; None gives the JSON of each object as it
    is, with its apiVersion and kind.
    """

    def __init__(
        self, access: Access, limits: Limits | None = None, pace: Pace | None = None
    ) -> None:
        self.access = access
        self._asking = Asking(access, limits or Limits(), pace or Pace())
        self._lister, self._watcher = Lister(self._asking), Watcher(self._asking)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._asking.close()

    @overload
    def list(
        self,
        resource: Resource,
        into: type[T],
        selection: Selection = ...,
        *,
        expired: WhenExpired = ...,
        metadata_only: bool = ...,
    ) -> AsyncGenerator[Page[T], None]: ...
    @overload
    def list(
        self,
        resource: Resource,
        into: None = ...,
        selection: Selection = ...,
        *,
        expired: WhenExpired = ...,
        metadata_only: bool = ...,
    ) -> AsyncGenerator[Page[bytes], None]: ...
    def list(
        self,
        resource: Resource,
        into: type[Any] | None = None,
        selection: Selection = EVERYTHING,
        *,
        expired: WhenExpired = WhenExpired.CONTINUE,
        metadata_only: bool = False,
    ) -> AsyncGenerator[Page[Any], None]:
        """Yield the objects of a kind, page by page.

        `metadata_only` has the server leave out everything else, as for Secrets (CLU-5).
        With `WhenExpired.RESTART` a page that is `first` again makes all before it void.
        """
        return self._lister.pages(
            resource, into, selection, expired=expired, metadata_only=metadata_only
        )

    def rows(
        self, resource: Resource, selection: Selection = EVERYTHING
    ) -> AsyncGenerator[Page[Row], None]:
        """Yield what the server prints of objects, page by page; never the objects (CLU-5).

        A server that answers with anything but a table is refused: `NotKubernetes`.
        """
        form = table_form(self.access)
        return self._lister.walk(resource, selection, form, WhenExpired.CONTINUE)

    @overload
    async def get(
        self, resource: Resource, name: str, into: type[T], *, namespace: str | None = ...
    ) -> T: ...
    @overload
    async def get(
        self, resource: Resource, name: str, into: None = ..., *, namespace: str | None = ...
    ) -> bytes: ...
    async def get(
        self,
        resource: Resource,
        name: str,
        into: type[Any] | None = None,
        *,
        namespace: str | None = None,
        metadata_only: bool = False,
    ) -> Any:
        """Return one object; raise `ObjectMissing` where there is none."""
        accept = accepted(metadata_only=metadata_only)
        question = Question(f"get {resource} {name!r}", resource.path(namespace, name), accept)
        body = (await self._asking.ask(question)).body
        try:
            return object_decoder(into or msgspec.Raw).decode(body) if into else _checked(body)
        except msgspec.ValidationError as error:
            why = printable(str(error))
            raise ObjectUnreadable(self.access.cluster, question.asked, why) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise answers.not_kubernetes(self.access, "bytes that are no JSON") from error

    @overload
    def watch(
        self,
        resource: Resource,
        into: type[T],
        selection: Selection = ...,
        *,
        since: str,
        metadata_only: bool = ...,
        opened: Opened | None = ...,
    ) -> AsyncGenerator[Event[T], None]: ...
    @overload
    def watch(
        self,
        resource: Resource,
        into: None = ...,
        selection: Selection = ...,
        *,
        since: str,
        metadata_only: bool = ...,
        opened: Opened | None = ...,
    ) -> AsyncGenerator[Event[bytes], None]: ...
    def watch(
        self,
        resource: Resource,
        into: type[Any] | None = None,
        selection: Selection = EVERYTHING,
        *,
        since: str,
        metadata_only: bool = False,
        opened: Opened | None = None,
    ) -> AsyncGenerator[Event[Any], None]:
        """Yield every change after a list's version, bookmarks included; never ends by itself.

        `opened` is called each time that the server takes it, at first and when it is resumed.
        Raises `Expired` when the server has forgotten where it came from: then list anew.
        Close it (`contextlib.aclosing`) to give its connection back at once.
        """
        return self._watcher.events(
            resource, into, selection, since=since, metadata_only=metadata_only, opened=opened
        )

    async def greet(self) -> Greeting:
        """Return the server's version, how far away it is, and how its clock differs."""
        return await greet(self._asking)

    async def version(self) -> ServerVersion:
        """Return the server's version."""
        return await discovery.version(self._asking)

    async def discovery(self) -> Discovery:
        """Return the kinds that the server serves, and in which versions."""
        return await discovery.discover(self._asking)

    async def allowed(
        self,
        verb: str,
        resource: Resource,
        *,
        namespace: str | None = None,
        name: str | None = None,
        subresource: str | None = None,
    ) -> Decision:
        """Return whether the one who asks may do so; without a namespace: in all of them."""
        return await reviews.allowed(
            self._asking, verb, resource, namespace=namespace, name=name, subresource=subresource
        )

    async def who(self) -> Who:
        """Return who the cluster takes the one who asks for; `ObjectMissing` before 1.28."""
        return await reviews.who(self._asking)

    async def rules(self, namespace: str) -> Rules:
        """Return what the one who asks may do in a namespace."""
        return await reviews.rules(self._asking, namespace)

    def pod_usage(self, namespace: str | None = None) -> AsyncGenerator[Page[PodUsage], None]:
        """Yield what pods use just now; `ObjectMissing` where there is no metrics server."""
        return self.list(POD_USAGE, PodUsage, Selection(namespace))

    def node_usage(self) -> AsyncGenerator[Page[NodeUsage], None]:
        """Yield what nodes use just now; `ObjectMissing` where there is no metrics server."""
        return self.list(NODE_USAGE, NodeUsage)


def _checked(body: bytes) -> bytes:
    msgspec.json.decode(body, type=msgspec.Raw)
    return body
