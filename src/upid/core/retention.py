"""How long what was measured is kept: classes of metrics (COL-5)."""

from enum import StrEnum

from upid.core.metrics import ERRORS, OOM_KILLS, REQUESTS, RESTARTS, THROTTLED, Metric


class RetentionClass(StrEnum):
    """Metrics that are kept equally long."""

    RESOURCE = "resource"
    PERFORMANCE = "performance"
    COST = "cost"


_PERFORMANCE = frozenset({THROTTLED, RESTARTS, OOM_KILLS, REQUESTS, ERRORS})


def class_of(metric: Metric) -> RetentionClass:
    """Return the class of a metric: what was used is resource, how well it went performance."""
    return RetentionClass.PERFORMANCE if metric in _PERFORMANCE else RetentionClass.RESOURCE
