"""The kinds of objects that the server knows, and what each does with a write."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.world.simulated import deployments
from tests.world.simulated.answers import About, Cause, Object

_CONFIG_KEY = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
_CONFIG_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', "
    " or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or"
    " '93%', regex used for validation is '[0-9]+%')"
)
_AT_LEAST_ZERO = "must be greater than or equal to 0"
_BUDGET_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
_UNHEALTHY = ("AlwaysAllow", "IfHealthyBudget")


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    clean            a body's fields apart from metadata: known ones, with defaults, empties dropped
    mistyped         whether a field has a type that the server cannot decode
    causes           what is wrong with a whole object on create and update
    status_causes    likewise for a write of the status
    counts           whether `metadata.generation` counts changes of the spec
    counts_notes     whether it counts changes of annotations too, as for Deployments
    status_labels    whether a write of the status may change labels
    unconditional    whether an update without resourceVersion is taken
    strict           whether names and finalizers are held to the core kinds' rules
    blank            what an object of no content has in a bookmark
    """

    name: str
    plural: str
    group: str
    version: str
    clean: Callable[[Mapping[str, Any]], Object]
    mistyped: Callable[[Mapping[str, Any]], bool]
    causes: Callable[[Object, Object | None], list[Cause]]
    first_status: Object | None = None
    status_causes: Callable[[Object], list[Cause]] = lambda _status: []
    clean_status: Callable[[Mapping[str, Any]], Object] = dict
    counts: bool = False
    counts_notes: bool = False
    status_labels: bool = True
    unconditional: bool = True
    strict: bool = True
    blank: Object = field(default_factory=dict)

    @property
    def api_version(self) -> str:
        """Return what objects have as apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Return the path below which the kind is served, such as `/apis/apps/v1`."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of a namespace's objects, or of one of them."""
        collection = f"{self.root}/namespaces/{namespace}/{self.plural}"
        return f"{collection}/{name}" if name else collection

    def about(self, name: str) -> About:
        """Return whom most refusals are about: the plural."""
        return About(name, self.group, self.plural)

    def about_kind(self, name: str) -> About:
        """Return whom refusals of an object's content are about: the kind."""
        return About(name, self.group, self.name)


def _clean_config(body: Mapping[str, Any]) -> Object:
    return {name: body[name] for name in ("data", "binaryData", "immutable") if body.get(name)}


def _config_mistyped(body: Mapping[str, Any]) -> bool:
    held = body.get("data")
    if held is None:
        return False
    return not isinstance(held, dict) or any(not isinstance(v, str) for v in held.values())


def _config_causes(found: Object, stored: Object | None) -> list[Cause]:
    return [
        Cause.invalid(f"data[{key}]", key, _CONFIG_RULE)
        for key in sorted(found.get("data", {}))
        if not key or key.strip(_CONFIG_KEY)
    ]


CONFIG_MAP = Kind(
    "ConfigMap", "configmaps", "", "v1", _clean_config, _config_mistyped, _config_causes
)


def _clean_budget(body: Mapping[str, Any]) -> Object:
    spec = body.get("spec") or {}
    names = ("minAvailable", "selector", "maxUnavailable", "unhealthyPodEvictionPolicy")
    return {"spec": {name: spec[name] for name in names if spec.get(name) is not None}}


def _budget_mistyped(body: Mapping[str, Any]) -> bool:
    spec, status = body.get("spec") or {}, body.get("status") or {}
    if not isinstance(spec, dict) or not isinstance(status, dict):
        return True
    amounts = (spec.get("minAvailable"), spec.get("maxUnavailable"))
    wrong = any(isinstance(amount, float | bool | dict | list) for amount in amounts)
    return wrong or any(not isinstance(status.get(name) or 0, int) for name in _BUDGET_COUNTS)


def _budget_causes(found: Object, stored: Object | None) -> list[Cause]:
    spec = found["spec"]
    causes: list[Cause] = []
    if "minAvailable" in spec and "maxUnavailable" in spec:
        shown = {
            "MinAvailable": spec["minAvailable"],
            "Selector": spec.get("selector"),
            "MaxUnavailable": spec["maxUnavailable"],
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }
        why = "minAvailable and maxUnavailable cannot be both set"
        causes.append(Cause.invalid("spec", shown, why))
    for name in ("minAvailable", "maxUnavailable"):
        if name in spec:
            causes += _amount_causes(f"spec.{name}", spec[name])
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _UNHEALTHY:
        place = "spec.unhealthyPodEvictionPolicy"
        causes.append(Cause.unsupported(place, policy, _UNHEALTHY))
    return causes


def _amount_causes(place: str, amount: int | str) -> list[Cause]:
    if isinstance(amount, int):
        return [Cause.invalid(place, amount, _AT_LEAST_ZERO)] if amount < 0 else []
    if not amount.endswith("%") or not amount[:-1].isdigit():
        return [Cause.invalid(place, amount, _PERCENT_RULE)]
    if int(amount[:-1]) > 100:
        return [Cause.invalid(place, amount, "must not be greater than 100%")]
    return []


def _budget_status(status: Mapping[str, Any]) -> Object:
    kept = {name: value for name, value in status.items() if value}
    return kept | {name: status.get(name) or 0 for name in _BUDGET_COUNTS}


def _budget_status_causes(status: Object) -> list[Cause]:
    return [
        Cause.invalid(f"status.{name}", status[name], _AT_LEAST_ZERO)
        for name in _BUDGET_COUNTS
        if status[name] < 0
    ]


POD_DISRUPTION_BUDGET = Kind(
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    "policy",
    "v1",
    _clean_budget,
    _budget_mistyped,
    _budget_causes,
    first_status=_budget_status({}),
    status_causes=_budget_status_causes,
    clean_status=_budget_status,
    counts=True,
    unconditional=False,
    strict=False,
    blank={"spec": {}, "status": _budget_status({})},
)

DEPLOYMENT = Kind(
    "Deployment",
    "deployments",
    "apps",
    "v1",
    deployments.clean,
    deployments.mistyped,
    deployments.causes,
    first_status={},
    status_causes=deployments.status_causes,
    clean_status=deployments.clean_status,
    counts=True,
    counts_notes=True,
    status_labels=False,
    blank=deployments.BLANK,
)

KINDS = (CONFIG_MAP, POD_DISRUPTION_BUDGET, DEPLOYMENT)
