"""Lines of a cost breakdown, for a whole cluster or the part of it that was asked about."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from upid.contexts.costs import Allocation, CostLine
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.analysis.answers import known, money
from upid.contexts.optimization.analysis.findings import Findings
from upid.core.snapshot import WorkloadKey


def grouped(found: Findings, lines: Callable[[str], Sequence[CostLine]], by: str) -> list[s.Line]:
    """Return the month by namespace, kind or pool, the dearest first."""
    if found.scope.whole:
        return [_line(line, found.allocation) for line in lines(by)]
    inside = {str(key): key for key in found.within}
    groups: dict[str, list[CostLine]] = defaultdict(list)
    for line in lines("workload"):
        if line.key in inside:
            groups[_group(inside[line.key], by)].append(line)
    summed = [_sum(key, part) for key, part in sorted(groups.items())]
    return [_line(line, found.allocation) for line in sorted(summed, key=lambda o: -o.total)]


def _group(key: WorkloadKey, by: str) -> str:
    return key.namespace if by == "namespace" else key.kind


def _sum(key: str, lines: Sequence[CostLine]) -> CostLine:
    return CostLine(
        key=key,
        hours=lines[0].hours,
        cpu=sum(line.cpu for line in lines),
        memory=sum(line.memory for line in lines),
        gpu=sum(line.gpu for line in lines),
        used=sum(line.used for line in lines),
        unmeasured=sum(line.unmeasured for line in lines),
        shared_idle=sum(line.shared_idle for line in lines),
        storage=sum(line.storage for line in lines),
        load_balancers=sum(line.load_balancers for line in lines),
        pods=sum(line.pods for line in lines),
    )


def _line(line: CostLine, allocation: Allocation) -> s.Line:
    monthly = allocation.monthly
    return s.Line(
        key=line.key,
        total=money(line.monthly),
        allocated=money(monthly(line.allocated)),
        used=money(monthly(line.used)),
        wasted=money(monthly(line.wasted)),
        unmeasured=money(monthly(line.unmeasured)),
        infrastructure_idle=money(monthly(line.idle + line.shared_idle)),
        storage=money(monthly(line.storage)),
        load_balancers=money(monthly(line.load_balancers)),
        control_plane=money(monthly(line.control_plane)),
        efficiency=known(line.efficiency),
        pods=line.pods,
    )
