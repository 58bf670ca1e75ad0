"""News: what happened, as its context says it and as it travels."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

TOPIC_LENGTH, KEY_LENGTH, ACTOR_LENGTH = 100, 255, 255  # characters
PAYLOAD_BYTES = 256 * 1024  # what happened, not what there is: a payload names things
TYPE_PREFIX = "io.upid."

_TOPIC = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_OWN = frozenset({"at", "actor"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; contexts derive frozen dataclasses with plain fields.

    topic  what happened, such as "cluster.registered"
    at     when, in UTC
    actor  who did it
    """

    topic: ClassVar[str]
    at: datetime
    actor: str = "system"

    @property
    def key(self) -> str:
        """Return what the event is about: those with one key are delivered in order."""
        return ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event on its way, with its fields as plain values (instants are ISO text).

    id  the same at each delivery: what a handler beyond the database remembers it by
    """

    id: str
    topic: str
    key: str
    at: datetime
    actor: str
    tenant: str
    payload: Mapping[str, Any]

    def cloud_event(self) -> dict[str, Any]:
        """Return the event in the JSON form of CloudEvents 1.0 (EVT-1)."""
        found: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"/tenants/{quote(self.tenant, safe='')}",
            "type": TYPE_PREFIX + self.topic,
            "time": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "actor": self.actor,
            "data": dict(self.payload),
        }
        if self.key:  # a subject may be left out but not be empty
            found["subject"] = self.key
        return found


def enclosed(event: Event, tenant: str) -> Envelope:
    """Return the envelope of an event that happens now, with an id of its own.

    Raises ValueError for what only a mistake in the program makes: a naive instant, a key or a
    topic that is no name, a payload that is larger than PAYLOAD_BYTES.
    """
    topic, key = event.topic, event.key
    if len(topic) > TOPIC_LENGTH or not _TOPIC.fullmatch(topic):
        raise ValueError(f"no topic: {topic!r}")
    if len(key) > KEY_LENGTH or _CONTROLS.search(key):
        raise ValueError(f"no key of {topic!r}: {key[:80]!r}")
    if event.at.tzinfo is None:
        raise ValueError(f"{topic!r} has a naive instant: {event.at}")
    payload = _plain(event)
    return Envelope(
        id=f"evt_{secrets.token_hex(12)}",
        topic=topic,
        key=key,
        at=event.at.astimezone(UTC),
        actor=_CONTROLS.sub("\ufffd", event.actor)[:ACTOR_LENGTH],
        tenant=tenant,
        payload=payload,
    )


def encoded(payload: Mapping[str, Any], topic: str) -> str:
    """Return a payload as JSON text of bounded size."""
    text = json.dumps(payload, separators=(",", ":"), allow_nan=False)
    if len(text) > PAYLOAD_BYTES:
        raise ValueError(f"the payload of {topic!r} has {len(text)} bytes, over {PAYLOAD_BYTES}")
    return text


def _plain(event: Event) -> dict[str, Any]:
    import msgspec  # here, so that contexts that only name events do not pay for it

    members = {
        field.name: getattr(event, field.name) for field in fields(event) if field.name not in _OWN
    }
    found: dict[str, Any] = msgspec.to_builtins(members, str_keys=True)
    return found
