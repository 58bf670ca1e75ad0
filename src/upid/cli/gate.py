"""`--fail-on`: thresholds that turn an answer into an exit code for pipelines.

    waste-usd>500/mo,idle>3,risk>=high

is a list of conditions; the command fails when any of them holds. A condition is a gauge, an
operator and a number; money may carry a rate (`/h`, `/d`, `/mo`, `/y`; a month without one).
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from upid.cli.refusals import Refusal

RISKS: Final = ("low", "medium", "high", "critical")
MONEY: Final = ("waste", "cost", "saving", "unknown")
COUNTS: Final = ("idle", "recommendations")
PERCENTAGES: Final = ("efficiency", "confidence")
_MONTHLY: Final = {"h": 720.0, "d": 30.0, "mo": 1.0, "y": 30 / 365}  # 720 h, 30 d, 365 d
_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_GAUGE = re.compile(r"[a-z]+(?:-[a-z]{3})?")
_OPERATOR = re.compile(r">=|<=|==|!=|>|<|=")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_RATE = re.compile(r"/(h|d|mo|y)(?![a-z])")
_WORD = re.compile(r"[a-z]+")
_BLANKS = re.compile(r"[ \t]*")


class BadGate(Refusal):
    """A `--fail-on` that cannot be read, with the place where reading stopped."""

    code = "bad_gate"

    def __init__(self, text: str, at: int, wanted: str) -> None:
        super().__init__(
            f"--fail-on {text!r} cannot be read at position {at + 1}: {wanted}",
            hint="write for example: --fail-on 'waste-usd>500/mo,idle>3,risk>=high'",
            details={"position": at + 1},
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """One threshold. `limit` is monthly for money and a rank for risk; `text` is as typed."""

    gauge: str
    currency: str
    symbol: str
    limit: float
    text: str

    def holds(self, value: float) -> bool:
        """Return whether the value is on the failing side."""
        return _OPERATORS[self.symbol](value, self.limit)


def parse(text: str) -> tuple[Condition, ...]:
    """Return the conditions that a `--fail-on` names; raise BadGate with the position."""
    reader = _Reader(text)
    conditions = [reader.condition()]
    while not reader.ended():
        reader.expect(re.compile(","), "a comma or the end")
        conditions.append(reader.condition())
    return tuple(conditions)


def failures(conditions: tuple[Condition, ...], gauges: Mapping[str, float | str]) -> list[str]:
    """Return a sentence for each condition that holds.

    gauges  name → value: money a month, counts, percentages, the highest risk as a word, and
            `currency`
    """
    found = []
    for condition in conditions:
        if condition.gauge not in gauges:
            raise Refusal(
                f"--fail-on {condition.gauge!r} is not measured by this command",
                hint=f"it measures: {', '.join(sorted(set(gauges) - {'currency'}))}",
            )
        value, currency = gauges[condition.gauge], str(gauges.get("currency", ""))
        if condition.currency and condition.currency != currency:
            raise Refusal(
                f"--fail-on {condition.text!r} is not in {currency}, as the answer is",
                hint=f"write {condition.gauge}-{currency.lower()}",
            )
        rank = float(RISKS.index(value)) if isinstance(value, str) and value else value
        if rank == "":
            continue  # no risk at all: nothing is advised
        if condition.holds(float(rank)):
            found.append(f"{condition.text}: {_shown(condition, value, currency)}")
    return found


def _shown(condition: Condition, value: float | str, currency: str) -> str:
    if isinstance(value, str):
        return f"the highest {condition.gauge} is {value}"
    if condition.gauge in MONEY:
        return f"{condition.gauge} is {value:,.2f} {currency} a month"
    if condition.gauge in PERCENTAGES:
        return f"{condition.gauge} is {value:.0f} %"
    return f"{condition.gauge} is {value:g}"


class _Reader:
    """Reads one condition after another and remembers where it is."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def ended(self) -> bool:
        self._skip()
        return self._at >= len(self._text)

    def condition(self) -> Condition:
        self._skip()
        start = self._at
        name = self.expect(_GAUGE, "the name of a gauge")
        gauge, _, currency = name.partition("-")
        known = (*MONEY, *COUNTS, *PERCENTAGES, "risk")
        if gauge not in known or (currency and gauge not in MONEY):
            raise BadGate(self._text, start, f"{name!r} is not one of {', '.join(known)}")
        symbol = self.expect(_OPERATOR, "one of > >= < <= = !=")
        limit = self._risk() if gauge == "risk" else self._amount(gauge)
        text = self._text[start : self._at].strip()
        return Condition(gauge, currency.upper(), symbol, limit, text)

    def _risk(self) -> float:
        self._skip()
        start = self._at
        word = self.expect(_WORD, f"one of {', '.join(RISKS)}")
        if word not in RISKS:
            raise BadGate(self._text, start, f"{word!r} is not one of {', '.join(RISKS)}")
        return float(RISKS.index(word))

    def _amount(self, gauge: str) -> float:
        number = float(self.expect(_NUMBER, "a number"))
        rate = _RATE.match(self._text, self._at)
        if rate is not None and gauge in MONEY:
            self._at = rate.end()
            return number * _MONTHLY[rate[1]]
        return number

    def expect(self, pattern: re.Pattern[str], wanted: str) -> str:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found is None:
            raise BadGate(self._text, self._at, f"{wanted} is wanted")
        self._at = found.end()
        return found[0]

    def _skip(self) -> None:
        found = _BLANKS.match(self._text, self._at)
        self._at = found.end() if found else self._at
