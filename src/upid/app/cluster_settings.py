"""What single clusters have of their own, laid over what is set for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from upid.app.settings import Settings
from upid.contexts.configuration import ConfigurationService, Fallback, Section
from upid.contexts.insights.settings import InsightSettings
from upid.contexts.optimization.settings import AdviceRule, AdviceRules, OptimizationSettings

_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_KINDS = ("rightsizing", "idle", "cost")


@dataclass(frozen=True, slots=True)
class _Same:
    """A setting of a cluster, and the one of the whole program that it stands before."""

    section: Section
    name: str
    whole: str
    unit: timedelta | None = None

    def shown(self, value: object) -> object:
        """Return the program's value as the cluster's setting has it."""
        if isinstance(value, timedelta) and self.unit is not None:
            return value / self.unit
        return list(value) if isinstance(value, tuple) else value

    def meant(self, value: object) -> object:
        """Return the cluster's value as the program's setting has it."""
        if isinstance(value, int | float) and self.unit is not None:
            return value * self.unit
        return tuple(value) if isinstance(value, list) else value


_INSIGHTS = (
    "idle_above",
    "business_weight",
    "resource_weight",
    "temporal_weight",
    "dependency_weight",
)
_OPTIMIZATION = (
    "efficiency",
    "cpu_quantile",
    "cpu_headroom",
    "memory_margin",
    "oom_bump",
    "throttle_bump",
    "least_coverage",
    "least_runs",
)
_TIMES = {
    "half_life": ("half_life_hours", _HOUR),
    "startup": ("startup_minutes", _MINUTE),
    "least_history": ("least_history_hours", _HOUR),
    "valid_for": ("valid_for_days", _DAY),
}
SAME = (
    _Same(Section.GENERAL, "check_interval_seconds", "clusters.check_interval", _SECOND),
    *(_Same(Section.THRESHOLDS, name, f"insights.{name}") for name in _INSIGHTS),
    *(_Same(Section.THRESHOLDS, name, f"optimization.{name}") for name in _OPTIMIZATION),
    *(
        _Same(Section.THRESHOLDS, name, f"optimization.{whole}", unit)
        for whole, (name, unit) in _TIMES.items()
    ),
    *(
        _Same(Section.RULES, f"{kind}.{part}", f"optimization.rules.{kind}.{part}")
        for kind in _KINDS
        for part in ("on", "except_namespaces")
    ),
)


def fallbacks(
    settings: Settings, origins: Mapping[str, str]
) -> Mapping[Section, Mapping[str, Fallback]]:
    """Return what all clusters have, and where each value is from."""
    found: dict[Section, dict[str, Fallback]] = {section: {} for section in Section}
    for same in SAME:
        value: object = settings
        for part in same.whole.split("."):
            value = getattr(value, part)
        origin = origins.get(same.whole, "default")
        found[same.section][same.name] = Fallback(same.shown(value), origin)
    return found


class SettingsOfClusters:
    """Answers by which settings a cluster is judged and advised on; asked from any thread."""

    def __init__(self, settings: Settings, configuration: ConfigurationService) -> None:
        self._settings, self._configuration = settings, configuration

    def insights(self, cluster_id: str) -> InsightSettings:
        """Return how the idleness of a cluster's workloads is judged."""
        own = self._own(cluster_id, "insights")
        return self._settings.insights.model_copy(update=own) if own else self._settings.insights

    def optimization(self, cluster_id: str) -> OptimizationSettings:
        """Return when and where advice is given on a cluster."""
        all_clusters = self._settings.optimization
        own = self._own(cluster_id, "optimization")
        rules = self._rules(cluster_id, own, all_clusters.rules)
        plain = {name: value for name, value in own.items() if "." not in name}
        if not plain and rules == all_clusters.rules:
            return all_clusters
        return all_clusters.model_copy(update={**plain, "rules": rules})

    def _rules(
        self, cluster_id: str, own: Mapping[str, object], all_clusters: AdviceRules
    ) -> AdviceRules:
        """Return the rules of a cluster; what is excluded there is so for every kind of advice."""
        general = self._configuration.values(cluster_id, Section.GENERAL)
        excluded = tuple(cast("list[str]", general["excluded_namespaces"]))
        found = {}
        for kind in _KINDS:
            rule = getattr(all_clusters, kind)
            on = bool(own.get(f"rules.{kind}.on", rule.on))
            left_out = own.get(f"rules.{kind}.except_namespaces", rule.except_namespaces)
            names = (*cast("tuple[str, ...]", left_out), *excluded)
            found[kind] = AdviceRule(on=on, except_namespaces=tuple(dict.fromkeys(names)))
        return AdviceRules(**found)

    def _own(self, cluster_id: str, part: str) -> dict[str, object]:
        """Return what a cluster has of its own of one part of the settings, by its name there."""
        found: dict[str, object] = {}
        for section in (Section.THRESHOLDS, Section.RULES):
            given = self._configuration.own(cluster_id, section)
            for same in SAME:
                if same.section is section and same.name in given:
                    where, _, name = same.whole.partition(".")
                    if where == part:
                        found[name] = same.meant(given[same.name])
        return found
