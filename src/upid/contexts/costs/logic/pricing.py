"""Prices of nodes in order of trust (COST-4): the source's own, the list, then rates."""

from collections.abc import Mapping
from dataclasses import dataclass

from upid.core.allocation import GIB
from upid.core.ports.cluster_source import NodePrice, PriceSheet
from upid.core.ports.prices import ListPrice, PriceKind, PriceList, PriceSource, Rates
from upid.core.snapshot import Node

SPOT = "spot"
_NO_PRICE = PriceSource(PriceKind.NONE, "no price is known")


@dataclass(frozen=True, slots=True)
class Priced:
    """A price per hour in the currency of the answer, and what stands behind it."""

    hourly: float
    source: PriceSource


class Ladder:
    """Looks prices up step by step, in one currency: amounts of two are never mixed."""

    def __init__(self, sheet: PriceSheet | None, prices: PriceList, currency: str) -> None:
        self._sheet = sheet or PriceSheet(currency)
        self._prices = prices
        self._own: Mapping[str, NodePrice] = {p.node: p for p in self._sheet.nodes}
        self.currency = currency

    def node(self, node: Node) -> Priced:
        """Return what a node costs an hour: 0 without any price, which `source` then says."""
        own = self._own.get(node.name)
        if own is not None and self._sheet.currency == self.currency:
            as_of = own.as_of or self._sheet.as_of
            kind = _kind(own.source)
            return Priced(own.hourly, PriceSource(kind, "the source's price sheet", as_of))
        listed = list_price(self._prices, node)
        if listed is not None and listed.currency == self.currency:
            return Priced(listed.hourly, listed.source)
        rates = self._prices.rates(node.provider)
        if rates.currency == self.currency:
            return Priced(by_rates(node, rates), rates.source)
        return Priced(0.0, _NO_PRICE)

    def volume(self, provider: str, storage_class: str) -> Priced:
        """Return the price of a GiB-hour of a storage class."""
        own = self._sheet.volume_gib_hour.get(storage_class)
        return self._around(own, self._prices.volume_gib_hour(provider, storage_class))

    def load_balancer(self, provider: str) -> Priced:
        """Return the price of a load balancer for an hour."""
        own = self._sheet.load_balancer_hour
        return self._around(own, self._prices.load_balancer_hour(provider))

    def control_plane(self, distribution: str) -> Priced | None:
        """Return the fee of a managed control plane for an hour, None where there is none."""
        own = self._sheet.control_plane_hour
        listed = self._prices.control_plane_hour(distribution)
        if own is None and (listed is None or listed.currency != self.currency):
            return None
        return self._around(own, listed)

    def _around(self, own: float | None, listed: ListPrice | None) -> Priced:
        if own is not None and self._sheet.currency == self.currency:
            source = PriceSource(PriceKind.OVERRIDE, "the source's price sheet", self._sheet.as_of)
            return Priced(own, source)
        if listed is not None and listed.currency == self.currency:
            return Priced(listed.hourly, listed.source)
        return Priced(0.0, _NO_PRICE)


def list_price(prices: PriceList, node: Node) -> ListPrice | None:
    """Return the list price of a node's machine."""
    return prices.node_hourly(
        node.provider, node.region, node.instance_type, node.capacity_type, node.os
    )


def by_rates(node: Node, rates: Rates) -> float:
    """Return what a node of this size costs an hour at the rates."""
    spot = node.capacity_type == SPOT
    cpu = rates.spot_cpu_hour if spot else rates.cpu_hour
    gib = rates.spot_gib_hour if spot else rates.gib_hour
    size = node.capacity
    return size.cpu * cpu + size.memory / GIB * gib + node.gpus * rates.gpu_hour


def currency_of(
    sheet: PriceSheet | None, prices: PriceList, nodes: tuple[Node, ...], stated: str
) -> str:
    """Return the currency of the answer.

    The sheet's where it prices nodes; else that of the list where it has but one (CNY in China);
    else what the source states.
    """
    if sheet is not None and sheet.nodes:
        return sheet.currency
    found = {p.currency for p in (list_price(prices, node) for node in nodes) if p is not None}
    return found.pop() if len(found) == 1 else stated


def _kind(word: str) -> PriceKind:
    """Return the kind that a sheet's word names; a word it does not know is an override."""
    return PriceKind(word) if word in {"bill", "list", "override"} else PriceKind.OVERRIDE
