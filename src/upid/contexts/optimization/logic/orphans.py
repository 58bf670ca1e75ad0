"""What costs money and serves nobody: volumes that no pod mounts, load balancers without pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from upid.contexts.costs import Allocation, LoadBalancerCost, VolumeCost
from upid.contexts.optimization.logic import judging, risk, wording
from upid.contexts.optimization.patch import difference
from upid.contexts.optimization.types import (
    AdviceType,
    Code,
    LeftAlone,
    Patch,
    Recommendation,
    Saving,
    Target,
)
from upid.core.quantity import format_bytes
from upid.core.snapshot import Snapshot
from upid.core.window import Window

_LEAST = timedelta(hours=24)  # what is younger may still be waiting for its pods
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_DESTRUCTIVE = "destructive: take a snapshot first, and see that it can be restored"
_RETAINED = (
    "with the reclaim policy Retain the disk outlives its PersistentVolume and is billed on: "
    "delete it at the provider too"
)

# Confidence: what was unused for a week and more is unused; a day says less. Our judgement.
_SURE_FROM, _SURE_A_DAY, _SURE_MOST = 60, 5, 95
_VOLUME_MINUTES, _BALANCER_MINUTES = 20, 10  # our estimates; the volume wants a copy first


@dataclass(frozen=True, slots=True)
class _Loss:
    """What something unused costs over the window, and what taking it away means."""

    micros: int
    hours: float
    destroys: bool
    minutes: int
    command: str
    evidence: Mapping[str, float | int | str | None]
    notes: tuple[str, ...]


def orphans(
    inventory: Snapshot, allocation: Allocation, span: Window
) -> tuple[list[Recommendation], list[LeftAlone]]:
    """Return advice on what nobody uses, ids left to the caller, and what was left alone."""
    found: list[Recommendation] = []
    left: list[LeftAlone] = []
    volumes = {v.name: v for v in inventory.volumes}
    silent = _opted_out(inventory)
    for cost in allocation.volumes:
        if not cost.unused or not cost.cost:
            continue
        target = _of_volume(cost, inventory)
        age = _age(cost.hours)
        if silent.get((cost.namespace, cost.claim)):
            left.append(LeftAlone(target, Code.OPTED_OUT, "it asks to be left alone"))
        elif age < _LEAST:
            left.append(LeftAlone(target, Code.TOO_LITTLE_DATA, "it is younger than a day"))
        else:
            phase = volumes[cost.name].phase if cost.name in volumes else ""
            found.append(_volume(cost, target, phase, allocation, span))
    for balancer in allocation.load_balancers:
        target = Target(balancer.namespace, "Service", balancer.name)
        if balancer.backed is not False or not balancer.cost:
            continue
        if _age(balancer.hours) < _LEAST:
            left.append(LeftAlone(target, Code.TOO_LITTLE_DATA, "it is younger than a day"))
        else:
            found.append(_balancer(balancer, target, allocation, span))
    return found, left


def _age(hours: float) -> timedelta:
    return timedelta(hours=hours)


def _sure(hours: float) -> int:
    return min(_SURE_MOST, _SURE_FROM + round(_SURE_A_DAY * hours * _HOUR / _DAY))


def _of_volume(cost: VolumeCost, inventory: Snapshot) -> Target:
    """Return what to delete: the claim while there is one, else the volume that it left behind.

    Such a volume keeps the namespace of its claim, where it is found by those who made it.
    """
    if any((c.namespace, c.name) == (cost.namespace, cost.claim) for c in inventory.claims):
        return Target(cost.namespace, "PersistentVolumeClaim", cost.claim)
    return Target(cost.namespace, "PersistentVolume", cost.name)


def _opted_out(inventory: Snapshot) -> Mapping[tuple[str, str], bool]:
    """Return which claims ask to be left alone, by the labels of their volumes (SAF-4)."""
    return {
        v.claim: v.labels.get("upid.io/ignore", "").lower() == "true"
        for v in inventory.volumes
        if v.claim is not None
    }


def _volume(
    cost: VolumeCost, target: Target, phase: str, allocation: Allocation, span: Window
) -> Recommendation:
    claimed = target.kind == "PersistentVolumeClaim"
    where = f" -n {target.namespace}" if claimed else ""
    word = "pvc" if claimed else "pv"
    size = format_bytes(cost.size)
    loss = _Loss(
        cost.cost,
        cost.hours,
        True,  # noqa: FBT003 - it destroys
        _VOLUME_MINUTES,
        f"kubectl delete {word} {target.name}{where}",
        {
            "size_bytes": cost.size,
            "storage_class": cost.storage_class,
            "phase": phase,
            "unused": cost.unused,
            "hours": round(cost.hours, 2),
        },
        (_DESTRUCTIVE, *(() if claimed else (_RETAINED,))),
    )
    kind = cost.storage_class or "storage"
    gone = f"the claim {cost.claim!r} that held it is gone" if cost.claim else cost.unused
    days = cost.hours * _HOUR / _DAY
    why = (
        f"{size} of {kind} have been paid for and used by nothing for {days:.0f} days: "
        f"{cost.unused if claimed else gone}"
    )
    action = f"take a snapshot, then delete the {target.kind}"
    return _advice(target, action, why, loss, allocation, span)


def _balancer(
    cost: LoadBalancerCost, target: Target, allocation: Allocation, span: Window
) -> Recommendation:
    loss = _Loss(
        cost.cost,
        cost.hours,
        False,  # noqa: FBT003 - nothing is destroyed
        _BALANCER_MINUTES,
        f"kubectl delete service {target.name} -n {target.namespace}",
        {"hours": round(cost.hours, 2), "ready_pods": 0},
        ("destructive: the address does not come back; take DNS names off it first",),
    )
    action = "delete the Service, or make it ClusterIP, so that its load balancer goes away"
    days = cost.hours * _HOUR / _DAY
    why = (
        f"its load balancer has been paid for {days:.0f} days by the hour, and no ready pod "
        "matches its selector"
    )
    return _advice(target, action, why, loss, allocation, span)


def _advice(
    target: Target, action: str, why: str, loss: _Loss, allocation: Allocation, span: Window
) -> Recommendation:
    metadata = {"name": target.name}
    if target.namespace and target.kind != "PersistentVolume":
        metadata["namespace"] = target.namespace
    lost = {"apiVersion": "v1", "kind": target.kind, "metadata": metadata}
    judgement = risk.orphaned(loss.hours * _HOUR / _DAY, destroys=loss.destroys)
    saving, sure = Saving.over(loss.micros, allocation.hours), _sure(loss.hours)
    return Recommendation(
        id="",
        type=AdviceType.COST,
        target=target,
        action=action,
        reason=why,
        saving=saving,
        realised=wording.REALISED_AT_ONCE,
        confidence=sure,
        confidence_parts={"unused": float(sure)},
        risk=judgement.risk,
        risk_parts=judgement.parts,
        effort_minutes=loss.minutes,
        apply_by="kubectl",
        priority=judging.priority(sure, saving.month),
        expires=span.end,
        evidence=loss.evidence,
        notes=loss.notes,
        patch=Patch(None, loss.command, partial(difference, target, lost, None)),
    )
