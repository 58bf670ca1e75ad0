"""`--fail-on`: what can be written, where reading stops, and when a condition holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.cli import gate
from upid.cli.refusals import Refusal

RATES = {"": 1, "/mo": 1, "/d": 30, "/h": 720, "/y": 30 / 365}
blanks = st.text(" \t", max_size=2)
symbols = st.sampled_from([">", ">=", "<", "<=", "=", "==", "!="])
numbers = st.one_of(
    st.integers(min_value=0, max_value=10**9).map(str),
    st.decimals(min_value=0, max_value=10**6, places=2).map(str),
)
conditions = st.one_of(
    st.tuples(
        st.sampled_from(gate.MONEY),
        st.sampled_from(["", "-usd", "-eur"]),
        symbols,
        numbers,
        st.sampled_from(sorted(RATES)),
    ),
    st.tuples(
        st.sampled_from([*gate.COUNTS, *gate.PERCENTAGES]),
        st.just(""),
        symbols,
        numbers,
        st.just(""),
    ),
    st.tuples(st.just("risk"), st.just(""), symbols, st.sampled_from(gate.RISKS), st.just("")),
)


@given(st.lists(st.tuples(conditions, blanks), min_size=1, max_size=4))
def test_every_list_of_conditions_is_read_as_it_was_written(
    written: list[tuple[tuple[str, str, str, str, str], str]],
) -> None:
    text = ",".join(
        f"{blank}{name}{money}{blank}{symbol}{blank}{value}{rate}{blank}"
        for (name, money, symbol, value, rate), blank in written
    )
    for found, ((name, money, symbol, value, rate), _) in zip(
        gate.parse(text), written, strict=True
    ):
        limit = gate.RISKS.index(value) if name == "risk" else float(value) * RATES[rate]
        assert (found.gauge, found.symbol) == (name, symbol)
        assert found.currency == money.removeprefix("-").upper()
        assert found.limit == pytest.approx(limit)


def position_of(text: str) -> int | None:
    """Return where reading a gate stopped, None where it did not."""
    try:
        gate.parse(text)
    except gate.BadGate as error:
        return int(str(error.details["position"]))
    return None


@given(st.text("wasteusdidlerisk-<>=!/,0123456789. mohy", max_size=24))
def test_anything_else_is_refused_with_a_position_and_never_crashes(text: str) -> None:
    stopped = position_of(text)
    assert stopped is None or 1 <= stopped <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("waste-usd>", 11),
        ("waste-usd>500/week", 14),
        ("idle>3,", 8),
        ("idle>3 risk>=high", 8),
        ("nonsense>3", 1),
        ("risk>=huge", 7),
        ("idle-usd>3", 1),
        ("idle 3", 6),
        ("idle>3/mo", 7),
    ],
)
def test_the_position_is_where_reading_stopped(text: str, position: int) -> None:
    assert position_of(text) == position


GAUGES: dict[str, float | str] = {"currency": "USD", "waste": 600.0, "idle": 3, "risk": "medium"}


@pytest.mark.parametrize(
    ("text", "failing"),
    [
        ("waste-usd>500/mo", True),
        ("waste>600", False),
        ("waste>=600", True),
        ("waste>1/h", False),
        ("waste>19/d", True),
        ("idle>3", False),
        ("idle>2", True),
        ("risk>=medium", True),
        ("risk>=high", False),
        ("idle>9,risk=medium", True),
    ],
)
def test_a_gate_fails_exactly_when_a_condition_holds(text: str, failing: bool) -> None:
    assert bool(gate.failures(gate.parse(text), GAUGES)) is failing


def test_no_advice_has_no_risk() -> None:
    assert gate.failures(gate.parse("risk>=low"), {**GAUGES, "risk": ""}) == []


def test_money_of_another_currency_is_not_compared() -> None:
    with pytest.raises(Refusal, match="EUR"):
        gate.failures(gate.parse("waste-usd>5"), {**GAUGES, "currency": "EUR"})


def test_a_gauge_that_the_answer_lacks_is_no_silent_pass() -> None:
    with pytest.raises(Refusal, match="efficiency"):
        gate.failures(gate.parse("efficiency<40"), GAUGES)
