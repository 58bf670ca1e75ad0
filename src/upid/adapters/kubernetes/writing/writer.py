"""Writes to one cluster, in the mode that it was made with."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import msgspec

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import Limits, NotKubernetes, ObjectUnreadable, Pace
from upid.adapters.kubernetes.client.answers import not_kubernetes
from upid.adapters.kubernetes.client.asking import Question
from upid.adapters.kubernetes.client.failures import printable
from upid.adapters.kubernetes.writing.requests import Spelling, Write, path
from upid.adapters.kubernetes.writing.sending import Sending
from upid.core.ports.cluster_writer import (
    Amounts,
    ClusterWriter,
    DryRun,
    Json,
    Leaving,
    Operation,
    Place,
    Rehearsed,
    Seen,
    Target,
)


class _Identity(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    resource_version: str


class _Identified(msgspec.Struct, frozen=True):
    metadata: _Identity


class KubernetesWriter(ClusterWriter):
    """Writes to one cluster, as one user; an async context manager, within one event loop.

    mode  what is done with what the server accepts: nothing

    Raises what a client raises, and the refusals of `upid.adapters.kubernetes.writing`.
    """

    def __init__(
        self, access: Access, mode: DryRun, limits: Limits | None = None, pace: Pace | None = None
    ) -> None:
        self._spelling = Spelling(mode)
        self._sending = Sending(access, limits or Limits(), pace or Pace())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._sending.close()

    async def read(self, place: Place) -> Seen:
        """Return an object as etcd has it now: without a resourceVersion no cache may answer."""
        asked = f"get {place}"
        body = (await self._sending.ask(Question(asked, path(place)))).body
        access = self._sending.access
        try:
            found = msgspec.json.decode(body, type=_Identified).metadata
            return Seen(Target(place, found.uid, found.resource_version), body)
        except (msgspec.ValidationError, ValueError) as error:
            raise ObjectUnreadable(access.cluster, asked, printable(str(error))) from error

    async def apply(
        self, target: Target, fields: Mapping[str, Json], operation: Operation
    ) -> Rehearsed:
        """Declare fields of an object; what others own is not taken."""
        return await self._send(target, self._spelling.apply(target, fields, operation))

    async def scale(self, target: Target, replicas: int, operation: Operation) -> Rehearsed:
        """Set how many replicas are wanted; the answer is the object's Scale."""
        return await self._send(target, self._spelling.scale(target, replicas, operation))

    async def resize(
        self, target: Target, containers: Mapping[str, Amounts], operation: Operation
    ) -> Rehearsed:
        """Change what the containers of a running pod ask for, without replacing it."""
        return await self._send(target, self._spelling.resize(target, containers, operation))

    async def evict(self, target: Target, operation: Operation) -> Rehearsed:
        """Ask for a pod to go, as far as its disruption budgets let it."""
        return await self._send(target, self._spelling.evict(target, operation))

    async def delete(self, target: Target, leaving: Leaving, operation: Operation) -> Rehearsed:
        """Delete an object."""
        return await self._send(target, self._spelling.delete(target, leaving, operation))

    async def _send(self, target: Target, write: Write) -> Rehearsed:
        body = (await self._sending.ask(write)).body
        if not _is_object(body):
            raise self._strange()
        return Rehearsed(target, body)

    def _strange(self) -> NotKubernetes:
        return not_kubernetes(self._sending.access, "bytes that are no object")


def _is_object(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True
