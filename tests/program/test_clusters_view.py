"""The report on several clusters: sums that add up, nothing mixed, nothing hidden."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.program.answers import HOSTILE, asked, some_clusters
from tests.program.golden import FOLDER, SEVERAL, several
from upid.adapters.kubernetes.client import TimedOut
from upid.cli.flags import Flags
from upid.cli.output.formats import Format, render
from upid.cli.output.paint import Paint
from upid.cli.output.text import width
from upid.cli.reports.several import Sum, clusters_view
from upid.client.several import Asked
from upid.client.types import ClusterAnalysis

FLAGS = Flags(all_contexts=True)
Several = list[Asked[ClusterAnalysis]]


@pytest.mark.parametrize("name", sorted(SEVERAL))
def test_the_report_on_several_clusters_is_as_it_was_reviewed(name: str) -> None:
    """EXPERIENCE 4."""
    assert several(SEVERAL[name]) == (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [60, 80, 100, 140, 200])
def test_every_line_fits_but_commands(columns: int) -> None:
    lines = several(columns).splitlines()
    assert all(width(line) <= columns for line in lines if "upid analyze" not in line)


amounts = st.floats(0, 1e6).map(lambda amount: round(amount, 6))


@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=12))
def test_shown_lines_add_up_to_the_shown_sum_to_the_cent(
    months: list[tuple[float, float, float]],
) -> None:
    """CLU-9: rounded one by one, a third of such lists misses its sum."""
    found = [
        asked(f"c{n:02}", used=used, workload_idle=idle, control_plane=fee)
        for n, (used, idle, fee) in enumerate(months)
    ]
    table = clusters_view(found, FLAGS).listing()
    assert table is not None
    (total,) = table.totals
    for key in ("cost", "waste", "saving"):
        shown = [Decimal(str(row[key])) for row in table.rows]
        assert sum(shown) == Decimal(str(total[key]))
    exact = sum(Decimal(str(one.answer.total_monthly_cost)) for one in found if one.answer)
    assert abs(Decimal(str(total["cost"])) - exact) <= Decimal("0.005001")


def test_currencies_are_never_added_up_together() -> None:
    """CLU-9: two sums, two bills, and no gauge of money for `--fail-on`."""
    euros = asked("frankfurt", used=100.0)
    assert euros.answer is not None
    euros.answer = replace(euros.answer, currency="EUR")
    view = clusters_view([asked("ohio", used=50.0), euros], FLAGS)
    table = view.listing()
    assert table is not None
    assert [Sum.shown(row["cost"]) for row in table.totals] == ["€100.00", "$50.00"]
    assert [one["currency"] for one in view.content["totals"]] == ["EUR", "USD"]  # type: ignore[attr-defined]
    assert not {"cost", "waste", "currency"} & view.gauges.keys()
    text = render(view, Format.TABLE, Paint(on=False), 80)
    assert "150" not in text
    assert "€100.00 a month, in 1 cluster" in text


def test_a_spreadsheet_adds_up_by_itself() -> None:
    """No row of sums in CSV: it would be counted twice."""
    lines = render(clusters_view(some_clusters(), FLAGS), Format.CSV, Paint(on=False), None)
    assert "together" not in lines.lower()
    assert lines.count("\n") == 1 + 5
    assert "old-vpn,,,,,,,,,,,failed," in lines


def test_the_one_read_twice_is_named_and_counted_once() -> None:
    view = clusters_view(some_clusters(), FLAGS)
    table = view.listing()
    assert table is not None
    (row,) = [row for row in table.rows if row["context"] == "prod-eu"]
    assert "prod-eu-by-vpn" in str(row["why"])
    assert view.content["clusters"] == 5


def test_without_any_answer_nothing_is_said_of_money() -> None:
    failed: Several = [Asked(["a"], error=TimedOut("a", "say its version", 10, answering=False))]
    view = clusters_view(failed, FLAGS)
    text = render(view, Format.TABLE, Paint(on=False), 80)
    assert "0.00" not in text
    assert view.gauges == {}
    assert view.failed[0][0].startswith("context 'a': cluster 'a' did not answer")


@pytest.mark.parametrize("form", list(Format))
def test_names_that_would_steer_a_terminal_do_not(form: Format) -> None:
    """A kubeconfig may come from anybody."""
    found = [asked(name, used=10.0) for name in HOSTILE]
    shown = render(clusters_view(found, FLAGS), form, Paint(on=False), 80)
    assert not {"\x1b", "\u202e", "\x07", "\x9b"} & set(shown)
