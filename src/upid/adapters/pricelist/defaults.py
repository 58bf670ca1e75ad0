"""List facts that are no table: rates, block storage, load balancers, control planes.

Prices are public list prices in US dollars of each cloud's reference region; docs/guide/prices.md
names the origin of every one.
"""

from collections.abc import Mapping

from upid.core.ports.prices import ListPrice, PriceKind, PriceSource, Rates

USD = "USD"
_BILLED_MONTH = 730  # hours: the clouds' month, by which storage is listed
_LISTED = "2025-06"  # when these list facts were taken down


def _listed(amount: float, what: str) -> ListPrice:
    return ListPrice(amount, USD, PriceSource(PriceKind.LIST, what, _LISTED))


def _storage(month: float, what: str) -> ListPrice:
    return _listed(month / _BILLED_MONTH, what)


def _rates(
    name: str, cpu: float, gib: float, gpu: float, spot_cpu: float, spot_gib: float
) -> Rates:
    of = "" if name == "default" else f" ({name})"
    source = PriceSource(PriceKind.RATES, f"OpenCost's default rates{of}", "2026-08")
    return Rates(cpu, gib, gpu, spot_cpu, spot_gib, USD, source)


DEFAULT_RATES = _rates("default", 0.031611, 0.004237, 0.95, 0.006655, 0.000892)
RATES: Mapping[str, Rates] = {
    "aws": _rates("aws", 0.031611, 0.004237, 0.95, 0.006655, 0.000892),
    # The file has no GPU rate for gcp: the default's.
    "gcp": _rates("gcp", 0.031611, 0.004237, 0.95, 0.006655, 0.000892),
    "azure": _rates("azure", 0.039, 0.001917, 0.0428925, 0.007764, 0.000382),
}

# Price of a GiB-hour of any block storage that is not listed below.
DEFAULT_VOLUME = ListPrice(
    0.00005479452,
    USD,
    PriceSource(PriceKind.RATES, "OpenCost's default rate for storage", "2026-08"),
)
# By provider, then by a word in the storage class's name, the first that fits.
VOLUMES: Mapping[str, tuple[tuple[str, ListPrice], ...]] = {
    "aws": (
        ("gp3", _storage(0.08, "AWS EBS gp3, us-east-1")),
        ("gp2", _storage(0.10, "AWS EBS gp2, us-east-1")),
        ("io1", _storage(0.125, "AWS EBS io1 without IOPS, us-east-1")),
        ("io2", _storage(0.125, "AWS EBS io2 without IOPS, us-east-1")),
        ("st1", _storage(0.045, "AWS EBS st1, us-east-1")),
        ("sc1", _storage(0.015, "AWS EBS sc1, us-east-1")),
        ("efs", _storage(0.30, "AWS EFS Standard, us-east-1")),
    ),
    "gcp": (
        ("premium", _storage(0.17, "GCP pd-ssd, us-central1")),
        ("ssd", _storage(0.17, "GCP pd-ssd, us-central1")),
        ("balanced", _storage(0.10, "GCP pd-balanced, us-central1")),
        ("standard", _storage(0.04, "GCP pd-standard, us-central1")),
    ),
}

_DEFAULT_BALANCER = 0.025
LOAD_BALANCERS: Mapping[str, ListPrice] = {
    "aws": _listed(0.0225, "AWS Network Load Balancer, us-east-1, without capacity units"),
    "gcp": _listed(0.025, "GCP forwarding rule, us-central1"),
    "azure": _listed(0.025, "Azure Standard Load Balancer, first five rules"),
}
DEFAULT_BALANCER = ListPrice(
    _DEFAULT_BALANCER,
    USD,
    PriceSource(PriceKind.RATES, "default rate for a load balancer", _LISTED),
)

CONTROL_PLANES: Mapping[str, ListPrice] = {
    "EKS": _listed(0.10, "AWS EKS cluster fee, standard support"),
    "GKE": _listed(0.10, "GKE cluster management fee, free tier not deducted"),
}
