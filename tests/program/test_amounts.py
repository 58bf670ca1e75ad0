"""Figures as people read them; sums that visibly add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.cli.output import amounts

micros = st.integers(min_value=0, max_value=10**12)


@given(st.lists(micros, min_size=1, max_size=12))
def test_shown_cents_add_up_to_the_shown_total(parts: list[int]) -> None:
    shown = amounts.cents([part / 1_000_000 for part in parts])
    assert sum(shown) == round(sum(parts) / 10_000)
    assert all(abs(cent * 10_000 - part) < 10_000 for cent, part in zip(shown, parts, strict=True))


def test_three_thirds_of_a_dollar_make_a_dollar() -> None:
    assert amounts.cents([0.333333, 0.333333, 0.333334]) == [33, 33, 34]


@given(
    st.integers(min_value=0, max_value=200),
    st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=8),
)
def test_portions_fill_the_bar_exactly(whole: int, weights: list[int]) -> None:
    parts = amounts.portions(whole, weights)
    assert sum(parts) == (whole if sum(weights) else 0)
    assert all(part >= 0 for part in parts)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (amounts.money(1234.5), "$1,234.50"),
        (amounts.money(-0.25, "EUR"), "-€0.25"),
        (amounts.money(12, "CHF"), "CHF 12.00"),
        (amounts.money(None), "–"),
        (amounts.percent(0.4), "<1 %"),
        (amounts.share(0.873), "87 %"),
        (amounts.cores(0.25), "250m"),
        (amounts.cores(0.0042), "4.2m"),
        (amounts.cores(12.34), "12.3"),
        (amounts.size(1536 * 1024 * 1024), "1.5 GiB"),
        (amounts.size(512), "512 B"),
        (amounts.plural(1, "node"), "1 node"),
        (amounts.plural(2500, "node"), "2,500 nodes"),
    ],
)
def test_figures_are_written_as_people_write_them(shown: str, wanted: str) -> None:
    assert shown == wanted
