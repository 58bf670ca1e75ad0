"""Writes: create, update, merge patch and delete, with everything that can speak against them."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tests.world.simulated import metadata as meta
from tests.world.simulated.answers import (
    About,
    Answer,
    Cause,
    Object,
    Refused,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
    refusal,
)
from tests.world.simulated.clock import Clock, stamp
from tests.world.simulated.kinds import Kind
from tests.world.simulated.merge_patch import merged
from tests.world.simulated.paths import Target, Unmodelled
from tests.world.simulated.reading import Query
from tests.world.simulated.store import Stored

__all__ = ["Refused", "Unmodelled", "Writer"]

MERGE_PATCH = "application/merge-patch+json"
_OTHER_PATCHES = (
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
    "application/apply-patch+yaml",
)
_STALE = (
    "the object has been modified; please apply your changes to the latest version and try again"
)
# What the server keeps of the stored object, whatever a writer sends.
_KEPT = (
    "name",
    "namespace",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
Body = bytes | Mapping[str, object] | None

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Writer:
    """Everything that changes objects; it alone draws revisions, UIDs and generated names."""

    def __init__(
        self, clock: Clock, namespaces: set[str], chance: random.Random, seed: int
    ) -> None:
        self.revision = 1  # etcd begins at 1, before the first write
        self._clock, self._namespaces = clock, namespaces
        self._chance, self._seed = chance, seed
        self._made = 0
        self._verbs: dict[str, Callable[[Target, Query, Body], Answer]] = {
            "POST": self._create,
            "PUT": self._replace,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }

    def add_namespace(self, name: str) -> None:
        """Let objects be created in a namespace."""
        self._namespaces.add(name)
        self.revision += 1

    def write(
        self, method: str, target: Target, query: Query, body: Body, content_type: str
    ) -> Answer:
        """Answer a write; raises `Refused` with what speaks against it."""
        if method == "PATCH" and content_type != MERGE_PATCH:
            if content_type in _OTHER_PATCHES:
                raise Unmodelled(f"a patch of type {content_type}")
            message = "415: Unsupported Media Type"
            raise refusal(415, "UnsupportedMediaType", message, About())
        return self._verbs[method](target, query, body)

    def _create(self, target: Target, query: Query, body: Body) -> Answer:
        kind, namespace = target.table.kind, target.namespace
        sent = _typed(kind, body)
        metadata = meta.kept(sent.get("metadata") or {})
        _check_namespace(metadata, namespace)
        if namespace not in self._namespaces:
            raise not_found(About(namespace, "", "namespaces"))
        given = bool(metadata.get("name"))
        if not given and metadata.get("generateName"):
            metadata["name"] = self._generated(metadata["generateName"])
        found: Object = {"metadata": metadata, **kind.clean(sent)}
        if kind.first_status is not None:
            found["status"] = kind.first_status
        name = metadata.get("name", "")
        given = given or "generateName" not in metadata
        causes = meta.name_causes(metadata, given=given, strict=kind.strict)
        causes += meta.label_causes(metadata, strict=kind.strict)
        causes += kind.causes(found, None)
        if causes:
            raise invalid(kind.about_kind(name), causes)
        if metadata.get("resourceVersion", "0") != "0":
            raise refusal(500, "", "resourceVersion should not be set on objects to be created")
        key = f"{namespace}/{name}"
        taken = target.table.get(key)
        if taken is not None:
            deleting = "deletionTimestamp" in taken.object["metadata"]
            raise already_exists(kind.about(name), deleting=deleting)
        found["metadata"] = self._first(metadata, kind, namespace)
        return self._stored(201, target, key, found, dry=_is_dry(query))

    def _first(self, metadata: Object, kind: Kind, namespace: str) -> Object:
        """Return the metadata of an object that begins to be."""
        self._made += 1
        system: Object = {
            "namespace": namespace,
            "uid": f"{self._made:08x}-0000-4000-8000-{self._seed:012x}",
            "creationTimestamp": stamp(self._clock.now()),
        }
        if kind.counts:
            system["generation"] = 1
        metadata = {**metadata, **system}
        for name in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"):
            metadata.pop(name, None)
        return metadata

    def _generated(self, prefix: str) -> str:
        letters = self._chance.choices(meta.GENERATED, k=meta.GENERATED_LENGTH)
        return prefix[: meta.LONGEST_PREFIX] + "".join(letters)

    def _replace(self, target: Target, query: Query, body: Body) -> Answer:
        sent = _typed(target.table.kind, body)
        metadata = meta.kept(sent.get("metadata") or {})
        _check_name(metadata, target)
        stored = _existing(target)
        uid = stored.object["metadata"]["uid"]
        if metadata.get("uid", uid) != uid:
            place = "" if _is_dry(query) else "/registry"  # a dry run checks before etcd's prefix
            key = f"{place}/{target.table.kind.plural}/{target.key}"
            why = f"UID in precondition: {metadata['uid']}, UID in object meta: {uid}"
            text = f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0"
            note = f"{text}, AdditionalErrorMsg: Precondition failed: {why}"
            raise conflict(target.about, note)
        return self._update(target, stored, metadata, sent, query)

    def _patch(self, target: Target, query: Query, body: Body) -> Answer:
        stored = _existing(target)
        patch = _decoded(body, "error decoding patch: ")
        kind = target.table.kind
        whole = {"kind": kind.name, "apiVersion": kind.api_version, **stored.object}
        sent = merged(whole, patch)
        if _mistyped(kind, sent) or not _is_of(kind, sent):
            cause = Cause.invalid("patch", _encode(sent).decode(), "cannot be decoded")
            raise invalid(About(), [cause])
        metadata = meta.kept(sent.get("metadata") or {})
        _check_name(metadata, target)
        return self._update(target, stored, metadata, sent, query)

    def _update(
        self, target: Target, stored: Stored, metadata: Object, sent: Object, query: Query
    ) -> Answer:
        kind = target.table.kind
        self._check_version(target, stored, metadata)
        found = _updated(target, stored, metadata, sent)
        causes = meta.label_causes(found["metadata"], strict=kind.strict)
        causes += meta.change_causes(found["metadata"], stored.object["metadata"])
        if target.part == "status":
            causes += kind.status_causes(found["status"])
        else:
            causes += kind.causes(found, stored.object)
        if causes:
            raise invalid(kind.about_kind(target.name), causes)
        if "deletionTimestamp" in found["metadata"] and "finalizers" not in found["metadata"]:
            # The last finalizer went: the object does, and the answer shows it as it would be.
            self._removed(target, dry=_is_dry(query))
            return Answer(200, target.table.body(Stored(found, _encode(found), stored.revision)))
        if found == stored.object:
            return Answer(200, target.table.body(stored))
        return self._stored(200, target, target.key, found, dry=_is_dry(query))

    def _check_version(self, target: Target, stored: Stored, metadata: Object) -> None:
        given = metadata.get("resourceVersion", "0")
        if not given.isdigit():
            raise refusal(500, "", f'strconv.ParseUint: parsing "{given}": invalid syntax')
        if int(given) == 0:
            if not target.table.kind.unconditional:
                why = "must be specified for an update"
                cause = Cause.invalid("metadata.resourceVersion", 0, why)
                raise invalid(target.about, [cause])
        elif int(given) != stored.revision:
            raise conflict(target.about, _STALE)

    def _delete(self, target: Target, query: Query, body: Body) -> Answer:
        if target.part:
            raise Unmodelled(f"deletion of the subresource {target.part!r}")
        options: Object = dict(query)
        if body:
            options = _decoded(body, "cannot decode DeleteOptions: ")
        # A body makes the server overlook the query, `dryRun` included: the object does go.
        dry = options.get("dryRun") in ("All", ["All"])
        policy = options.get("propagationPolicy")
        if policy not in {None, "Background"} or "orphanDependents" in options:
            raise Unmodelled(f"a deletion that does not leave dependents alone: {policy}")
        stored = _existing(target)
        self._check_preconditions(target, stored, options.get("preconditions") or {})
        metadata = stored.object["metadata"]
        if "finalizers" not in metadata:
            self._removed(target, dry=dry)
            details = {**target.about.details(), "uid": metadata["uid"]}
            status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
            return Answer(200, _encode({**status, "details": details}))
        if "deletionTimestamp" in metadata:
            return Answer(200, target.table.body(stored))
        leaving: Object = {
            **metadata,
            "deletionTimestamp": stamp(self._clock.now()),
            "deletionGracePeriodSeconds": 0,
        }
        if "generation" in metadata:
            leaving["generation"] += 1
        found = {**stored.object, "metadata": leaving}
        return self._stored(200, target, target.key, found, dry=dry)

    def _check_preconditions(
        self, target: Target, stored: Stored, wanted: Mapping[str, Any]
    ) -> None:
        about = target.table.kind.about_kind(target.name)
        uid, version = stored.object["metadata"]["uid"], str(stored.revision)
        if wanted.get("uid", uid) != uid:
            why = f"the UID in the precondition ({wanted['uid']}) does not match the UID in record"
            end = "The object might have been deleted and then recreated"
            raise conflict(about, f"{why} ({uid}). {end}")
        if wanted.get("resourceVersion", version) != version:
            given = wanted["resourceVersion"]
            why = f"the ResourceVersion in the precondition ({given}) does not match the"
            end = f"ResourceVersion in record ({version}). The object might have been modified"
            raise conflict(about, f"{why} {end}")

    def _stored(self, status: int, target: Target, key: str, found: Object, *, dry: bool) -> Answer:
        """Store an object, unless the request is a dry run, and answer it."""
        if dry:
            return Answer(status, target.table.body(Stored(found, _encode(found), 0)))
        self.revision += 1
        found["metadata"] = dict(found["metadata"])
        stored = target.table.put(key, found, self.revision, self._clock.now())
        return Answer(status, target.table.body(stored))

    def _removed(self, target: Target, *, dry: bool) -> None:
        if not dry:
            self.revision += 1
            target.table.remove(target.key, self.revision, self._clock.now())


def _updated(target: Target, stored: Stored, metadata: Object, sent: Object) -> Object:
    """Return the object that an update would store: what was sent, and what the server keeps."""
    kind, before = target.table.kind, stored.object["metadata"]
    system = {name: before[name] for name in _KEPT if name in before}
    system |= {"uid": metadata.get("uid", before["uid"]), "resourceVersion": str(stored.revision)}
    given = {name: value for name, value in metadata.items() if name not in _KEPT}
    if target.part == "status":
        found = {**stored.object, "status": kind.clean_status(sent.get("status") or {})}
        if not kind.status_labels:
            given.pop("labels", None)
            given |= {"labels": before["labels"]} if "labels" in before else {}
    else:
        found = kind.clean(sent)
        if kind.first_status is not None:
            found["status"] = stored.object["status"]
        if kind.counts and _counted(kind, found, given, stored.object):
            system["generation"] += 1
    found["metadata"] = given | system
    return found


def _counted(kind: Kind, found: Object, metadata: Object, before: Object) -> bool:
    """Return whether a change is one that generations count."""
    if found["spec"] != before["spec"]:
        return True
    notes = before["metadata"].get("annotations")
    return kind.counts_notes and metadata.get("annotations") != notes


def _existing(target: Target) -> Stored:
    stored = target.table.get(target.key)
    if stored is None:
        raise not_found(target.about)
    return stored


def _typed(kind: Kind, body: Body) -> Object:
    """Return a body decoded, checked to be of the kind."""
    prefix = f"the object provided is unrecognized (must be of type {kind.name}): "
    sent = _decoded(body, prefix)
    said = f'{sent.get("kind") or kind.name} in version "{sent.get("apiVersion") or kind.version}"'
    if not _is_of(kind, sent) or _mistyped(kind, sent):
        raise bad_request(f"{said} cannot be handled as a {kind.name}")
    return sent


def _is_of(kind: Kind, sent: Object) -> bool:
    named = sent.get("kind") or kind.name, sent.get("apiVersion") or kind.api_version
    return named == (kind.name, kind.api_version)


def _mistyped(kind: Kind, sent: Object) -> bool:
    metadata = sent.get("metadata") or {}
    if not isinstance(metadata, dict):
        return True
    maps = (metadata.get("labels") or {}, metadata.get("annotations") or {})
    return any(not isinstance(each, dict) for each in maps) or kind.mistyped(sent)


def _decoded(body: Body, complaint: str) -> Object:
    """Return a body decoded afresh; raises a 400 refusal."""
    raw = body if isinstance(body, bytes) else _encode(body or {})
    try:
        found = _decode(raw)
    except msgspec.DecodeError as error:
        raise bad_request(f"{complaint}{error}") from None
    if not isinstance(found, dict):
        raise bad_request(f"{complaint}json: cannot unmarshal it into an object")
    return found


def _check_name(metadata: Object, target: Target) -> None:
    name = metadata.get("name")
    if not name:
        message = f"the name of the object ({target.name} based on URL) was undeterminable"
        raise bad_request(f"{message}: name must be provided")
    if name != target.name:
        message = f"the name of the object ({name}) does not match the name on the URL"
        raise bad_request(f"{message} ({target.name})")
    _check_namespace(metadata, target.namespace)


def _check_namespace(metadata: Object, namespace: str) -> None:
    if metadata.get("namespace", namespace) != namespace:
        message = "the namespace of the provided object does not match the namespace sent on"
        raise bad_request(f"{message} the request")


def _is_dry(query: Query) -> bool:
    return query.get("dryRun") == "All"
