"""The whole history of a cluster's objects, read from etcd through its JSON gateway.

Every key is watched, not only `/registry`: then each revision has an event, and reading ends for
certain at the revision that was the newest when it began.
"""

import base64
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import msgspec

from tests.world.judge.keys import is_own_note, place_of
from tests.world.judge.records import Shape, Stamp, Write

ALL_KEYS = base64.b64encode(b"\0").decode()  # as both ends of a range: everything there is
PROTOBUF = b"k8s\0"  # how kube-apiserver begins what it stores as protobuf
COLLECTOR_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})  # a delete may take these itself
ANSWER_SECONDS = 10.0  # for one answer, and between two lines of the watch
READ_SECONDS = 120.0  # for reading on to the present; 5,000 revisions took 1.4
MOST_BYTES = 1 << 30  # of compressed objects held in memory; a pod of 1.6 KB takes 650 bytes


class HistoryUnreadable(Exception):
    """etcd cannot say what happened; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """One key at one revision; `value` is None where it was deleted."""

    revision: int
    key: str
    value: bytes | None
    leased: bool


class EtcdHistory:
    """Reads events in order, from revision 1 on."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def newest(self) -> int:
        """Return the revision that etcd is at."""
        asked = {"key": ALL_KEYS, "range_end": ALL_KEYS, "count_only": True}
        with httpx2.Client(timeout=ANSWER_SECONDS, trust_env=False) as client:
            answer = client.post(f"{self._url}/v3/kv/range", json=asked)
        if answer.is_error:
            raise HistoryUnreadable(f"etcd at {self._url} answered {answer.text[:200]}")
        return int(answer.json()["header"]["revision"])

    def events(self, first: int, last: int) -> Iterator[Event]:
        """Yield what happened from revision `first` to `last`, both included.

        Raises HistoryUnreadable if it was compacted, or does not come in READ_SECONDS.
        """
        if first > last:
            return
        end = time.monotonic() + READ_SECONDS
        asked = {"key": ALL_KEYS, "range_end": ALL_KEYS, "start_revision": str(first)}
        body = {"create_request": asked}
        with (
            httpx2.Client(timeout=ANSWER_SECONDS, trust_env=False) as client,
            client.stream("POST", f"{self._url}/v3/watch", json=body) as answer,
        ):
            for line in answer.iter_lines():
                found = in_line(line, first)
                yield from (one for one in found if one.revision <= last)
                if found and found[-1].revision >= last:
                    return
                if time.monotonic() > end:
                    raise HistoryUnreadable(
                        f"etcd at {self._url} did not tell revisions {first} to {last}"
                        f" in {READ_SECONDS:g} s"
                    )
        raise HistoryUnreadable(f"etcd at {self._url} ended the watch before revision {last}")


def in_line(line: str, first: int) -> list[Event]:
    """Return the events in one line of a watch that began at revision `first`.

    Raises HistoryUnreadable when the line says that there are no more.
    """
    return _events(_result(line, first))


def _result(line: str, first: int) -> dict[str, Any]:
    message: dict[str, Any] = msgspec.json.decode(line)
    if "result" not in message:
        raise HistoryUnreadable(f"etcd answered the watch with {line[:200]}")
    result: dict[str, Any] = message["result"]
    if "compact_revision" in result:
        raise HistoryUnreadable(
            f"revisions {first} to {int(result['compact_revision']) - 1} were compacted away: "
            "start the API server with --etcd-compaction-interval=0"
        )
    if result.get("canceled"):
        raise HistoryUnreadable(f"etcd ended the watch: {result.get('cancel_reason', 'no reason')}")
    return result


def _events(result: dict[str, Any]) -> list[Event]:
    found = []
    for event in result.get("events", ()):
        held = event["kv"]
        deleted = event.get("type") == "DELETE"
        value = None if deleted else base64.b64decode(held.get("value", ""))
        key = base64.b64decode(held["key"]).decode()
        found.append(Event(int(held["mod_revision"]), key, value, held.get("lease", "0") != "0"))
    return found


class Held:
    """Objects by key and revision, compressed, and what the writes of each key were.

    Feed it every event in order; then `writes` and `sides` answer.
    """

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self._bytes = 0
        self._leased: dict[str, bool] = {}
        self._previous: dict[tuple[str, int], int] = {}
        self._values: dict[tuple[str, int], bytes] = {}
        self._latest: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Take the next event.

        Raises HistoryUnreadable for what is stored as protobuf, or for more than MOST_BYTES.
        """
        place = place_of(event.key)
        if place is None:
            return
        earlier = self._latest.get(event.key, 0)
        before = self._object(event.key, earlier)
        after = None if event.value is None else _decoded(event)
        self._previous[event.key, event.revision] = earlier
        self._latest[event.key] = event.revision
        if event.value is not None:
            value = zlib.compress(event.value, level=1)
            self._values[event.key, event.revision] = value
            self._bytes += len(value)
            if self._bytes > MOST_BYTES:
                raise HistoryUnreadable(f"history is over {MOST_BYTES >> 20} MiB compressed")
        leased = self._leased.get(event.key, False)
        self._leased[event.key] = event.leased
        metadata = _metadata(after if after is not None else before)
        self.writes.append(
            Write(
                revision=event.revision,
                key=event.key,
                place=place,
                uid=metadata.get("uid", ""),
                leased=leased,
                own=is_own_note(event.key),
                **marks(before, after),
            )
        )

    def sides(self, write: Write) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return the object before and after a write; None where it was not there."""
        before = self._object(write.key, self._previous[write.key, write.revision])
        return before, self._object(write.key, write.revision)

    def _object(self, key: str, revision: int) -> dict[str, Any] | None:
        value = self._values.get((key, revision))
        if value is None:
            return None
        decoded: dict[str, Any] = msgspec.json.decode(zlib.decompress(value))
        return decoded


def marks(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    """Return the parts of a Write that the object tells, by its sides."""
    old, current = _metadata(before), _metadata(after)
    if after is None:
        kept = set(old.get("finalizers") or ()) - COLLECTOR_FINALIZERS
        was_ending = "deletionTimestamp" in old
        return {"shape": Shape.DELETE, "was_ending": was_ending, "let_go": bool(kept)}
    stamps = _stamps(current) - _stamps(old)
    found: dict[str, Any] = {"stamps": tuple(Stamp(name, at) for name, at in sorted(stamps))}
    # An object that is made anew over a key that was never seen empty has another UID.
    if before is None or old.get("uid") != current.get("uid"):
        return found | {"shape": Shape.CREATE}
    ending = ("deletionTimestamp", "deletionGracePeriodSeconds", "finalizers")
    return found | {
        "shape": Shape.UPDATE,
        "was_ending": "deletionTimestamp" in old,
        "ends": "deletionTimestamp" in current
        and any(old.get(name) != current.get(name) for name in ending),
        "disrupts": _disruption(before) != _disruption(after) and bool(_disruption(after)),
        "disrupted": _disrupted(after) - _disrupted(before),
    }


def _decoded(event: Event) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(event.value or b"")
    except msgspec.DecodeError as error:
        why = "protobuf: start the API server with --storage-media-type=application/json"
        if not (event.value or b"").startswith(PROTOBUF):
            why = "not JSON"
        raise HistoryUnreadable(f"{event.key} at {event.revision} is stored as {why}") from error
    return found if isinstance(found, dict) else {}


def _metadata(stored: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = (stored or {}).get("metadata") or {}
    return found


def _stamps(metadata: dict[str, Any]) -> set[tuple[str, datetime]]:
    return {
        (entry.get("manager", ""), datetime.fromisoformat(entry["time"]))
        for entry in metadata.get("managedFields") or ()
        if "time" in entry
    }


def _disruption(stored: dict[str, Any]) -> list[dict[str, Any]]:
    if stored.get("kind") != "Pod":
        return []
    conditions = stored.get("status", {}).get("conditions") or ()
    return [one for one in conditions if one.get("type") == "DisruptionTarget"]


def _disrupted(stored: dict[str, Any]) -> frozenset[str]:
    if stored.get("kind") != "PodDisruptionBudget":
        return frozenset()
    return frozenset(stored.get("status", {}).get("disruptedPods") or ())
