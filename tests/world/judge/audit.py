"""The audit log of a kube-apiserver, read as requests.

The log is JSON lines, one per stage of a request. It is rotated by renaming (`audit.log` becomes
`audit-<time>.log`), and an API server that is killed may leave a torn line, to which its successor
appends. A create does not say its object's name before it is answered.
"""

import contextlib
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.world.judge.keys import built_in
from tests.world.judge.records import Place, Request

# rest.DefaultUpdateOptions: without a fieldManager, the user agent up to the first slash names it.
MANAGER_LENGTH = 128
FINAL_STAGES = frozenset({"ResponseComplete", "Panic"})
EVENT_BEGINS = b'{"kind":"Event"'
ROTATED = "[0-9]*T[0-9]*-[0-9]*-[0-9]*.[0-9]*"  # 2026-11-22T21-19-42.123
BLOCK = 1 << 20  # bytes read at once


class AuditLog:
    """The requests of one log file and of those it was rotated to, read as they grow.

    torn  lines that could not be read, as far as they are there
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[tuple[int, int], int] = {}
        self._requests: dict[tuple[str, str, str], Request] = {}
        self._starts: list[datetime] = []
        self.torn: list[str] = []

    @property
    def requests(self) -> list[Request]:
        """Requests in the order in which they were received."""
        found = [self._closed(one) for one in self._requests.values()]
        return sorted(found, key=lambda one: (one.received, one.audit_id))

    def read(self) -> int:
        """Read on to the last complete line; return how many lines there were."""
        count = 0
        for path in self._files():
            for line in self._lines(path):
                count += 1
                event = self._decoded(line)
                if event is not None:
                    self._keep(event)
        return count

    def _files(self) -> list[Path]:
        rotated = self._path.parent.glob(f"{self._path.stem}-{ROTATED}{self._path.suffix}")
        return [*sorted(rotated), self._path]  # the time in the name sorts as text

    def _lines(self, path: Path) -> Iterator[bytes]:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:  # rotated meanwhile
            stat = path.stat()
            at = (stat.st_dev, stat.st_ino)
            file.seek(self._read.get(at, 0))
            rest = b""
            while block := file.read(BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    self._read[at] = self._read.get(at, 0) + len(line) + 1
                    yield line

    def _decoded(self, line: bytes) -> dict[str, Any] | None:
        begin = 0
        while begin >= 0:
            try:
                event: dict[str, Any] = msgspec.json.decode(line[begin:])
            except msgspec.DecodeError:
                begin = line.find(EVENT_BEGINS, begin + 1)
                continue
            if begin:
                self.torn.append(line[:begin].decode(errors="replace"))
            return event
        if line.strip():
            self.torn.append(line.decode(errors="replace"))
        return None

    def _keep(self, event: dict[str, Any]) -> None:
        # A client may choose its audit ID, so it alone does not tell requests apart.
        at = (event["auditID"], event["requestReceivedTimestamp"], event["requestURI"])
        if at not in self._requests or event["stage"] in FINAL_STAGES:
            request = request_of(event)
            if at not in self._requests and is_start(request):
                insort(self._starts, request.received)
            self._requests[at] = request

    def _closed(self, request: Request) -> Request:
        """Say of a request without an answer when its API server had a successor."""
        later = bisect_right(self._starts, request.received)
        if request.completed is not None or later == len(self._starts):
            return request
        return replace(request, gone_by=self._starts[later])


def is_start(request: Request) -> bool:
    """Return whether only an API server that has just started asks this of itself.

    Each one deletes the lease of its predecessor under the same name, before it serves.
    """
    return (
        (request.user, request.verb) == ("system:apiserver", "delete")
        and (request.place.resource, request.place.namespace) == ("leases", "kube-system")
        and request.place.name.startswith("apiserver-")
    )


def request_of(event: dict[str, Any]) -> Request:
    """Return what one audit event says about its request; KeyError if it is none."""
    asked = event.get("objectRef") or {}
    query = parse_qs(urlsplit(event["requestURI"]).query)
    agent = event.get("userAgent", "")
    request = Request(
        audit_id=event["auditID"],
        user=event["user"].get("username", ""),  # nobody: refused before it was known who asked
        acting_as=(event.get("impersonatedUser") or {}).get("username", ""),
        verb=event["verb"],
        uri=event["requestURI"],
        group=asked.get("apiGroup", ""),
        subresource=asked.get("subresource", ""),
        place=Place(
            group="" if built_in(asked.get("apiGroup", "")) else asked["apiGroup"],
            resource=asked.get("resource", ""),
            namespace=_namespace(asked),
            name=asked.get("name", ""),
        ),
        uid=asked.get("uid", "") or _precondition(event),
        bodies=event.get("level") != "Metadata",
        user_agent=agent,
        field_manager=query.get("fieldManager", [agent.split("/")[0][:MANAGER_LENGTH]])[0],
        dry_run=query.get("dryRun") == ["All"] or _dry_by_body(event),
        received=datetime.fromisoformat(event["requestReceivedTimestamp"]),
    )
    return _answered(request, event) if event["stage"] in FINAL_STAGES else request


def _namespace(asked: dict[str, Any]) -> str:
    # The API server's own URL parsing puts a namespace into itself.
    return "" if asked.get("resource") == "namespaces" else str(asked.get("namespace", ""))


def _dry_by_body(event: dict[str, Any]) -> bool:
    return bool(_delete_options(event).get("dryRun") == ["All"])


def _precondition(event: dict[str, Any]) -> str:
    return str((_delete_options(event).get("preconditions") or {}).get("uid", ""))


def _delete_options(event: dict[str, Any]) -> dict[str, Any]:
    sent: dict[str, Any] = event.get("requestObject") or {}
    if sent.get("kind") == "Eviction":
        return sent.get("deleteOptions") or {}
    return sent if sent.get("kind") == "DeleteOptions" else {}


def _answered(request: Request, event: dict[str, Any]) -> Request:
    status = event.get("responseStatus") or {}
    request = replace(
        request,
        code=status.get("code"),
        completed=datetime.fromisoformat(event["stageTimestamp"]),
        panicked=event["stage"] == "Panic",
    )
    if not request.succeeded or not request.stores:
        return request
    uid = (status.get("details") or {}).get("uid", "")
    if request.verb == "delete" and uid:
        return replace(request, uid=uid, deleted_uid=uid if request.bodies else "")
    answer = event.get("responseObject") or {}
    if request.verb == "deletecollection":
        items = answer.get("items") if answer.get("kind", "").endswith("List") else None
        return request if items is None else replace(request, collected=_uids(items))
    if answer.get("kind") == "Status":
        return request
    return _with_object(request, answer.get("metadata") or {})


def _with_object(request: Request, metadata: dict[str, Any]) -> Request:
    version = str(metadata.get("resourceVersion", ""))
    name = request.place.name or str(metadata.get("name", ""))
    return replace(
        request,
        answered_revision=int(version) if version.isdecimal() else None,
        uid=metadata.get("uid") or request.uid,
        place=replace(request.place, name=name),
        lets_go="deletionTimestamp" in metadata and not metadata.get("finalizers"),
    )


def _uids(items: Iterable[dict[str, Any]]) -> frozenset[str]:
    return frozenset(str(one["metadata"]["uid"]) for one in items)
