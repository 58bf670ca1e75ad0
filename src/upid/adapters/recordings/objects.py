"""Object versions from the files that `kubectl get … -o json` (or yaml) writes."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from upid.adapters.recordings.errors import RecordingRefused
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.window import Window, parse_instant

Json: TypeAlias = Any  # as msgspec decodes it

_ENDINGS = frozenset({".json", ".yaml", ".yml"})
_LARGEST = 1 << 30  # bytes of one file; a list of 100,000 pods takes about half
_GROUPS_OF_LISTS = "List"


def read_objects(folder: Path, window: Window, counts: Counter[str]) -> Iterator[ObjectVersion]:
    """Yield every object in the .json, .yaml and .yml files under a folder, file by file.

    A file may hold one object, a List of any kinds, or several YAML documents. An object counts
    from its creationTimestamp on, or from the window's start without one. Where two files have
    the same object, the later file (by name) is ignored and counted.
    """
    if not folder.is_dir():
        raise RecordingRefused(str(folder), "it is not a folder of Kubernetes objects")
    seen: set[tuple[str, str, str, str]] = set()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in _ENDINGS and p.is_file()):
        for tree in _documents(path):
            for item in _items(path, tree):
                version = _version(path, item, window)
                key = version[:4]
                if key in seen:
                    counts["duplicate objects"] += 1
                    continue
                seen.add(key)
                yield version
    if not seen:
        raise RecordingRefused(
            str(folder),
            "it has no Kubernetes objects",
            "put there what kubectl get nodes,pods,deployments,… -A -o json prints, as .json files",
        )


def _documents(path: Path) -> list[Any]:
    if path.stat().st_size > _LARGEST:
        raise RecordingRefused(str(path), "it is larger than 1 GiB", "split it by kind")
    raw = path.read_bytes()
    try:
        if path.suffix == ".json":
            return [msgspec.json.decode(raw)]
        return _yaml(path, raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordingRefused(
            str(path), f"it is not {path.suffix[1:].upper()}: {error}"
        ) from error


def _yaml(path: Path, raw: bytes) -> list[Any]:
    """Return the documents in a YAML file; aliases, which could grow without end, are refused."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(raw, Loader=loader)):
            raise RecordingRefused(str(path), "it has YAML aliases, which kubectl never writes")
        return [tree for tree in yaml.load_all(raw, Loader=loader) if tree is not None]
    except yaml.YAMLError as error:
        raise RecordingRefused(str(path), f"it is not YAML: {error}") from error


def _items(path: Path, tree: Json) -> Iterator[dict[str, Any]]:
    """Yield the objects in a document; items of a typed list get its kind."""
    if not isinstance(tree, dict) or not isinstance(tree.get("kind"), str):
        raise RecordingRefused(str(path), "it holds something that is not a Kubernetes object")
    items = tree.get("items")
    if not tree["kind"].endswith(_GROUPS_OF_LISTS) or not isinstance(items, list):
        yield tree
        return
    kind = tree["kind"].removesuffix(_GROUPS_OF_LISTS)
    for item in items:
        if not isinstance(item, dict):
            raise RecordingRefused(str(path), "its items are not Kubernetes objects")
        if "kind" in item or not kind:
            yield from _items(path, item)
        else:
            yield {"apiVersion": tree.get("apiVersion", "v1"), "kind": kind, **item}


def _version(path: Path, item: dict[str, Any], window: Window) -> ObjectVersion:
    metadata = item.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise RecordingRefused(str(path), f"it has a {item['kind']} without a name")
    namespace, name = str(metadata.get("namespace") or ""), metadata["name"]
    uid = metadata.get("uid")
    if not isinstance(uid, str) or not uid:
        told = f"{item['kind']}/{namespace}/{name}"
        uid = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        item = {**item, "metadata": {**metadata, "uid": uid}}
    since = _instant(metadata.get("creationTimestamp"), window.start)
    try:
        body = msgspec.json.encode(item)
    except (TypeError, UnicodeEncodeError, RecursionError) as error:
        raise RecordingRefused(str(path), f"{item['kind']} '{name}': {error}") from error
    return ObjectVersion(item["kind"], namespace, name, uid, since, None, body)


def _instant(found: Json, otherwise: datetime) -> datetime:
    if isinstance(found, datetime) and found.tzinfo is not None:
        return found
    if not isinstance(found, str):
        return otherwise
    try:
        return parse_instant(found)
    except ValueError:
        return otherwise
