"""The shipped price list: what it answers, and that it is what the price files say."""

from pathlib import Path

import pytest

from tests.fixtures.pricelist import Row, even_out, rows, write
from upid.adapters.pricelist import ShippedPrices
from upid.adapters.pricelist.shipped import TABLE
from upid.core.ports.prices import PriceKind

LIMIT = 600_000  # bytes that the table may add to the package


@pytest.mark.parametrize(
    ("machine", "hourly", "currency", "as_of"),
    [
        (("aws", "us-east-1", "m5.xlarge", "on-demand"), 0.192, "USD", "2026-07-20"),
        (("aws", "us-east-1", "m5.xlarge", "spot"), 0.06528, "USD", "2026-07-20"),
        (("aws", "us-west-2", "m5.xlarge", "on-demand"), 0.192, "USD", "2023-08-06"),
        (("aws", "eu-west-1", "m5.xlarge", "on-demand"), 0.214, "USD", "2023-08-06"),
        (("aws", "us-west-1", "m1.small", "reserved"), 0.018912, "USD", ""),
        (("aws", "cn-north-1", "m5.xlarge", "on-demand"), 2.026, "CNY", "2024-11-06"),
        (("azure", "eastus", "standard_d4s_v3", "on-demand"), 0.192, "USD", "2026-06-18"),
        (("gcp", "us-central1", "e2-standard-4", "spot"), 0.080424, "USD", "2026-08-03"),
    ],
)
def test_a_price_is_found_with_its_currency_and_date(
    machine: tuple[str, str, str, str], hourly: float, currency: str, as_of: str
) -> None:
    """COST-4: instance type × region × capacity type × operating system."""
    found = ShippedPrices().node_hourly(*machine, "linux")

    assert found is not None
    assert (found.hourly, found.currency) == (hourly, currency)
    assert (found.source.kind, found.source.as_of) == (PriceKind.LIST, as_of)


@pytest.mark.parametrize(
    "machine",
    [
        ("aws", "us-east-1", "m5.xlarge", "on-demand", "windows"),
        ("aws", "us-east-1", "m5.xlarge", "scheduled", "linux"),
        ("aws", "us-east-1", "x9.huge", "on-demand", "linux"),
        ("aws", "mars-east-1", "m5.xlarge", "on-demand", "linux"),
        ("aws", "../types", "m5.xlarge", "on-demand", "linux"),
        ("digitalocean", "nyc1", "s-4vcpu-8gb", "on-demand", "linux"),
        ("unknown", "", "", "on-demand", "linux"),
        ("azure", "eastus", "standard_d4s_v3", "spot", "linux"),
    ],
)
def test_what_the_list_does_not_have_has_no_price(machine: tuple[str, ...]) -> None:
    assert ShippedPrices().node_hourly(*machine) is None


def test_a_spot_price_of_no_saving_is_the_price_on_demand() -> None:
    prices = ShippedPrices()
    machine = ("gcp", "asia-northeast1", "m2-ultramem-208")

    spot = prices.node_hourly(*machine, "spot", "linux")
    listed = prices.node_hourly(*machine, "on-demand", "linux")

    assert spot is not None
    assert listed is not None
    assert spot.hourly == listed.hourly


def test_rates_volumes_and_fees_have_defaults_for_any_provider() -> None:
    prices = ShippedPrices()

    assert prices.rates("azure").cpu_hour == 0.039
    assert prices.rates("on-premises") == prices.rates("unknown")
    assert prices.volume_gib_hour("aws", "ebs-gp3").hourly == pytest.approx(0.08 / 730)
    assert prices.volume_gib_hour("unknown", "ceph").source.kind is PriceKind.RATES
    assert prices.load_balancer_hour("aws").hourly == 0.0225
    assert prices.load_balancer_hour("unknown").hourly == 0.025
    fee = prices.control_plane_hour("EKS")
    assert fee is not None
    assert fee.hourly == 0.10
    assert prices.control_plane_hour("K3s") is None


def test_the_table_is_small() -> None:
    assert TABLE.stat().st_size < LIMIT


def test_every_row_of_the_price_files_is_found_in_the_table(shared: Path) -> None:
    """Zero prices are dropped; spot is at most on demand; no region mixes currencies."""
    prices = ShippedPrices()
    expected = rows(shared / "data" / "prices")

    assert len(expected) > 80_000
    for row in expected:
        machine = (row.provider, row.region, row.instance_type)
        listed = prices.node_hourly(*machine, "on-demand", "linux")
        assert listed is not None
        assert listed.hourly > 0
        assert listed.hourly == pytest.approx(row.on_demand, abs=5.1e-7)
        assert (listed.currency, listed.source.as_of) == (row.currency, row.as_of)
        spot = prices.node_hourly(*machine, "spot", "linux")
        assert (spot is None) == (row.spot is None)
        assert spot is None or 0 < spot.hourly <= listed.hourly


def test_the_same_rows_write_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    some = [Row("aws", "r", name, "USD", "2026-01-01", "", "list", 1.5, 0.5) for name in "abc"]
    one, two = tmp_path / "one", tmp_path / "two"

    write(some, one)
    write(reversed(some), two)

    assert one.read_bytes() == two.read_bytes()
    found = ShippedPrices(one).node_hourly("aws", "r", "B", "spot", "linux")
    assert found is not None
    assert found.hourly == 0.5


def test_a_region_of_two_currencies_is_refused(tmp_path: Path) -> None:
    mixed = [Row("aws", "r", c, c, "2026-01-01", "", "list", 1.0) for c in ("USD", "CNY")]

    with pytest.raises(ValueError, match="several dates or currencies"):
        write(mixed, tmp_path / "table")


def test_prices_of_dedicated_machines_are_evened_out_and_missing_sizes_filled_in() -> None:
    yardstick = {"m5.large": 0.1, "m5.xlarge": 0.2, "m5.2xlarge": 0.4, "m5.metal": 5.0, "p9.x": 9.0}
    listed = {"m5.large": 0.11, "m5.2xlarge": 0.4664, "m5.metal": 5.0, "odd.size": 3.0}

    found = even_out(listed, yardstick)

    assert found == {
        "m5.large": 0.11, "m5.xlarge": 0.22, "m5.2xlarge": 0.44, "m5.metal": 5.5, "odd.size": 3.0,
    }  # fmt: skip
