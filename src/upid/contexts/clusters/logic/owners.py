"""Finds the workload that a person owns behind each pod."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from upid.contexts.clusters.logic import manifests as m
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import WorkloadKey

Versions = Mapping[str, Mapping[str, Sequence[tuple[ObjectVersion, msgspec.Struct]]]]
"""Kind → uid → the versions of one object, oldest first."""

KINDS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "DeploymentConfig",
    "Rollout",
)
_HASHES = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
_DEPTH = 8  # owners above one another; no real chain is longer, a cycle would be
_CRON_SUFFIX = re.compile(r"-\d{8,10}$")  # the scheduled minute, which the CronJob controller adds
_NODE_OWNED = "Node"  # owner of static (mirror) pods


class Owners:
    """Who owns whom, by uid."""

    def __init__(self, parents: Mapping[str, m.Owner | None]) -> None:
        self._parents = parents

    def of_pod(self, meta: m.Metadata) -> WorkloadKey:
        """Return the topmost owner of a pod that can be reached; itself when it has none."""
        namespace = meta.namespace or ""
        owner = controller(meta)
        if owner is None or owner.kind == _NODE_OWNED:
            return WorkloadKey(namespace, "Pod", meta.name)
        for _ in range(_DEPTH):
            above = self._parents.get(owner.uid)
            if above is None:
                break
            owner = above
        return _guessed(namespace, owner, meta.labels or {})


def owners(versions: Versions) -> Owners:
    """Return who owns whom among the workload objects."""
    return Owners(
        {
            uid: controller(found[-1][1].metadata)
            for kind in KINDS
            for uid, found in versions.get(kind, {}).items()
            if isinstance(found[-1][1], m.WorkloadObject)
        }
    )


def controller(meta: m.Metadata) -> m.Owner | None:
    """Return the owner that controls an object, or its only one."""
    references = meta.owner_references or []
    for owner in references:
        if owner.controller:
            return owner
    return references[0] if len(references) == 1 else None


def _guessed(namespace: str, owner: m.Owner, labels: Mapping[str, str]) -> WorkloadKey:
    """Name the owner; where its own object could not be read, its name tells who made it."""
    if owner.kind == "ReplicaSet":
        for label, kind in _HASHES.items():
            suffix = f"-{labels[label]}" if label in labels else ""
            if suffix and owner.name.endswith(suffix):
                return WorkloadKey(namespace, kind, owner.name.removesuffix(suffix))
    if owner.kind == "Job" and _CRON_SUFFIX.search(owner.name):
        return WorkloadKey(namespace, "CronJob", _CRON_SUFFIX.sub("", owner.name))
    return WorkloadKey(namespace, owner.kind, owner.name)
