"""The exact change: a manifest of only the changed fields, its diff, and what to type."""

import difflib
import json
from collections.abc import Mapping, Sequence

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

Tree = dict[str, object]


def resources_patch(target: Target, changes: Sequence[ContainerChange]) -> Patch | None:
    """Return the change of requests and limits; None for a kind whose template cannot change.

    The manifest serves as a strategic merge patch and as a body for server-side apply: it names
    only the amounts that change, and containers by name.
    """
    if target.kind not in API_VERSIONS:
        return None
    lists = {"containers": False, "initContainers": True}  # sidecars stand among the latter
    pod: Tree = {
        name: [
            {"name": change.name, "resources": _changed(change.current, change.proposed)}
            for change in changes
            if change.sidecar is sidecar
        ]
        for name, sidecar in lists.items()
        if any(change.sidecar is sidecar for change in changes)
    }
    template: Tree = {"template": {"spec": pod}}
    spec: Tree = {"jobTemplate": {"spec": template}} if target.kind == "CronJob" else template
    before = [line for c in changes for line in _lines(c.name, c.current)]
    after = [line for c in changes for line in _lines(c.name, c.proposed)]
    return _patch(target, spec, before, after)


def sleep_patch(target: Target, replicas: int | None) -> Patch | None:
    """Return the change that puts an idle workload to sleep; None for a kind that cannot."""
    if target.kind == "CronJob":
        return _patch(target, {"suspend": True}, ["  suspend: false"], ["  suspend: true"])
    if target.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        before = [f"  replicas: {1 if replicas is None else replicas}"]
        return _patch(target, {"replicas": 0}, before, ["  replicas: 0"])
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


def _lines(name: str, ask: Ask) -> list[str]:
    found = [f"      - name: {name}", "        resources:"]
    for part, amounts in written(ask).items():
        if amounts:
            found.append(f"          {part}:")
            found += [f"            {key}: {value}" for key, value in amounts.items()]
    return found


def _patch(target: Target, spec: Tree, before: Sequence[str], after: Sequence[str]) -> Patch:
    manifest: Tree = {
        "apiVersion": API_VERSIONS[target.kind],
        "kind": target.kind,
        "metadata": {"name": target.name, "namespace": target.namespace},
        "spec": spec,
    }
    name = f"{target.kind.lower()}/{target.name}"
    diff = difflib.unified_diff(
        before, after, f"live/{target.namespace}/{name}", f"advised/{target.namespace}/{name}",
        n=len(before) + len(after), lineterm="",
    )  # fmt: skip
    body = json.dumps({"spec": spec}, separators=(",", ":"))
    command = f"kubectl patch {name} -n {target.namespace} --type=strategic -p '{body}'"
    return Patch(manifest, "\n".join(diff) + "\n", command)
