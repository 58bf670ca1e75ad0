"""Quantities mean what the API server says they mean."""

import ast
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.core.errors import Kind
from upid.core.quantity import (
    BadQuantity,
    format_bytes,
    format_cpu,
    parse_bytes,
    parse_cpu,
    parse_quantity,
)

ANSWERS = Path(__file__).parents[2] / "fixtures" / "quantities" / "answers.tsv"


def value(text: str) -> Fraction | None:
    try:
        return parse_quantity(text)
    except BadQuantity:
        return None


def test_thousands_of_texts_mean_what_the_api_server_says() -> None:
    """COL-3: every form the API server accepts, and its rejects."""
    wrong = {}
    lines = ANSWERS.read_text(encoding="ascii").splitlines()
    for line in lines:
        quoted, answer = line.split("\t")
        expected = None if answer == "reject" else Fraction(answer)
        if value(ast.literal_eval(quoted)) != expected:
            wrong[quoted] = answer
    assert len(lines) > 2_500
    assert wrong == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100m", Fraction(1, 10)),
        ("1.5", Fraction(3, 2)),
        ("128974848", Fraction(128974848)),
        ("129e6", Fraction(129_000_000)),
        ("129M", Fraction(129_000_000)),
        ("123Mi", Fraction(123 * 2**20)),
        ("1Gi", Fraction(2**30)),
        ("2k", Fraction(2_000)),
    ],
)
def test_the_forms_of_the_specification_are_exact(text: str, expected: Fraction) -> None:
    """COL-3."""
    assert parse_quantity(text) == expected


@pytest.mark.parametrize("number", [1, 0, 250, 1.5, 0.1, 1e22, 1e-7, 2**63])
def test_a_number_without_quotes_is_a_quantity(number: float) -> None:
    assert parse_quantity(number) == parse_quantity(str(number))


@pytest.mark.parametrize("number", [True, float("nan"), float("inf")])
def test_what_is_no_amount_is_refused_also_without_quotes(number: float) -> None:
    with pytest.raises(BadQuantity):
        parse_quantity(number)


def test_a_number_too_long_to_be_written_is_refused() -> None:
    with pytest.raises(BadQuantity):
        parse_quantity(10**5000)


@pytest.mark.parametrize("text", ["1e1000", "1e-1000", "1e99999999999", "1" * 513])
def test_what_would_fill_the_memory_is_refused(text: str) -> None:
    with pytest.raises(BadQuantity):
        parse_quantity(text)


def test_a_refusal_names_the_text_in_quotes_and_shortens_it() -> None:
    error = BadQuantity("x" * 1000)
    assert error.kind is Kind.INVALID
    assert error.code == "bad_quantity"
    assert str(error).startswith("'xxx")
    assert len(str(error)) < 120
    assert "512Mi" in error.hint


@pytest.mark.parametrize("text", ["-1", "-1n", "-5Gi"])
def test_less_than_nothing_is_no_request(text: str) -> None:
    for parse in (parse_cpu, parse_bytes):
        with pytest.raises(BadQuantity):
            parse(text)


@pytest.mark.parametrize("text", ["1e400", "1E900", "9223372036854775808", 10**18 * 10])
def test_more_than_the_scheduler_counts_is_no_request(text: str | int) -> None:
    for parse in (parse_cpu, parse_bytes):
        with pytest.raises(BadQuantity):
            parse(text)


def test_a_part_of_a_byte_is_a_byte() -> None:
    assert parse_bytes("100m") == 1
    assert parse_bytes("1.3Ki") == 1332


@given(st.integers(0, 10**15))
def test_bytes_survive_being_written_and_read(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == size


@given(st.integers(0, 10**7))
def test_millicores_survive_being_written_and_read(milli: int) -> None:
    assert parse_cpu(format_cpu(milli / 1000)) == pytest.approx(milli / 1000, abs=1e-12)
    assert format_cpu(parse_cpu(f"{milli}m")) == format_cpu(milli / 1000)


@given(st.floats(0, 1e6, allow_nan=False))
def test_a_written_request_is_never_less_than_what_was_meant(cores: float) -> None:
    written = parse_quantity(format_cpu(cores))
    assert written >= Fraction(cores) - Fraction(1, 10**6)
    assert written <= Fraction(cores) + Fraction(1, 1000)


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    assert value(text) is None or isinstance(value(text), Fraction)
