"""What the API server itself does to a Deployment: defaults and checks; no controller runs here.

Defaults follow k8s.io/kubernetes pkg/apis/{apps,core}/v1/defaults.go for the fields that tests use:
one or more plain containers. Quantities must come in canonical form ("100m", not "0.1").
"""

from collections.abc import Mapping
from typing import Any

from tests.world.simulated.answers import Cause, Json, Object

BLANK: Object = {
    "spec": {
        "replicas": 0,
        "selector": None,
        "template": {"metadata": {}, "spec": {"containers": None}},
        "strategy": {},
    },
    "status": {},
}
_POD_DEFAULTS: Object = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER_DEFAULTS: Object = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_ROLLING: Object = {"maxUnavailable": "25%", "maxSurge": "25%"}
_SPEC_DEFAULTS: Object = {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
_EMPTY_KEPT = {"securityContext", "resources", "emptyDir"}  # pointers and structs: {} stays
_ZERO_KEPT = {"replicas", "revisionHistoryLimit", "progressDeadlineSeconds", "maxUnavailable"}
_AT_LEAST_ZERO = "must be greater than or equal to 0"
_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
_OTHER_COUNTS = ("observedGeneration", "unavailableReplicas", "terminatingReplicas")


def clean(body: Mapping[str, Any]) -> Object:
    """Return the spec with the defaults that the API server fills in."""
    spec = dict(_pruned(body.get("spec") or {}))
    for name, value in _SPEC_DEFAULTS.items():
        if spec.get(name) is None:
            spec[name] = value
    strategy = dict(spec.get("strategy") or {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = _ROLLING | (strategy.get("rollingUpdate") or {})
    template = spec.get("template") or {}
    pod = _POD_DEFAULTS | (template.get("spec") or {})
    if "containers" in pod:
        pod["containers"] = [_container(each) for each in pod["containers"]]
    spec["strategy"] = strategy
    spec["template"] = {"metadata": template.get("metadata") or {}, "spec": pod}
    return {"spec": spec}


def _container(given: Mapping[str, Any]) -> Object:
    image = given.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    policy = "Always" if tag in {"", "latest"} and "@" not in image else "IfNotPresent"
    return {**_CONTAINER_DEFAULTS, "imagePullPolicy": policy, **given}


def _pruned(value: Json, name: str = "") -> Json:
    """Return a value without what Go's omitempty leaves out."""
    if isinstance(value, dict):
        found = {key: _pruned(inner, key) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if not _empty(key, inner)}
    if isinstance(value, list):
        return [_pruned(inner, name) for inner in value]
    return value


def _empty(name: str, value: Json) -> bool:
    if value is None:
        return True
    if isinstance(value, dict):
        return not value and name not in _EMPTY_KEPT
    return not value and name not in _ZERO_KEPT


def mistyped(body: Mapping[str, Any]) -> bool:
    """Return whether the server could not decode it."""
    spec, status = body.get("spec"), body.get("status")
    if not isinstance(spec or {}, dict) or not isinstance(status or {}, dict):
        return True
    replicas = (spec or {}).get("replicas", 0)
    return isinstance(replicas, bool) or not isinstance(replicas, int | None)


def causes(found: Object, stored: Object | None) -> list[Cause]:
    """Return what is wrong with a Deployment, `stored` being what it would replace."""
    spec = found["spec"]
    wrong: list[Cause] = []
    if spec["replicas"] < 0:
        wrong.append(Cause.invalid("spec.replicas", spec["replicas"], _AT_LEAST_ZERO))
    selector = spec.get("selector")
    if selector is None:
        wrong.append(Cause.required("spec.selector"))
    labels = spec["template"]["metadata"].get("labels")
    wanted = (selector or {}).get("matchLabels", {})
    if selector is None or not wanted.items() <= (labels or {}).items():
        why = "`selector` does not match template `labels`"
        wrong.append(Cause.invalid("spec.template.metadata.labels", labels, why))
    if not spec["template"]["spec"].get("containers"):
        wrong.append(Cause.required("spec.template.spec.containers"))
    strategy = spec["strategy"]
    if strategy["type"] == "Recreate" and "rollingUpdate" in strategy:
        why = "may not be specified when strategy `type` is 'Recreate'"
        wrong.append(Cause.forbidden("spec.strategy.rollingUpdate", why))
    if stored is not None and stored["spec"].get("selector") != selector:
        wrong.append(Cause.invalid("spec.selector", selector, "field is immutable"))
    return wrong


def clean_status(status: Mapping[str, Any]) -> Object:
    """Return a status without empty fields; conditions without times get null ones."""
    kept = {name: value for name, value in status.items() if value}
    if "conditions" in kept:
        times = {"lastUpdateTime": None, "lastTransitionTime": None}
        kept["conditions"] = [times | condition for condition in kept["conditions"]]
    return kept


def status_causes(status: Object) -> list[Cause]:
    """Return what is wrong with a status."""
    wrong = [
        Cause.invalid(f"status.{name}", status[name], _AT_LEAST_ZERO)
        for name in (*_OTHER_COUNTS, *_COUNTS)
        if status.get(name, 0) < 0
    ]
    ready, available = status.get("readyReplicas", 0), status.get("availableReplicas", 0)
    for name in _COUNTS[1:]:
        if status.get(name, 0) > status.get("replicas", 0):
            why = "cannot be greater than status.replicas"
            wrong.append(Cause.invalid(f"status.{name}", status[name], why))
    if available > ready:
        why = "cannot be greater than readyReplicas"
        wrong.append(Cause.invalid("status.availableReplicas", available, why))
    return wrong
