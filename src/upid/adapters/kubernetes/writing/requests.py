"""How each write is spelled: path, query and body, with its conditions and its dry run in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from upid.adapters.kubernetes.client import Resource, resource
from upid.adapters.kubernetes.client.asking import JSON, Question
from upid.adapters.kubernetes.client.resources import with_query
from upid.core.ports.cluster_writer import (
    Amounts,
    DryRun,
    Json,
    Leaving,
    Operation,
    Place,
    Target,
)

FIELD_OWNER = "upid"
ANNOTATION = "upid.io/operation"
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_NOTHING_STORED = ["All"]
_RESERVED = frozenset({"apiVersion", "kind", "metadata"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Question):
    """A request that would change something, were it not for its mode.

    operation  what it belongs to, for the cluster's audit log
    """

    method: str
    content_type: str
    operation: Operation


class Spelling:
    """Spells writes in one mode; there is only the one that stores nothing."""

    def __init__(self, mode: DryRun) -> None:
        if not isinstance(mode, DryRun):
            raise TypeError(f"{mode!r} is no mode of writing")

    def apply(self, target: Target, fields: Mapping[str, Json], operation: Operation) -> Write:
        """Declare fields by server-side apply; conflicts are never overridden."""
        if taken := _RESERVED & fields.keys():
            raise ValueError(f"{sorted(taken)} are the target's own")
        body = {
            "apiVersion": target.place.api_version,
            "kind": target.place.kind,
            "metadata": _metadata(target, operation),
            **fields,
        }
        return self._patch(target, "", _APPLY, body, operation, f"apply {target.place}")

    def scale(self, target: Target, replicas: int, operation: Operation) -> Write:
        """Set replicas through the Scale, which holds the same for every kind that has one."""
        if replicas < 0:
            raise ValueError(f"{replicas} replicas are less than none")
        body = {"metadata": _metadata(target, operation), "spec": {"replicas": replicas}}
        asked = f"scale {target.place} to {replicas}"
        return self._patch(target, "scale", _MERGE, body, operation, asked)

    def resize(
        self, target: Target, containers: Mapping[str, Amounts], operation: Operation
    ) -> Write:
        """Resize a pod. A JSON merge patch would replace the list of containers: refused."""
        if not containers:
            raise ValueError("no container is to be resized")
        body = {
            "metadata": _metadata(target, operation),
            "spec": {"containers": [_resized(*one) for one in sorted(containers.items())]},
        }
        return self._patch(target, "resize", _STRATEGIC, body, operation, f"resize {target.place}")

    def evict(self, target: Target, operation: Operation) -> Write:
        """Ask for an eviction: the object that is sent is an Eviction, named as its pod."""
        meta = {"name": target.place.name, "namespace": target.place.namespace}
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": meta | {"annotations": {ANNOTATION: str(operation)}},
            "deleteOptions": _only_this(target),
        }
        asked = f"evict {target.place}"
        return self._write("POST", target, "eviction", JSON, body, operation, asked)

    def delete(self, target: Target, leaving: Leaving, operation: Operation) -> Write:
        """Delete an object."""
        kind = {"apiVersion": "v1", "kind": "DeleteOptions"}
        body = kind | _only_this(target) | {"propagationPolicy": leaving.value}
        return self._write("DELETE", target, "", JSON, body, operation, f"delete {target.place}")

    def _patch(
        self,
        target: Target,
        part: str,
        kind: str,
        body: Mapping[str, Any],
        operation: Operation,
        asked: str,
    ) -> Write:
        return self._write("PATCH", target, part, kind, body, operation, asked)

    def _write(
        self,
        method: str,
        target: Target,
        part: str,
        kind: str,
        body: Mapping[str, Any],
        operation: Operation,
        asked: str,
    ) -> Write:
        patching = {"fieldManager": FIELD_OWNER, "fieldValidation": "Strict"}
        # A DELETE with a body is carried out whatever its query says: there the body tells that
        # it is a dry run. The query says it too, for a proxy that drops the body.
        query = {"dryRun": "All"} | (patching if method == "PATCH" else {})
        return Write(
            asked=asked,
            path=with_query(path(target.place, part), query),
            body=msgspec.json.encode(body),
            method=method,
            content_type=kind,
            operation=operation,
        )


def path(place: Place, part: str = "") -> str:
    """Return the path of an object, or of one of its subresources."""
    whole = of(place).path(place.namespace or None, place.name)
    return f"{whole}/{quote(part)}" if part else whole


def of(place: Place) -> Resource:
    """Return the resource of a place."""
    return resource(place.api_version, place.resource)


def _metadata(target: Target, operation: Operation) -> dict[str, Json]:
    place = target.place
    where = {"namespace": place.namespace} if place.namespace else {}
    return {
        "name": place.name,
        **where,
        "uid": target.uid,
        "resourceVersion": target.version,
        "annotations": {ANNOTATION: str(operation)},
    }


def _only_this(target: Target) -> dict[str, Json]:
    conditions = {"uid": target.uid, "resourceVersion": target.version}
    return {"preconditions": conditions, "dryRun": _NOTHING_STORED}


def _resized(name: str, amounts: Amounts) -> dict[str, Json]:
    told = {"requests": dict(amounts.requests), "limits": dict(amounts.limits)}
    return {"name": name, "resources": {key: value for key, value in told.items() if value}}
