"""One page of recommendations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.analysis import answers
from upid.contexts.optimization.analysis.findings import Findings
from upid.contexts.optimization.logic.advice import totals
from upid.contexts.optimization.types import AdviceType, Recommendation, Risk
from upid.kit.pagination import BadCursor, Page, read_cursor, write_cursor

_LISTING = "recommendations"
_RISKS = list(Risk)  # from low to critical


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recommendations are wanted.

    confidence  at least so much, 0 to 100
    types       any of these; empty: all
    risk        this at most
    """

    confidence: float = 0.0
    types: frozenset[AdviceType] = frozenset()
    risk: Risk = Risk.CRITICAL

    @classmethod
    def of(cls, threshold: float, types: Sequence[AdviceType] | None, risk: Risk | None) -> Self:
        """Return what the query asks for; a threshold of at most 1 is a fraction (API-2)."""
        confidence = threshold * 100 if threshold <= 1 else threshold
        return cls(confidence, frozenset(types or ()), risk or Risk.CRITICAL)

    def takes(self, one: Recommendation) -> bool:
        """Say whether a recommendation is wanted."""
        return (
            one.confidence >= self.confidence
            and (not self.types or one.type in self.types)
            and _RISKS.index(one.risk) <= _RISKS.index(self.risk)
        )


def page(found: Findings, wanted: Wanted, cursor: str | None, limit: int) -> s.RecommendationPage:
    """Return one page, and what all the wanted ones together would save. Raises BadCursor."""
    listed = [one for one in found.advice.recommendations if wanted.takes(one)]
    start = 0
    if cursor:
        (last,) = read_cursor(cursor, _LISTING, str)
        start = next((i + 1 for i, one in enumerate(listed) if one.id == last), 0)
        if not start:
            raise BadCursor
    cut = Page.cut(
        listed[start : start + limit + 1], limit, lambda one: write_cursor(_LISTING, one.id)
    )
    advice = replace(found.advice, totals=totals(tuple(listed)))
    return s.RecommendationPage(
        cluster_id=found.cluster.id,
        window=answers.span(advice.window),
        currency=advice.currency,
        items=[answers.recommended(one, advice.currency) for one in cut.items],
        next_cursor=cut.next,
        total=len(listed),
        potential=answers.potential(advice.totals),
        left_alone=[answers.spared(one) for one in advice.left_alone],
        notes=[*found.notes, *advice.notes],
    )
