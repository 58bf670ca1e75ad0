"""Rules that the metadata of every object obeys: names, labels, finalizers."""

import re
from collections.abc import Mapping
from typing import Any

from tests.world.simulated.answers import Cause, Object

# The order is the wire's; what is not listed (managedFields among it) is dropped.
FIELDS = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
)
LONGEST_NAME = 253  # RFC 1123
LONGEST_LABEL = 63
GENERATED = "bcdfghjklmnpqrstvwxz2456789"  # k8s.io/apimachinery/pkg/util/rand
GENERATED_LENGTH = 5
LONGEST_PREFIX = 63 - GENERATED_LENGTH  # a longer generateName is cut

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_STANDARD_FINALIZERS = {"orphan", "foregroundDeletion", "kubernetes"}

_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    " '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_FINALIZER_RULE = "name is neither a standard finalizer name nor is it fully qualified"


def kept(metadata: Mapping[str, Any]) -> Object:
    """Return the fields that Kubernetes knows, without the empty ones."""
    return {name: metadata[name] for name in FIELDS if metadata.get(name)}


def name_causes(metadata: Object, *, given: bool, strict: bool) -> list[Cause]:
    """Return what is wrong with the name; `given` tells a name from a generated one.

    Kinds that are not `strict` take any name that can stand in a path.
    """
    if not metadata.get("name"):
        return [Cause.required("metadata.name", "name or generateName is required")]
    if not strict:
        return []
    causes = [] if given else _subdomain("metadata.generateName", _prefix_tested(metadata))
    if causes:  # the server quotes the prefix as it came
        causes = [Cause.invalid("metadata.generateName", metadata["generateName"], _NAME_RULE)]
    return [*causes, *_subdomain("metadata.name", metadata["name"])]


def label_causes(metadata: Object, *, strict: bool) -> list[Cause]:
    """Return what is wrong with labels, annotations and finalizers, in this order."""
    causes: list[Cause] = []
    for name, value in sorted(metadata.get("labels", {}).items()):
        causes += _key("metadata.labels", name)
        if len(value) > LONGEST_LABEL:
            why = f"must be no more than {LONGEST_LABEL} bytes"
            causes.append(Cause.invalid("metadata.labels", value, why))
        if value and not _PART.fullmatch(value):
            causes.append(Cause.invalid("metadata.labels", value, _VALUE_RULE))
    for name in sorted(metadata.get("annotations", {})):
        causes += _key("metadata.annotations", name)
    for at, name in enumerate(metadata.get("finalizers", [])):
        if strict and "/" not in name and name not in _STANDARD_FINALIZERS:
            place = f"metadata.finalizers[{at}]"
            causes.append(Cause.invalid(place, name, _FINALIZER_RULE))
    return causes


def change_causes(proposed: Object, stored: Object) -> list[Cause]:
    """Return what a change of metadata may not do: another UID, finalizers on what is going."""
    causes: list[Cause] = []
    if stored.get("deletionTimestamp"):
        before = stored.get("finalizers", [])
        added = sorted(set(proposed.get("finalizers", [])) - set(before))
        if added:
            quoted = ", ".join(f'"{name}"' for name in added)
            why = "no new finalizers can be added if the object is being deleted, found new"
            text = f"{why} finalizers []string{{{quoted}}}"
            causes.append(Cause.forbidden("metadata.finalizers", text))
    if proposed["uid"] != stored["uid"]:
        causes.append(Cause.invalid("metadata.uid", proposed["uid"], "field is immutable"))
    return causes


def _prefix_tested(metadata: Object) -> str:
    """Return a prefix as it is tested: a hyphen at its end stands for what comes after."""
    prefix: str = metadata["generateName"]
    return prefix[:-1] + "a" if prefix.endswith("-") and len(prefix) > 1 else prefix


def _subdomain(place: str, name: str) -> list[Cause]:
    causes = []
    if len(name) > LONGEST_NAME:
        why = f"must be no more than {LONGEST_NAME} characters"
        causes.append(Cause.invalid(place, name, why))
    if not _NAME.fullmatch(name):
        causes.append(Cause.invalid(place, name, _NAME_RULE))
    return causes


def _key(place: str, key: str) -> list[Cause]:
    """Return what is wrong with a label's or annotation's key; its DNS prefix is not looked at."""
    part = key.rpartition("/")[2].lower() if "annotations" in place else key.rpartition("/")[2]
    return [] if _PART.fullmatch(part) else [Cause.invalid(place, key, _KEY_RULE)]
