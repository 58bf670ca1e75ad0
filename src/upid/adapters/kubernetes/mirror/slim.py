"""What is kept of an object: all of it but secrets, long texts, and bulk that nobody reads."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Any

import msgspec

from upid.core.redaction import clean
from upid.kit.masking import without_secrets

_LONG = 1_024  # characters; longer annotations are documents that tools keep for themselves
_NAME = 253  # characters of a name, namespace, UID or version; Kubernetes has no longer ones
_SIGNED = ("manager", "operation", "apiVersion", "time", "subresource")  # of managedFields
_BULK: dict[str, tuple[str, ...]] = {  # of the status; images alone are 10 KB a node
    "Node": ("images", "volumesInUse", "volumesAttached", "daemonEndpoints"),
}
_END = datetime.max.replace(tzinfo=UTC)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # of objects that do not say when they were made

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_REMEMBERED = 8_192  # texts without secrets that are known by heart: images, addresses
_SHORT = 200  # characters; longer ones are not remembered

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

Tree = dict[str, Any]


_harmless: set[str] = set()


class NoObject(Exception):
    """What came is not an object of Kubernetes; never leaves this package."""


@dataclass(frozen=True, slots=True)
class Slim:
    """An object as it is kept.

    since  when it was made
    ended  when it went or stopped running, as far as it tells itself
    """

    kind: str
    namespace: str
    name: str
    uid: str
    version: str
    since: datetime
    ended: datetime | None
    body: bytes


def slim(body: bytes) -> Slim:
    """Return what is kept of an object. Raises NoObject."""
    try:
        tree = _decode(body)
        return _slim(tree)
    except (msgspec.MsgspecError, ValueError, LookupError, RecursionError) as error:
        raise NoObject(str(error)) from error
    except (AttributeError, TypeError) as error:  # a part has another shape
        raise NoObject(str(error)) from error
    except OverflowError as error:  # a time before the first year or after the last
        raise NoObject(str(error)) from error


def _slim(tree: Tree) -> Slim:
    kind, meta = str(tree.get("kind") or ""), tree["metadata"]
    name, uid = meta.get("name"), meta.get("uid")
    if not (kind and name and isinstance(name, str) and isinstance(uid, str)):
        raise NoObject("it has no kind, name or uid")
    around = (kind, name, uid, meta.get("namespace"), meta.get("resourceVersion"))
    if any(len(str(one)) > _NAME for one in around):  # they are kept beside the body, as they are
        raise NoObject("its name is longer than any")
    signed = _signed(meta.pop("managedFields", None))
    _drop_bulk(kind, tree)
    # Lists and watches have the two in different order; one object is to be the same bytes.
    head = {"kind": kind, "apiVersion": str(tree.get("apiVersion") or "")}
    kept = clean(head | tree, Counter(), _mask)
    if signed:
        kept["metadata"]["managedFields"] = signed
    notes = kept["metadata"].get("annotations")
    if notes:
        kept["metadata"]["annotations"] = {
            key: value for key, value in notes.items() if len(value) <= _LONG
        }
    return Slim(
        kind=intern(kind),
        namespace=intern(str(meta.get("namespace") or "")),
        name=name,
        uid=uid or f"{kind}/{meta.get('namespace') or ''}/{name}",
        version=str(meta.get("resourceVersion") or ""),
        since=_time(meta.get("creationTimestamp")) or _BEGINNING,
        ended=_ended(tree),
        body=_encode(kept),
    )


def _mask(text: str) -> str:
    """Return a text without what looks like a secret; twenty patterns only for unknown texts.

    Only what was found to have none is remembered, so no secret is.
    """
    if text in _harmless or _STAMP.fullmatch(text):
        return text
    told = without_secrets(text)
    if told == text and len(text) <= _SHORT:
        if len(_harmless) >= _REMEMBERED:
            _harmless.clear()
        _harmless.add(text)
    return told


def _signed(fields: object) -> list[Tree]:
    """Return who wrote the object when, without what of it."""
    if not isinstance(fields, list):
        return []
    told = (one for one in fields if isinstance(one, dict))
    return [{key: one[key] for key in _SIGNED if key in one} for one in told]


def _drop_bulk(kind: str, tree: Tree) -> None:
    status = tree.get("status")
    if isinstance(status, dict):
        for key in _BULK.get(kind, ()):
            status.pop(key, None)


def _ended(tree: Tree) -> datetime | None:
    """Return when an object was told to go, else when the last container of a pod stopped."""
    told = _time(tree["metadata"].get("deletionTimestamp"))
    if told is not None:
        return told
    status = tree.get("status")
    states = status.get("containerStatuses") if isinstance(status, dict) else None
    stopped = [_stopped(one) for one in states or ()]
    ends = [one for one in stopped if one is not None]
    return max(ends) if ends and len(ends) == len(stopped) else None


def _stopped(status: Tree) -> datetime | None:
    ended = (status.get("state") or {}).get("terminated") or {}
    return _time(ended.get("finishedAt"))


def _time(text: object) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def death(since: datetime, ended: datetime | None, heard: datetime) -> datetime:
    """Return when an object went: when it told, but neither before it came nor after it was heard.

    A pod's own time of deletion lies its grace period ahead, which it seldom needs.
    """
    told = heard if ended is None else min(ended, heard)
    if told > since:
        return told
    soonest = timedelta(microseconds=1)
    return since + soonest if since <= _END - soonest else since
