"""What a container should ask for: small estimators, composed, each telling what it did (OPT-1).

CPU can be squeezed, memory cannot. So CPU requests follow a quantile of a decayed histogram with
headroom, memory requests follow the peak with a margin and what OOM kills taught. Every estimator
takes the amount so far and returns it changed, with a sentence; all of them only ever raise it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil, isnan

from upid.core.quantity import GIB, MIB, format_bytes, format_cpu

_SAID_FROM = 0.0005  # cores; less is written as 0
_EDGE = 1e-9  # keeps 0.30 / 0.01, a little above 30, from being rounded to 31 steps

CPU_STEPS = ((0.1, 0.005), (0.5, 0.01), (2.0, 0.05), (float("inf"), 0.1))
"""Below so many cores, written in steps of so many: what people type into manifests."""

MEMORY_STEPS = (
    (128 * MIB, 8 * MIB),
    (512 * MIB, 16 * MIB),
    (2 * GIB, 32 * MIB),
    (8 * GIB, 64 * MIB),
    (float("inf"), 128 * MIB),
)
"""Below so many bytes, written in steps of so many."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a container asks for; None where it says nothing. Cores and bytes."""

    cpu_request: float | None = None
    cpu_limit: float | None = None
    memory_request: int | None = None
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """How much is kept free, and when; the settings of the recommendations (defaults: OPT-1).

    cpu_quantile    (0, 1]  of the decayed histogram
    cpu_headroom    kept free above it, 0.15 is 15 %
    memory_margin   kept free above the peak
    oom_bump        memory at least this many times the level of an OOM kill
    throttle_bump   CPU limit at least this many times the one that throttled
    throttled_from  mean share of throttled CFS periods that counts as throttled
    least_change    share of the present amount below which a change is not worth a rollout
    """

    cpu_quantile: float = 0.95
    cpu_headroom: float = 0.15
    memory_margin: float = 0.15
    oom_bump: float = 1.2
    throttle_bump: float = 1.5
    throttled_from: float = 0.05
    cpu_minimum: float = 0.01
    memory_minimum: int = 16 * MIB
    least_change: float = 0.10


@dataclass(frozen=True, slots=True)
class Seen:
    """What one container of a workload used, over all pods; NaN where it was not measured.

    cpu_need     cores: the deciding quantile (of runs: the peak), start-up left out
    cpu_busy     cores: mean of the hours, each weighed by itself (Σx² ÷ Σx): where work is done
    cpu_peak     cores: the highest sample, start-up included
    memory_peak  bytes: the highest sample
    oom_level    bytes: the highest memory at which a kill happened; NaN without one
    throttled    mean share of throttled periods, 0 to 1; NaN where not measured
    leaking      memory grows from restart to restart
    what         how `cpu_need` is called: `P95`, `peak of the runs`
    """

    cpu_need: float
    cpu_busy: float
    cpu_peak: float
    memory_peak: float
    oom_level: float = float("nan")
    throttled: float = float("nan")
    leaking: bool = False
    what: str = "P95"


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount on its way through the estimators, with what each of them said."""

    value: float
    steps: tuple[str, ...] = ()

    def raised(self, value: float, why: str) -> "Amount":
        """Return the higher of both; only what changes the amount is said."""
        if isnan(value) or value <= self.value * (1 + _EDGE):
            return self
        return Amount(value, (*self.steps, why))


Estimator = Callable[[Amount, Seen, Policy], Amount]


def cpu_headroom(amount: Amount, seen: Seen, policy: Policy) -> Amount:
    """Raise the quantile by the headroom."""
    if isnan(seen.cpu_need):
        return amount
    value = seen.cpu_need * (1 + policy.cpu_headroom)
    said = f"CPU {seen.what} {_cpu(seen.cpu_need)} + {policy.cpu_headroom:.0%} = {_cpu(value)}"
    return Amount(max(amount.value, value), (*amount.steps, said))


def cpu_busy_floor(amount: Amount, seen: Seen, _policy: Policy) -> Amount:
    """Never below the mean of the busy hours: work that is done once a week is below a P95."""
    return amount.raised(seen.cpu_busy, f"not below its busy hours' mean: {_cpu(seen.cpu_busy)}")


def cpu_throttling(amount: Amount, seen: Seen, policy: Policy) -> Amount:
    """Add the throttled share: what was throttled wanted more than was measured."""
    if not is_throttled(seen, policy):
        return amount
    value = amount.value * (1 + seen.throttled)
    return amount.raised(value, f"throttled in {seen.throttled:.0%} of periods: {_cpu(value)}")


def cpu_minimum(amount: Amount, _seen: Seen, policy: Policy) -> Amount:
    """Hold to the minimum."""
    return amount.raised(policy.cpu_minimum, f"minimum {_cpu(policy.cpu_minimum)}")


def cpu_rounding(amount: Amount, _seen: Seen, _policy: Policy) -> Amount:
    """Round up to what people write."""
    value = round_cpu(amount.value)
    return amount.raised(value, f"written as {format_cpu(value)}")


def memory_margin(amount: Amount, seen: Seen, policy: Policy) -> Amount:
    """Raise the peak by the margin."""
    if isnan(seen.memory_peak):
        return amount
    value = seen.memory_peak * (1 + policy.memory_margin)
    peak = _memory(seen.memory_peak)
    said = f"memory peak {peak} + {policy.memory_margin:.0%} = {_memory(value)}"
    return Amount(max(amount.value, value), (*amount.steps, said))


def memory_oom(amount: Amount, seen: Seen, policy: Policy) -> Amount:
    """At least `oom_bump` times the level at which it was killed; more does not cure a leak."""
    if seen.leaking:
        return amount
    value = seen.oom_level * policy.oom_bump
    return amount.raised(
        value, f"OOM-killed at {_memory(seen.oom_level)}, × {policy.oom_bump:g} = {_memory(value)}"
    )


def memory_minimum(amount: Amount, _seen: Seen, policy: Policy) -> Amount:
    """Hold to the minimum."""
    return amount.raised(policy.memory_minimum, f"minimum {_memory(policy.memory_minimum)}")


def memory_rounding(amount: Amount, _seen: Seen, _policy: Policy) -> Amount:
    """Round up to what people write."""
    value = round_memory(amount.value)
    return amount.raised(value, f"written as {format_bytes(value)}")


CPU_REQUEST: tuple[Estimator, ...] = (
    cpu_headroom, cpu_busy_floor, cpu_throttling, cpu_minimum, cpu_rounding,
)  # fmt: skip
MEMORY_REQUEST: tuple[Estimator, ...] = (
    memory_margin, memory_oom, memory_minimum, memory_rounding,
)  # fmt: skip


def estimate(chain: Iterable[Estimator], seen: Seen, policy: Policy) -> Amount:
    """Return what a chain of estimators arrives at, starting from nothing."""
    amount = Amount(0.0)
    for estimator in chain:
        amount = estimator(amount, seen, policy)
    return amount


def is_throttled(seen: Seen, policy: Policy) -> bool:
    """Tell whether CPU was throttled often enough to matter; False where not measured."""
    return seen.throttled >= policy.throttled_from


def round_cpu(cores: float) -> float:
    """Return cores rounded up to what people write: 5m below 100m, 10m below 500m."""
    step = round(next(step for below, step in CPU_STEPS if cores < below) * 1000)
    return ceil(cores * 1000 / step * (1 - _EDGE)) * step / 1000  # in millicores: 0.3 stays 0.3


def round_memory(size: float) -> int:
    """Return bytes rounded up to what people write: 8Mi below 128Mi, 16Mi below 512Mi."""
    step = next(step for below, step in MEMORY_STEPS if size < below)
    return -(-ceil(size) // step) * step  # exact: a byte too little is an OOM kill


def _cpu(cores: float) -> str:
    return format_cpu(round(cores, 3)) if cores >= _SAID_FROM else "0"


def _memory(size: float) -> str:
    """Return bytes for a sentence: whole MiB below 10 GiB, then GiB with one decimal."""
    if size < 10 * GIB:
        return f"{ceil(size / MIB)}Mi"
    return f"{size / GIB:.1f}Gi"
