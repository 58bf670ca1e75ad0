"""Puts an allocation together: inventory, usage and prices in, bills that add up out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from upid.contexts.costs.logic.around import (
    price_control_plane,
    price_load_balancers,
    price_volumes,
)
from upid.contexts.costs.logic.demand import (
    Layout,
    Usage,
    hours_of,
    lay_out,
    life,
    presence,
)
from upid.contexts.costs.logic.pricing import Ladder, Priced, currency_of
from upid.contexts.costs.types import Allocation, NodeCost, VolumeCost
from upid.core.allocation import (
    CPU,
    GPU,
    MEMORY,
    Basis,
    Machines,
    Model,
    Shares,
    Sharing,
    allocate,
    model_weights,
)
from upid.core.explain import Unknown
from upid.core.money import MICROS
from upid.core.panel import Floats
from upid.core.ports.cluster_source import PriceSheet, SourceFacts
from upid.core.ports.prices import PriceKind, PriceList
from upid.core.snapshot import Node, Snapshot
from upid.core.window import Window


@dataclass(frozen=True, slots=True)
class Rules:
    """By which rules bills are divided (COST-1)."""

    model: Model
    basis: Basis
    sharing: Sharing
    cpu_weight: float
    memory_weight: float


def allocation_of(
    facts: SourceFacts,
    inventory: Snapshot,
    span: Window,
    usage: Usage,
    sheet: PriceSheet | None,
    prices: PriceList,
    rules: Rules,
) -> Allocation:
    """Return what a cluster cost over `span`, and who it was for."""
    nodes = _within(inventory.nodes, span)
    ladder = Ladder(sheet, prices, currency_of(sheet, prices, nodes, facts.currency))
    priced = [ladder.node(node) for node in nodes]
    layout = lay_out(inventory.pods, nodes, span, usage)
    machines = _machines(nodes, priced, span)
    weights = model_weights(
        machines.capacity,
        rules.model,
        cpu=rules.cpu_weight,
        memory=rules.memory_weight,
        rates=_rates(nodes, prices),
    )
    shares = allocate(layout.demand, machines, weights, basis=rules.basis, sharing=rules.sharing)
    uids = {row.pod_uid for row in layout.rows}
    pods = [pod for pod in inventory.pods if pod.uid in uids]
    volumes = price_volumes(inventory, pods, span, ladder)
    costs = _node_costs(nodes, priced, machines, shares)
    return Allocation(
        cluster_id=facts.id,
        cluster_name=facts.name,
        window=span,
        hours=span.hours,
        currency=ladder.currency,
        model=rules.model,
        basis=rules.basis,
        sharing=rules.sharing,
        containers=layout.rows,
        nodes=costs,
        volumes=volumes,
        load_balancers=price_load_balancers(inventory, pods, span, ladder),
        control_plane=price_control_plane(inventory.provider, span, ladder),
        coverage=_coverage(shares),
        notes=_notes(layout, costs, volumes, shares),
        shares=shares,
        rows={(row.pod_uid, row.container): i for i, row in enumerate(layout.rows)},
    )


def _within(nodes: Sequence[Node], span: Window) -> tuple[Node, ...]:
    """Return the nodes that were there in the window, by name."""
    there = (n for n in nodes if n.created < span.end and (n.ended is None or n.ended > span.start))
    return tuple(sorted(there, key=lambda n: (n.name, n.created, n.uid)))


def _machines(nodes: Sequence[Node], priced: Sequence[Priced], span: Window) -> Machines:
    begin, end = life(((n.created, n.ended) for n in nodes), span)
    sizes = [(n.capacity.cpu, float(n.capacity.memory), float(n.gpus)) for n in nodes]
    return Machines(
        capacity=np.array(sizes, float).reshape(-1, 3),
        presence=presence(begin, end, hours_of(span)),
        price=np.array([p.hourly * MICROS for p in priced], float),
    )


def _rates(nodes: Sequence[Node], prices: PriceList) -> Floats:
    """(n, 3) rates of a core-hour, GiB-hour and GPU-hour at each node's provider."""
    by_provider = {
        name: (rates.cpu_hour, rates.gib_hour, rates.gpu_hour)
        for name in sorted({node.provider for node in nodes})
        for rates in (prices.rates(name),)
    }
    return np.array([by_provider[node.provider] for node in nodes], float).reshape(-1, 3)


def _node_costs(
    nodes: Sequence[Node], priced: Sequence[Priced], machines: Machines, shares: Shares
) -> tuple[NodeCost, ...]:
    hours = machines.presence.sum(axis=1).tolist()
    idle = shares.idle.tolist()
    return tuple(
        NodeCost(
            name=node.name,
            pool=node.pool,
            instance_type=node.instance_type,
            region=node.region,
            capacity_type=node.capacity_type,
            hourly=priced[i].hourly,
            hours=hours[i],
            bill=int(shares.bills[i]),
            idle=sum(idle[i]),
            idle_cpu=idle[i][CPU],
            idle_memory=idle[i][MEMORY],
            idle_gpu=idle[i][GPU],
            price=priced[i].source,
        )
        for i, node in enumerate(nodes)
    )


def _coverage(shares: Shares) -> float | Unknown:
    if not shares.present:
        return Unknown("no container was on a known node in this window")
    return shares.measured / shares.present


def _notes(
    layout: Layout,
    nodes: Sequence[NodeCost],
    volumes: Sequence[VolumeCost],
    shares: Shares,
) -> tuple[str, ...]:
    """Return what a reader has to know, one plain sentence a fact."""
    told = []
    if not nodes:
        told.append("no node was there in this window: only what stands around them has a cost")
    if shares.scaled:
        hours = _count(shares.scaled, "node-hour")
        told.append(f"{hours} charged beyond capacity and scaled to it")
    gaps = shares.present - shares.measured
    if gaps >= 1:
        told.append(
            f"{gaps:,.0f} of {shares.present:,.0f} container-hours without a usage sample: "
            "charged by request, and what of it was used is not known"
        )
    if layout.unplaced:
        told.append(f"{_count(layout.unplaced, 'pod')} on no known node: nothing is charged")
    if layout.strays:
        told.append(f"{layout.strays:,} series of samples of no known pod: left out")
    return (*told, *_price_notes(nodes, volumes))


def _price_notes(nodes: Sequence[NodeCost], volumes: Sequence[VolumeCost]) -> Iterator[str]:
    rated = sum(n.price.kind is PriceKind.RATES for n in nodes)
    if rated:
        which = _count(rated, "node")
        yield f"{which} without a bill or list price: priced by core-hour and GiB-hour"
    unpriced = [n.name for n in nodes if n.price.kind is PriceKind.NONE]
    if unpriced:
        yield f"no price in this currency for {', '.join(map(repr, unpriced))}: counted as 0"
    free = sum(v.price.kind is PriceKind.NONE for v in volumes)
    if free:
        yield f"no price in this currency for {_count(free, 'volume')}: counted as 0"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
