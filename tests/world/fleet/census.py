"""Counting a fleet's pods: a list in pages, then a watch; never more than that for an answer."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.world.api import Api, ApiError, Json
from tests.world.waiting import WaitedInVain

PAGE = 500  # pods asked for at once, as kubectl does
PODS = "/api/v1/pods"
_WATCH = 10  # seconds of one watch; another follows
_GONE = 410
_ENDING = 15  # lines of a log that are shown


class Condition(msgspec.Struct):
    """A condition of a pod, as far as it matters here."""

    type: str
    status: str


class Status(msgspec.Struct):
    """A pod's status, as far as it matters here."""

    phase: str = ""
    conditions: list[Condition] = []


class Metadata(msgspec.Struct, rename="camel"):
    """What names a pod."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None


class Spec(msgspec.Struct, rename="camel"):
    """Where a pod is."""

    node_name: str = ""


class Pod(msgspec.Struct):
    """A pod, as far as it is counted; of 3 KB that is decoded, some 200 bytes are kept."""

    metadata: Metadata
    spec: Spec = msgspec.field(default_factory=Spec)
    status: Status = msgspec.field(default_factory=Status)

    @property
    def is_ready(self) -> bool:
        """Return whether it is Running, its condition Ready true, and it is not being deleted."""
        if self.status.phase != "Running" or self.metadata.deletion_timestamp:
            return False
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _ListMetadata(msgspec.Struct, rename="camel"):
    resource_version: str
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMetadata
    items: list[Pod]


_EVENT, _POD = msgspec.json.Decoder(_Event), msgspec.json.Decoder(Pod)
_PAGE = msgspec.json.Decoder(_Page)


@dataclass
class Census:
    """The pods there are, kept up to date while something is waited for.

    query  such as labelSelector="app=x"
    """

    api: Api
    query: dict[str, str] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)  # by uid
    ready: int = 0
    _version: str = ""

    def read(self) -> "Census":
        """Read all pods anew, `PAGE` at a time."""
        found: dict[str, Pod] = {}
        token = ""
        while True:
            answer = self.api.text(
                PODS, limit=PAGE, **self.query, **({"continue": token} if token else {})
            )
            page = _PAGE.decode(answer)
            found.update((pod.metadata.uid, pod) for pod in page.items)
            token = page.metadata.continue_
            if not token:
                break
        self.pods, self._version = found, page.metadata.resource_version
        self.ready = sum(pod.is_ready for pod in found.values())
        return self

    def by_node(self) -> Counter[str]:
        """Return how many pods each node has."""
        return Counter(pod.spec.node_name for pod in self.pods.values())

    def phases(self) -> Counter[str]:
        """Return how many pods are in each phase, those that are ready apart."""
        return Counter(
            "Ready" if pod.is_ready else pod.status.phase or "Unknown" for pod in self.pods.values()
        )

    def wait(
        self,
        what: str,
        check: Callable[["Census"], bool],
        seconds: float,
        log: Path | None = None,
    ) -> None:
        """Follow the pods until `check` holds.

        Raises `WaitedInVain` after `seconds` with what was waited for, what is there, and the end
        of `log`.
        """
        end = time.monotonic() + seconds
        self.read()
        while not check(self):
            left = end - time.monotonic()
            if left <= 0:
                there = ", ".join(f"{n} {phase}" for phase, n in sorted(self.phases().items()))
                raise WaitedInVain(f"waited {seconds:g} s for {what}; there are {there or 'none'}")
            self._follow(check, min(left, _WATCH))

    def _follow(self, check: Callable[["Census"], bool], seconds: float) -> None:
        """Watch until `check` holds or `seconds` are over; read anew when history is gone."""
        try:
            for line in self._lines(math.ceil(seconds)):
                event = _EVENT.decode(line)
                if event.type == "ERROR":
                    self.read()
                    return
                self._take(event)
                if check(self):
                    return
        except ApiError as error:
            if error.status != _GONE:
                raise
            self.read()

    def _lines(self, seconds: int) -> Iterator[str]:
        query = {
            "watch": "1",
            "timeoutSeconds": str(seconds),
            "resourceVersion": self._version,
            **self.query,
        }
        with self.api.client.stream("GET", PODS, params=query) as answer:
            if answer.is_error:
                answer.read()
                raise ApiError(answer.status_code, {"message": answer.text})
            yield from answer.iter_lines()

    def _take(self, event: _Event) -> None:
        pod = _POD.decode(event.object)
        self._version = pod.metadata.resource_version
        before = self.pods.pop(pod.metadata.uid, None)
        self.ready -= before is not None and before.is_ready
        if event.type != "DELETED":
            self.pods[pod.metadata.uid] = pod
            self.ready += pod.is_ready


def pages(api: Api, path: str, **query: str) -> Iterator[Json]:
    """Yield the objects of a collection, read `PAGE` at a time."""
    token: str | None = None
    while True:
        answer = api.get(path, limit=PAGE, **query, **({"continue": token} if token else {}))
        yield from answer["items"]
        token = answer["metadata"].get("continue")
        if not token:
            return
