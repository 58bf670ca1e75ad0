"""Makes what two servers answered comparable: versions by their order, UIDs by first sight.

A real server gives revisions to everybody, so numbers differ. Within one history they are ranked by
the objects that were seen: an object's version becomes its rank, a list's or a bookmark's version
the rank of the last object at or before it. Times, generated names and Go's wording of decoding
errors are blotted out.
"""

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from tests.world.simulated.answers import Json, Object
from tests.world.simulated.runs import Seen
from tests.world.simulated.watches import INITIAL_END

_TIMES = ("creationTimestamp", "deletionTimestamp")
# Go's own words follow these; only what comes before is held to.
_GO_WORDS = (
    "continue key is not valid",
    "error decoding patch",
    "the object provided is unrecognized",
    "unable to parse requirement",
    "cannot be handled as a",
)
_GENERATED = re.compile(r"\b(g\d-|Bad_)[bcdfghjklmnpqrstvwxz2456789]{5}\b")
_PLAIN_CONFLICTS = {409, 410, 504}  # their messages quote revisions
_OBJECTS = ("ADDED", "MODIFIED", "DELETED")


def comparable(seen: list[Seen]) -> list[Json]:
    """Return, step by step, what two servers must agree on; plain JSON."""
    return _Ranks(seen).steps()


class _Ranks:
    """The ranks that one history's own objects give to revisions."""

    def __init__(self, seen: list[Seen]) -> None:
        self._seen = seen
        bodies = list(_objects(seen))
        self._versions = sorted(
            {int(b["metadata"]["resourceVersion"]) for b in bodies if _has(b, "resourceVersion")}
        )
        self._uids: dict[str, str] = {}
        for body in bodies:
            if _has(body, "uid"):
                self._uids.setdefault(body["metadata"]["uid"], f"uid-{len(self._uids) + 1}")

    def steps(self) -> list[Json]:
        return [self._step(each) for each in self._seen]

    def _step(self, seen: Seen) -> Json:
        if seen.kind in {"compact", "namespace"}:
            return seen.kind
        if seen.kind in {"close", "expire"}:
            events = [self._event(kind, body) for kind, body in seen.events]
            shown: Object = {"events": [event for event in events if event is not None]}
            if seen.kind == "expire":  # one is due two seconds before the end
                shown["bookmarked"] = None in events
            return shown
        return {"status": seen.status, "body": self._body(seen.body)}

    def _event(self, kind: str, body: Json) -> Json:
        """Return an event; nothing for a bookmark whose time is the server's own affair."""
        if kind == "BOOKMARK":
            if INITIAL_END not in body["metadata"].get("annotations", {}):
                return None
            version = self._floor(body["metadata"]["resourceVersion"])
            metadata = body["metadata"] | {"resourceVersion": version}
            return [kind, body | {"metadata": metadata}]
        return [kind, self._body(body)]

    def _body(self, body: Json) -> Json:
        if not isinstance(body, dict):
            return body
        if body.get("kind") == "Status":
            return self._status(body)
        if "items" in body:
            items = [self._object(item) for item in body["items"]]
            return {**body, "metadata": self._list_metadata(body["metadata"]), "items": items}
        return self._object(body)

    def _object(self, body: Object) -> Object:
        metadata = {n: v for n, v in body["metadata"].items() if n != "managedFields"}
        for name in _TIMES:
            if name in metadata:
                metadata[name] = "a time"
        if "resourceVersion" in metadata:
            metadata["resourceVersion"] = f"v{self._rank(metadata['resourceVersion'])}"
        if "uid" in metadata:
            metadata["uid"] = self._uids[metadata["uid"]]
        metadata["name"] = _ungenerated(metadata["name"])
        return {**body, "metadata": metadata}

    def _list_metadata(self, metadata: Object) -> Object:
        shown = metadata | {"resourceVersion": self._floor(metadata["resourceVersion"])}
        if "continue" in metadata:
            shown["continue"] = self._token(metadata["continue"])
        return shown

    def _status(self, body: Object) -> Object:
        shown: Object = {name: body.get(name) for name in ("status", "reason", "code")}
        if body["metadata"].get("continue"):
            shown["continue"] = self._token(body["metadata"]["continue"])
        details = dict(body.get("details") or {})
        causes = details.pop("causes", [])
        if "uid" in details:
            details["uid"] = self._uids.get(details["uid"], "a uid never seen")
        details["name"] = _ungenerated(details.get("name", ""))
        if causes:  # the real one repeats some, and their order is that of Go's maps
            found = {(c.get("field"), c["reason"], self._message(c["message"], 0)) for c in causes}
            undecodable = any(field == "patch" for field, _, _ in found)
            shown["causes"] = "undecodable" if undecodable else sorted(map(str, found))
        else:
            shown["message"] = self._message(body.get("message", ""), body.get("code", 0))
        return {**shown, "details": details}

    def _message(self, text: str, code: int) -> str:
        for uid, name in self._uids.items():
            text = text.replace(uid, name)
        for words in _GO_WORDS:
            text = text[: text.index(words)] + words if words in text else text
        text = _ungenerated(text)
        return re.sub(r"\b\d+\b", "#", text) if code in _PLAIN_CONFLICTS else text

    def _token(self, token: str) -> Json:
        read = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        start = _ungenerated(read["start"].removeprefix("/"))
        return [read["v"], self._floor(str(read["rv"])), start]

    def _rank(self, version: str) -> int:
        return bisect_right(self._versions, int(version))

    def _floor(self, version: str) -> str:
        return "latest" if version == "-1" else f"from v{self._rank(version)}"


def _ungenerated(text: str) -> str:
    return _GENERATED.sub(r"\1*", text)


def _has(body: Object, name: str) -> bool:
    return bool(body["metadata"].get(name))


def _objects(seen: Iterable[Seen]) -> Iterator[Object]:
    """Yield every object that was seen, in order."""
    for each in seen:
        if each.kind == "request" and isinstance(each.body, dict):
            if "items" in each.body:
                yield from each.body["items"]
            elif each.body.get("kind") != "Status":
                yield each.body
        for kind, body in each.events:
            if kind in _OBJECTS:
                yield body


def misplaced_event(seen: Iterable[Seen]) -> str:
    """Return what is wrong with the order of a watch's events, bookmarks among them.

    What is there at the beginning comes as ADDED in the order of names; from the first other event
    on, versions rise. A bookmark is never behind what came before it.
    """
    for at, each in enumerate(seen):
        told, live = 0, False
        for kind, body in each.events:
            if kind == "ERROR":
                continue
            version = int(body["metadata"]["resourceVersion"])
            live = live or kind != "ADDED"
            if live and version < told:
                return f"step {at}: {kind} at {version} after {told}"
            told = max(told, version)
    return ""
