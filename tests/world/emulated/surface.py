"""Which kinds a server of some version serves, and how it says so."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from tests.world.simulated.kinds import Kind

_VERBS = ["get", "list", "watch"]
_OLDEST_AGGREGATED, _STABLE = 27, 30  # aggregated discovery by default as v2beta1, and as v2
_FOREVER = 1000


def _free(name: str, plural: str, api_version: str) -> Kind:
    """Return a kind whose objects are as they are placed."""
    group, _, version = api_version.rpartition("/")
    return Kind(name, plural, group, version, dict, lambda _: False, lambda _, __: [])


# Kind, plural, group version, the first minor version of Kubernetes with it and the first without.
_HISTORY = (
    ("Node", "nodes", "v1", 0, _FOREVER),
    ("Namespace", "namespaces", "v1", 0, _FOREVER),
    ("Pod", "pods", "v1", 0, _FOREVER),
    ("Service", "services", "v1", 0, _FOREVER),
    ("PersistentVolume", "persistentvolumes", "v1", 0, _FOREVER),
    ("PersistentVolumeClaim", "persistentvolumeclaims", "v1", 0, _FOREVER),
    ("LimitRange", "limitranges", "v1", 0, _FOREVER),
    ("ResourceQuota", "resourcequotas", "v1", 0, _FOREVER),
    ("ReplicationController", "replicationcontrollers", "v1", 0, _FOREVER),
    ("ConfigMap", "configmaps", "v1", 0, _FOREVER),
    ("Secret", "secrets", "v1", 0, _FOREVER),
    ("Deployment", "deployments", "apps/v1", 9, _FOREVER),
    ("ReplicaSet", "replicasets", "apps/v1", 9, _FOREVER),
    ("StatefulSet", "statefulsets", "apps/v1", 9, _FOREVER),
    ("DaemonSet", "daemonsets", "apps/v1", 9, _FOREVER),
    ("Job", "jobs", "batch/v1", 0, _FOREVER),
    ("CronJob", "cronjobs", "batch/v1", 21, _FOREVER),
    ("CronJob", "cronjobs", "batch/v1beta1", 8, 25),
    ("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling/v2", 23, _FOREVER),
    ("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling/v2beta2", 12, 26),
    ("HorizontalPodAutoscaler", "horizontalpodautoscalers", "autoscaling/v1", 0, _FOREVER),
    ("PodDisruptionBudget", "poddisruptionbudgets", "policy/v1", 21, _FOREVER),
    ("PodDisruptionBudget", "poddisruptionbudgets", "policy/v1beta1", 5, 25),
)
CLUSTER_WIDE = frozenset({"nodes", "namespaces", "persistentvolumes"})


def kinds(minor: int, without: Collection[str] = ()) -> tuple[Kind, ...]:
    """Return the kinds of a minor version of Kubernetes 1, in its order of preference.

    without  group versions that this server has switched off (`--runtime-config`)
    """
    return tuple(
        _free(name, plural, version)
        for name, plural, version, first, gone in _HISTORY
        if first <= minor < gone and version not in without
    )


def documents(
    minor: int, served: Collection[Kind], *, metrics: bool
) -> Mapping[tuple[str, bool], tuple[bytes, str]]:
    """Return discovery's answers: (path, whether aggregated was asked for) → body, content type."""
    groups = _groups(served, metrics=metrics)
    found: dict[tuple[str, bool], tuple[bytes, str]] = {}
    plain = "application/json"
    versions = [version for group, version in groups if not group]
    names = list(dict.fromkeys(group for group, _ in groups if group))
    every = [_group(name, [v for g, v in groups if g == name]) for name in names]
    found["/api", False] = _encoded({"kind": "APIVersions", "versions": versions}), plain
    found["/apis", False] = _encoded({"kind": "APIGroupList", "groups": every}), plain
    for (group, version), resources in groups.items():
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        body = {"kind": "APIResourceList", "groupVersion": path[6:], "resources": resources}
        found[path, False] = _encoded(body), plain
    if minor >= _OLDEST_AGGREGATED:
        form = "v2" if minor >= _STABLE else "v2beta1"
        kind = f"application/json;g=apidiscovery.k8s.io;v={form};as=APIGroupDiscoveryList"
        for path, chosen in (("/api", [""]), ("/apis", names)):
            items = [_aggregated(name, groups) for name in chosen]
            body = {"kind": "APIGroupDiscoveryList", "items": items}
            found[path, True] = _encoded(body), kind
    return found


def _groups(
    served: Collection[Kind], *, metrics: bool
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for kind in served:
        one = {
            "name": kind.plural,
            "kind": kind.name,
            "namespaced": kind.plural not in CLUSTER_WIDE,
            "verbs": _VERBS,
        }
        groups.setdefault((kind.group, kind.version), []).append(one)
    if metrics:
        groups["metrics.k8s.io", "v1beta1"] = [
            {"name": "nodes", "kind": "NodeMetrics", "namespaced": False, "verbs": _VERBS[:2]},
            {"name": "pods", "kind": "PodMetrics", "namespaced": True, "verbs": _VERBS[:2]},
        ]
    return groups


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{one}", "version": one} for one in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _aggregated(
    name: str, groups: Mapping[tuple[str, str], list[dict[str, Any]]]
) -> dict[str, Any]:
    versions = [
        {
            "version": version,
            "freshness": "Current",
            "resources": [
                {
                    "resource": one["name"],
                    "responseKind": {"group": group, "version": version, "kind": one["kind"]},
                    "scope": "Namespaced" if one["namespaced"] else "Cluster",
                    "verbs": one["verbs"],
                }
                for one in resources
            ],
        }
        for (group, version), resources in groups.items()
        if group == name
    ]
    return {"metadata": {"name": name}, "versions": versions}


def _encoded(body: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"apiVersion": "v1", **body})
