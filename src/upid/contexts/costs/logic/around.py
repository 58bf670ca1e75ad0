"""What costs money beside nodes: volumes, load balancers and the control plane."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from upid.contexts.costs.logic.pricing import Ladder
from upid.contexts.costs.types import ControlPlaneCost, LoadBalancerCost, VolumeCost
from upid.core.allocation import GIB
from upid.core.explain import Unknown
from upid.core.money import MICROS
from upid.core.snapshot import Claim, Node, Pod, Service, Snapshot, Volume
from upid.core.window import HOUR, Window

_Claim = tuple[str, str]  # namespace, name


def provider_of(nodes: Sequence[Node]) -> str:
    """Return the cloud that most nodes are of."""
    counted = Counter(node.provider for node in nodes)
    return min(counted, key=lambda name: (-counted[name], name)) if counted else "unknown"


def price_volumes(
    inventory: Snapshot, pods: Sequence[Pod], span: Window, ladder: Ladder
) -> tuple[VolumeCost, ...]:
    """Return every volume's cost, and why nothing uses it where nothing does.

    pods  those that were there in the window. Claims whose volume is not among the objects count
    as volumes of their own size.
    """
    provider = provider_of(inventory.nodes)
    claims = {(c.namespace, c.name): c for c in inventory.claims}
    mounted = _mounts(pods)
    found = []
    for volume in sorted((*inventory.volumes, *_unseen(inventory)), key=lambda v: v.name):
        claim = volume.claim or ("", "")
        pod = mounted.get(claim)
        hours = _hours(volume.created, span)
        if not hours:
            continue
        price = ladder.volume(provider, volume.storage_class)
        found.append(
            VolumeCost(
                name=volume.name,
                namespace=claim[0],
                claim=claim[1],
                size=volume.size,
                storage_class=volume.storage_class,
                hours=hours,
                cost=round(price.hourly * MICROS * volume.size / GIB * hours),
                unused=_unused(volume, claims, pod),
                owner=pod.workload if pod else None,
                pod_uid=pod.uid if pod else "",
                price=price.source,
            )
        )
    return tuple(found)


def price_load_balancers(
    inventory: Snapshot, pods: Sequence[Pod], span: Window, ladder: Ladder
) -> tuple[LoadBalancerCost, ...]:
    """Return the cost of every Service of type LoadBalancer, and whether pods stand behind it."""
    price = ladder.load_balancer(provider_of(inventory.nodes))
    found = []
    neighbours: dict[str, list[Pod]] = {}
    for pod in pods:
        neighbours.setdefault(pod.namespace, []).append(pod)
    for service in sorted(inventory.services, key=lambda s: (s.namespace, s.name)):
        hours = _hours(service.created, span)
        if service.kind != "LoadBalancer" or not hours:
            continue
        behind = _behind(service, neighbours.get(service.namespace, ()))
        owners = sorted({pod.workload for pod in behind})
        no_selector = Unknown("its Service selects no pods by label")
        found.append(
            LoadBalancerCost(
                namespace=service.namespace,
                name=service.name,
                hours=hours,
                cost=round(price.hourly * MICROS * hours),
                backed=bool(behind) if service.selector else no_selector,
                owner=owners[0] if len(owners) == 1 else None,
                price=price.source,
            )
        )
    return tuple(found)


def price_control_plane(distribution: str, span: Window, ladder: Ladder) -> ControlPlaneCost | None:
    """Return the fee for a managed control plane, None where none is known of."""
    price = ladder.control_plane(distribution)
    if price is None:
        return None
    return ControlPlaneCost(span.hours, round(price.hourly * MICROS * span.hours), price.source)


def _hours(created: datetime | None, span: Window) -> float:
    """Return for how long of the window a thing was there that was never seen to end."""
    begin = max(created or span.start, span.start)
    return max(0.0, (span.end - begin).total_seconds() / HOUR)


def _mounts(pods: Sequence[Pod]) -> dict[_Claim, Pod]:
    """Return the youngest pod that mounts each claim."""
    ordered = sorted(pods, key=lambda p: (p.created, p.namespace, p.name, p.uid))
    return {(pod.namespace, name): pod for pod in ordered for name in pod.claims}


def _unseen(inventory: Snapshot) -> tuple[Volume, ...]:
    """Return bound claims whose volumes are not among the objects, as volumes."""
    names = {volume.name for volume in inventory.volumes}
    held = {volume.claim for volume in inventory.volumes}
    return tuple(
        Volume(
            claim.volume or f"{claim.namespace}/{claim.name}",
            claim.size,
            claim.storage_class,
            claim=(claim.namespace, claim.name),
            created=claim.created,
        )
        for claim in inventory.claims
        if claim.phase == "Bound"
        and claim.volume not in names
        and (claim.namespace, claim.name) not in held
    )


def _unused(volume: Volume, claims: Mapping[_Claim, Claim], pod: Pod | None) -> str:
    if pod is not None:
        return ""
    if volume.claim is None:
        return "no claim holds it"
    if volume.phase == "Released" or (claims and volume.claim not in claims):
        return "the claim that held it is gone"
    return "no pod mounts its claim"


def _behind(service: Service, pods: Sequence[Pod]) -> list[Pod]:
    """Return the pods of its namespace that a Service selected at some time in the window."""
    wanted = service.selector.items()
    if not wanted:
        return []
    return [pod for pod in pods if wanted <= pod.labels.items()]
