"""A figure carries what is needed to check it, and not enough is said, never zero."""

import dataclasses

import pytest

from upid.core.explain import Explained, Unknown


def test_an_unknown_says_why() -> None:
    assert Unknown("no samples") == Unknown("no samples")
    assert Unknown("no samples") != Unknown("no price")


def test_a_figure_that_nobody_assessed_says_so() -> None:
    figure = Explained(12.5, "percent", "IDL-3", {"cpu": 0.02}, samples=2016)
    assert figure.confidence == Unknown("not assessed")


def test_figures_do_not_change() -> None:
    figure = Explained(Unknown("no samples"), "USD", "COST-1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        figure.unit = "EUR"  # type: ignore[misc]
