"""Reads the shipped table of machine prices, one region at a time.

`prices.zip` holds `<provider>/types`, the instance types one a line, and `<provider>/<region>`: a
first line `currency;date;date of the spot figures;name of the list`, then one line for each type
in the same order with `on demand,spot,reserved` per hour, empty where the list has none. A region
is a few kilobytes, so that pricing a cluster neither loads the rest nor imports Arrow.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

from upid.adapters.pricelist import defaults
from upid.core.ports.prices import ListPrice, PriceKind, PriceList, PriceSource, Rates

TABLE = Path(__file__).with_name("prices.zip")
TYPES = "types"

_ON_DEMAND, _SPOT, _RESERVED = range(3)
_COLUMNS = {"on-demand": _ON_DEMAND, "spot": _SPOT, "reserved": _RESERVED}
_PROVIDERS = frozenset({"aws", "azure", "gcp"})


class _Line(NamedTuple):
    on_demand: str
    spot: str
    reserved: str


@dataclass(frozen=True, slots=True)
class _Region:
    currency: str
    as_of: str
    spot_as_of: str
    name: str
    lines: dict[str, str]  # instance type in lower case → its line


class ShippedPrices(PriceList):
    """The prices in the package; each region is read once."""

    def __init__(self, table: Path = TABLE) -> None:
        self._table = table
        self._regions: dict[tuple[str, str], _Region | None] = {}

    def node_hourly(
        self, provider: str, region: str, instance_type: str, capacity_type: str, os: str
    ) -> ListPrice | None:
        """Return the list price of a Linux machine; the list has no other system."""
        column = _COLUMNS.get(capacity_type)
        if os != "linux" or column is None:
            return None
        listed = self._region(provider, region)
        line = listed.lines.get(instance_type.lower()) if listed else None
        if listed is None or not line:
            return None
        price = _Line(*line.split(","))[column]
        if not price:
            return None
        return ListPrice(float(price), listed.currency, _source(provider, column, listed))

    def rates(self, provider: str) -> Rates:
        """Return OpenCost's rates of a provider, its defaults for any other."""
        return defaults.RATES.get(provider, defaults.DEFAULT_RATES)

    def volume_gib_hour(self, provider: str, storage_class: str) -> ListPrice:
        """Return the price of a GiB-hour by the words in the storage class's name."""
        name = storage_class.lower()
        listed = defaults.VOLUMES.get(provider, ())
        return next((price for word, price in listed if word in name), defaults.DEFAULT_VOLUME)

    def load_balancer_hour(self, provider: str) -> ListPrice:
        """Return the price of one load balancer for an hour, traffic not included."""
        return defaults.LOAD_BALANCERS.get(provider, defaults.DEFAULT_BALANCER)

    def control_plane_hour(self, distribution: str) -> ListPrice | None:
        """Return the fee for a managed control plane for an hour."""
        return defaults.CONTROL_PLANES.get(distribution)

    def _region(self, provider: str, region: str) -> _Region | None:
        key = (provider, region)
        if key not in self._regions:
            self._regions[key] = self._read(provider, region) if provider in _PROVIDERS else None
        return self._regions[key]

    def _read(self, provider: str, region: str) -> _Region | None:
        with ZipFile(self._table) as table:
            try:
                text = table.read(f"{provider}/{region}").decode()
            except KeyError:  # the list does not have this region
                return None
            types = table.read(f"{provider}/{TYPES}").decode().split("\n")
        head, *lines = text.split("\n")
        currency, as_of, spot_as_of, name = head.split(";")
        return _Region(currency, as_of, spot_as_of, name, dict(zip(types, lines, strict=True)))


def _source(provider: str, column: int, listed: _Region) -> PriceSource:
    """Return what stands behind a price; only AWS's spot prices are estimated."""
    name = listed.name
    if column == _RESERVED:
        return PriceSource(PriceKind.LIST, "OpenCost's table of AWS reserved prices", "")
    if column == _SPOT and provider == "aws":
        name = f"{name} less the Spot Advisor's average saving of {listed.spot_as_of}"
    elif column == _SPOT:
        name = f"{name} for spot"
    return PriceSource(PriceKind.LIST, name, listed.as_of)
