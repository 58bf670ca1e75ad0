"""All advice on the sample as it was last reviewed.

    python -m tests.contexts.optimization.golden      write it anew; then review the diff

A change to any recommendation, to its reason, risk, confidence or saving, is a change to the file.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import upid
from upid.adapters.pricelist import ShippedPrices
from upid.adapters.recordings import open_recording
from upid.contexts.clusters import ClusterService
from upid.contexts.costs import CostService, CostSettings
from upid.contexts.insights import InsightService, InsightSettings
from upid.contexts.metrics import PanelService
from upid.contexts.optimization import Advice, OptimizationSettings, RecommendationService, Saving
from upid.core.money import MICROS
from upid.core.window import Window

WRITTEN = Path(__file__).with_name("golden_sample.txt")
_SAMPLE = Path(upid.__file__).with_name("sample.upid")


@cache
def service() -> RecommendationService:
    """Return the real service over the sample that is shipped."""
    clusters, panels = ClusterService(), PanelService()
    clusters.attach(open_recording(_SAMPLE))
    costs = CostService(clusters, panels, ShippedPrices(), CostSettings())
    insights = InsightService(clusters, panels, costs, InsightSettings())
    return RecommendationService(clusters, panels, costs, insights, OptimizationSettings())


def advice(window: Window | None = None) -> Advice:
    """Return the advice on the sample."""
    return service().recommend(window=window)


def report(found: Advice) -> str:
    """Return all advice as text, one paragraph each, in the order in which it is given."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Advice) -> Iterator[str]:
    totals = found.totals
    yield f"{totals.count} recommendations over {found.window}"
    for name in ("saving", "saves", "costs_more", "high_confidence"):
        yield f"  {name}: {_month(getattr(totals, name))}"
    for one in found.recommendations:
        yield ""
        yield f"{one.target}  {one.type}  {_month(one.saving)}"
        yield f"  {one.action}"
        yield f"  {one.reason}"
        parts = ", ".join(f"{k} {v:g}" for k, v in sorted(one.confidence_parts.items()))
        yield f"  sure {one.confidence}: {parts}"
        yield f"  risk {one.risk}: {'; '.join(one.risk_parts)}"
        yield from (f"  note: {note}" for note in one.notes)
    yield ""
    yield "left alone"
    yield from (f"  {x.target}  {x.code}: {x.reason}" for x in found.left_alone)


def _month(saving: Saving) -> str:
    return f"{saving.month / MICROS:.2f} a month"


if __name__ == "__main__":
    WRITTEN.write_text(report(advice()), encoding="utf-8")
