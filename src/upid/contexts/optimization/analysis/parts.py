"""Where the money goes, in parts that add up to the total exactly."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import numpy as np

from upid.contexts.costs import Allocation
from upid.contexts.optimization import schemas as s
from upid.contexts.optimization.analysis.answers import money
from upid.contexts.optimization.types import (
    HOURS_A_DAY,
    HOURS_A_MONTH,
    Headroom,
)
from upid.core.money import apportion


@dataclass(frozen=True, slots=True)
class Split:
    """Micros by what they were for; see `upid.contexts.optimization.schemas.Parts`."""

    used: int = 0
    headroom: int = 0
    workload_idle: int = 0
    infrastructure_idle: int = 0
    unknown: int = 0
    storage: int = 0
    load_balancers: int = 0
    control_plane: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return sum(astuple(self))

    def times(self, factor: float) -> "Split":
        """Return the parts of the whole times `factor`, apportioned so that they add up."""
        parts = np.array(astuple(self), np.float64)
        return Split(*apportion(round(self.total * factor), parts).tolist())

    def answered(self) -> s.Parts:
        """Return the parts in units of the currency."""
        return s.Parts(
            total=money(self.total),
            used=money(self.used),
            headroom=money(self.headroom),
            workload_idle=money(self.workload_idle),
            infrastructure_idle=money(self.infrastructure_idle),
            unknown=money(self.unknown),
            storage=money(self.storage),
            load_balancers=money(self.load_balancers),
            control_plane=money(self.control_plane),
        )


def charged(rows: Iterable[Headroom]) -> Split:
    """Return what containers were charged for, by how it was used."""
    kept = tuple(rows)
    return Split(
        used=sum(row.used for row in kept),
        headroom=sum(row.headroom for row in kept),
        workload_idle=sum(row.over for row in kept),
        unknown=sum(row.unknown for row in kept),
    )


def whole(allocation: Allocation, rows: Iterable[Headroom]) -> Split:
    """Return a whole cluster's cost; idle that containers bear stays infrastructure idle."""
    of_containers = charged(rows)
    fee = allocation.control_plane.cost if allocation.control_plane else 0
    return Split(
        used=of_containers.used,
        headroom=of_containers.headroom,
        workload_idle=of_containers.workload_idle,
        infrastructure_idle=allocation.idle_total + int(allocation.shared_idle.sum()),
        unknown=of_containers.unknown,
        storage=sum(volume.cost for volume in allocation.volumes),
        load_balancers=sum(balancer.cost for balancer in allocation.load_balancers),
        control_plane=fee,
    )


def rates(split: Split, hours: float) -> s.Money:
    """Return the parts over the window and an hour, a day and a month at that rate."""
    return s.Money(
        window=split.answered(),
        hourly=split.times(1 / hours).answered(),
        daily=split.times(HOURS_A_DAY / hours).answered(),
        monthly=split.times(HOURS_A_MONTH / hours).answered(),
    )
