"""The exact change: a manifest of only the changed fields, its diff, and what to type."""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from upid.contexts.optimization.types import ContainerChange, Patch, Target
from upid.core.quantity import format_bytes, format_cpu
from upid.core.rightsizing import Ask

API_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "CronJob": "batch/v1",
}
"""Kinds whose template may change and that merge containers by name."""

Tree = dict[str, Any]  # an object of Kubernetes

_STEP = "  "
_PLAIN = re.compile(r"(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z][A-Za-z0-9./_-]*|"
                    r"[0-9]+(?:m|k|[KMGTPE]i?)")  # fmt: skip


def resources_patch(target: Target, changes: Sequence[ContainerChange]) -> Patch | None:
    """Return the change of requests and limits; None for a kind whose template cannot change.

    The manifest serves as a strategic merge patch and as a body for server-side apply: it names
    only the amounts that change, and containers by name.
    """
    if target.kind not in API_VERSIONS:
        return None
    spec = _templated(target, changes, lambda c: _changed(c.current, c.proposed))

    def specs() -> tuple[Tree, Tree]:
        before = _templated(target, changes, lambda c: _written(c.current))
        return before, _templated(target, changes, lambda c: _written(c.proposed))

    return _patch(target, spec, specs)


def sleep_patch(target: Target, replicas: int | None) -> Patch | None:
    """Return the change that puts an idle workload to sleep; None for a kind that cannot."""
    if target.kind == "CronJob":
        return _patch(target, {"suspend": True}, lambda: ({"suspend": False}, {"suspend": True}))
    if target.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        before: Tree = {"replicas": 1 if replicas is None else replicas}
        return _patch(target, {"replicas": 0}, lambda: (before, {"replicas": 0}))
    return None


def written(ask: Ask) -> Mapping[str, Mapping[str, str]]:
    """Return requests and limits as a manifest writes them, absent amounts left out."""
    return {
        "requests": _amounts(ask.cpu_request, ask.memory_request),
        "limits": _amounts(ask.cpu_limit, ask.memory_limit),
    }


def _amounts(cpu: float | None, memory: int | None) -> dict[str, str]:
    found = {} if cpu is None else {"cpu": format_cpu(cpu)}
    return found if memory is None else {**found, "memory": format_bytes(memory)}


def _changed(before: Ask, after: Ask) -> dict[str, dict[str, str]]:
    old, fresh = written(before), written(after)
    found = {
        part: {name: v for name, v in fresh[part].items() if old[part].get(name) != v}
        for part in fresh
    }
    return {part: amounts for part, amounts in found.items() if amounts}


def _written(ask: Ask) -> dict[str, dict[str, str]]:
    return {part: dict(amounts) for part, amounts in written(ask).items() if amounts}


def _templated(
    target: Target,
    changes: Sequence[ContainerChange],
    resources: Callable[[ContainerChange], Tree],
) -> Tree:
    """Return a spec with only the containers that change, and of those only their resources."""
    lists = {"containers": False, "initContainers": True}  # sidecars stand among the latter
    pod: Tree = {
        name: [
            {"name": change.name, "resources": resources(change)}
            for change in changes
            if change.sidecar is sidecar
        ]
        for name, sidecar in lists.items()
        if any(change.sidecar is sidecar for change in changes)
    }
    template: Tree = {"template": {"spec": pod}}
    return {"jobTemplate": {"spec": template}} if target.kind == "CronJob" else template


def _patch(target: Target, spec: Tree, specs: Callable[[], tuple[Tree, Tree]]) -> Patch:
    """Return the patch; `specs` returns the specs before and after, which the diff shows."""
    head: Tree = {
        "apiVersion": API_VERSIONS[target.kind],
        "kind": target.kind,
        "metadata": {"name": target.name, "namespace": target.namespace},
    }
    name = f"{target.kind.lower()}/{target.name}"
    body = json.dumps({"spec": spec}, separators=(",", ":"))
    command = f"kubectl patch {name} -n {target.namespace} --type=strategic -p '{body}'"

    def draw() -> str:
        before, after = specs()
        return difference(target, {**head, "spec": before}, {**head, "spec": after})

    return Patch({**head, "spec": spec}, command, draw)


def difference(target: Target, before: Tree, after: Tree | None) -> str:
    """Return a unified diff of two objects as YAML, as `kubectl diff` prints it, none left out.

    after  None where the object is deleted
    """
    where = f"{target.namespace}/" if target.namespace else ""
    name = f"{where}{target.kind.lower()}/{target.name}"
    live, advised = (list(_yaml(tree)) if tree else [] for tree in (before, after))
    lines = difflib.unified_diff(
        live, advised, f"live/{name}", f"advised/{name}", n=len(live), lineterm=""
    )
    return "\n".join(lines) + "\n"


def _yaml(tree: Tree, indent: str = "") -> Iterator[str]:
    """Yield a tree as lines of YAML, keys sorted and lists not indented, as kubectl writes it."""
    for key, value in sorted(tree.items()):
        if value == {}:
            yield f"{indent}{key}: {{}}"
        elif isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _yaml(value, indent + _STEP)
        elif isinstance(value, list):
            yield f"{indent}{key}:"
            for item in value:
                first, *rest = _yaml(item, indent + _STEP)
                yield f"{indent}- {first.removeprefix(indent + _STEP)}"
                yield from rest
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def _scalar(value: object) -> str:
    """Return a value as YAML: texts that would be read as something else in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if isinstance(value, str) and not _PLAIN.fullmatch(text):
        return json.dumps(text)
    return text
