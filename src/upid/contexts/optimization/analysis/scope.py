"""Which part of a cluster a question is about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from upid.contexts.optimization.logic.advice import totals
from upid.contexts.optimization.types import Advice, Target
from upid.core.selector import EVERYTHING, Selector
from upid.core.snapshot import Snapshot, WorkloadKey

_ORPHANS = ("PersistentVolumeClaim", "PersistentVolume", "Service")


@dataclass(frozen=True, slots=True)
class Scope:
    """Workloads in some namespaces (globs) with some labels; whole when neither is given."""

    namespaces: tuple[str, ...] = ()
    selector: Selector = EVERYTHING
    text: str = ""

    @classmethod
    def of(cls, namespaces: Sequence[str] | None, selector: str | None) -> "Scope":
        """Return the scope that a question names. Raises BadSelector."""
        found = tuple(namespaces or ())
        words = [f"namespace {name}" for name in found] + ([selector] if selector else [])
        return cls(found, Selector.parse(selector or ""), ", ".join(words))

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return not self.namespaces and not self.selector.requirements

    def namespace(self, name: str) -> bool:
        """Say whether a namespace is in it."""
        return not self.namespaces or any(fnmatchcase(name, glob) for glob in self.namespaces)

    def workloads(self, inventory: Snapshot) -> frozenset[WorkloadKey]:
        """Return the workloads in it; a workload's labels and its pods' labels both count."""
        return frozenset(
            w.key
            for w in inventory.workloads
            if self.namespace(w.key.namespace)
            and self.selector.matches({**w.pod_labels, **w.labels})
        )


def narrowed(advice: Advice, scope: Scope, within: frozenset[WorkloadKey]) -> Advice:
    """Return the advice on a scope; its totals are of what is in it."""
    if scope.whole:
        return advice
    kept = tuple(one for one in advice.recommendations if _inside(one.target, scope, within))
    return replace(
        advice,
        recommendations=kept,
        left_alone=tuple(o for o in advice.left_alone if _inside(o.target, scope, within)),
        headroom=tuple(row for row in advice.headroom if _inside(row.target, scope, within)),
        totals=totals(kept),
    )


def _inside(target: Target, scope: Scope, within: frozenset[WorkloadKey]) -> bool:
    """Workloads by their key; what is no workload (a volume, a Service) by its namespace."""
    if WorkloadKey(*target[:3]) in within:
        return True
    orphan = target.kind in _ORPHANS and not scope.selector.requirements
    return orphan and scope.namespace(target.namespace)
