"""List prices: what clouds publish, shipped with UPID, so that costs work offline (COST-4)."""

from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class PriceKind(StrEnum):
    """Where a price comes from, the most trusted first (COST-4)."""

    BILL = "bill"
    OVERRIDE = "override"
    LIST = "list"
    RATES = "rates"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PriceSource:
    """What stands behind a price: its kind, the name of the list or bill, and its date."""

    kind: PriceKind
    source: str
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A published price per hour (of a machine, a GiB, a load balancer), in `currency`."""

    hourly: float
    currency: str
    source: PriceSource


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices per core-hour, GiB-hour and GPU-hour for machines whose own price is unknown."""

    cpu_hour: float
    gib_hour: float
    gpu_hour: float
    spot_cpu_hour: float
    spot_gib_hour: float
    currency: str
    source: PriceSource


class PriceList(Protocol):
    """Published prices, looked up without a network."""

    @abstractmethod
    def node_hourly(
        self, provider: str, region: str, instance_type: str, capacity_type: str, os: str
    ) -> ListPrice | None:
        """Return the list price of a machine, or None where the list does not have it.

        provider       aws, azure, gcp
        capacity_type  on-demand, spot, reserved
        os             linux, windows
        """

    @abstractmethod
    def rates(self, provider: str) -> Rates:
        """Return the rates of a provider; the documented defaults for any other."""

    @abstractmethod
    def volume_gib_hour(self, provider: str, storage_class: str) -> ListPrice:
        """Return the price of a GiB-hour of block storage; the default for an unknown class."""

    @abstractmethod
    def load_balancer_hour(self, provider: str) -> ListPrice:
        """Return the price of one load balancer for an hour, traffic not included."""

    @abstractmethod
    def control_plane_hour(self, distribution: str) -> ListPrice | None:
        """Return the fee for a managed control plane (EKS, GKE, AKS), None where there is none."""
