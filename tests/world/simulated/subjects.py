"""What random histories do with objects of each kind: contents, changes, and mistakes."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.world.simulated.answers import Object
from tests.world.simulated.kinds import CONFIG_MAP, DEPLOYMENT, POD_DISRUPTION_BUDGET, Kind

_FEW = 3  # different values of a field, so that many writes change nothing


@dataclass(frozen=True)
class Subject:
    """A kind as histories use it.

    content   what an object holds apart from metadata, for a number
    changes   merge patches of the content, for a number
    mistakes  contents that are refused
    status    statuses for a write of the status, for a number; nothing without a status
    """

    kind: Kind
    content: Callable[[int], Object]
    changes: Callable[[int], list[Object]]
    mistakes: list[Object]
    status: Callable[[int], list[Object]] = lambda _number: []

    def number(self, chance: Random) -> int:
        """Return a number for the callables."""
        return chance.randrange(_FEW)


def _config_changes(number: int) -> list[Object]:
    return [
        {"data": {"k": str(number)}},
        {"data": {f"k{number}": "v"}},
        {"data": {f"k{number}": None}},
        {"data": None},
        {"data": {}},
        {"data": {"bad key": "v"}},
        {"data": {"k": number}},
        {"unknown": number},
    ]


def _budget(number: int) -> Object:
    return {"spec": {"minAvailable": number, "selector": {"matchLabels": {"app": "a"}}}}


def _budget_changes(number: int) -> list[Object]:
    return [
        {"spec": {"minAvailable": number}},
        {"spec": {"minAvailable": number, "maxUnavailable": None}},
        {"spec": {"minAvailable": None, "maxUnavailable": f"{number}0%"}},
        {"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow" if number else None}},
        {"spec": {"maxUnavailable": -number}},
        {"spec": None},
        {"status": {"currentHealthy": number}},
    ]


def _budget_statuses(number: int) -> list[Object]:
    return [{"currentHealthy": number}, {"expectedPods": number - 1}, {"currentHealthy": None}]


def _template(number: int) -> Object:
    container = {"name": "c", "image": f"registry.local/app:{number}"}
    if number:
        container["resources"] = {"requests": {"cpu": f"{number}00m", "memory": "64Mi"}}  # type: ignore[assignment]
    return {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}


def _deployment(number: int) -> Object:
    selector = {"matchLabels": {"app": "a"}}
    return {"spec": {"replicas": number, "selector": selector, "template": _template(number)}}


def _deployment_changes(number: int) -> list[Object]:
    return [
        {"spec": {"replicas": number}},
        {"spec": {"replicas": None}},
        {"spec": {"template": _template(number)}},
        {"spec": {"paused": bool(number)}},
        {"spec": {"minReadySeconds": number}},
        {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
        {"spec": {"strategy": {"type": "Recreate"}}},
        {"spec": {"strategy": None}},
        {"spec": {"strategy": {"rollingUpdate": {"maxSurge": number + 1}}}},
        {"spec": {"replicas": -number}},
        {"spec": {"selector": {"matchLabels": {"app": "b"}}}},
        {"status": {"replicas": number}},
    ]


def _deployment_statuses(number: int) -> list[Object]:
    return [
        {"replicas": number, "observedGeneration": number},
        {"replicas": number, "readyReplicas": 1},
        {"replicas": None, "readyReplicas": None},
        {"conditions": [{"type": "Available", "status": "True"}]},
    ]


CONFIG_MAPS = Subject(
    CONFIG_MAP,
    lambda number: {"data": {"k": str(number)}} if number else {},
    _config_changes,
    [{"data": {"bad key": "v"}}, {"data": {"k": 1}}, {"data": []}],
)
BUDGETS = Subject(
    POD_DISRUPTION_BUDGET,
    _budget,
    _budget_changes,
    [{"spec": {"minAvailable": 1, "maxUnavailable": 1}}, {"spec": {"minAvailable": "5"}}],
    _budget_statuses,
)
DEPLOYMENTS = Subject(
    DEPLOYMENT,
    _deployment,
    _deployment_changes,
    [{"spec": {"replicas": 1}}, {"spec": _deployment(1)["spec"] | {"replicas": -1}}],
    _deployment_statuses,
)
SUBJECTS = (CONFIG_MAPS, BUDGETS, DEPLOYMENTS)
