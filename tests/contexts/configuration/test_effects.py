"""What single clusters have of their own changes what is said of them, and of no other.

The recording that ships is attached as two clusters, so that what differs is the settings alone.

Broken on purpose, and caught here: idleness kept by cluster and window alone; advice kept without
the settings that idleness was judged by; a rule that drops advice without a word; excluded
namespaces that hold for one kind of advice only.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from numpy import int64
from numpy.typing import NDArray

from tests.fixtures.asgi import calling
from tests.fixtures.clock import FixedClock
from upid.adapters.recordings import open_recording
from upid.app.cluster_settings import SAME, SettingsOfClusters, fallbacks
from upid.app.settings import Settings
from upid.app.wiring import analysis_routers, answering
from upid.contexts.clusters import ClusterService
from upid.contexts.configuration import ConfigurationService, Section
from upid.contexts.configuration.endpoints import router
from upid.contexts.configuration.repository import ConfigurationRepository
from upid.contexts.configuration.sections import SHAPES, Rules, known_of
from upid.contexts.optimization import AdviceType
from upid.core.metrics import Entity, Metric
from upid.core.panel import Panel
from upid.core.ports.cluster_source import (
    Catalogue,
    ClusterSource,
    ObjectVersion,
    PriceSheet,
    SourceFacts,
)
from upid.core.window import Window
from upid.gateway.app import create_app
from upid.kit.db import Database

pytestmark = pytest.mark.anyio

OTHER = "cl_00000000000000ff"
Answer = dict[str, Any]


class AlsoCalled(ClusterSource):
    """A source under another id and name."""

    def __init__(self, source: ClusterSource) -> None:
        self._source = source

    def facts(self) -> SourceFacts:
        return replace(self._source.facts(), id=OTHER, name="other")

    def objects(self, kinds: Sequence[str] | None = None) -> Iterator[ObjectVersion]:
        return self._source.objects(kinds)

    def catalogue(self, entity: Entity) -> Catalogue:
        return self._source.catalogue(entity)

    def panel(
        self, metric: Metric, window: Window | None = None, ids: NDArray[int64] | None = None
    ) -> Panel:
        return self._source.panel(metric, window, ids)

    def prices(self) -> PriceSheet | None:
        return self._source.prices()


class Two:
    """The API over two clusters that hold the same."""

    def __init__(self, http: httpx2.AsyncClient, sample: str) -> None:
        self.http, self.sample = http, sample

    async def analysis(self, cluster: str) -> Answer:
        body = {"cluster_id": cluster, "options": {"time_range": "30d", "limit": 200}}
        answer = await self.http.post("/api/v1/analyze/cluster", json=body)
        assert answer.status_code == 200, answer.text
        found: Answer = answer.json()
        return found

    async def put(self, path: str, body: Answer) -> None:
        answer = await self.http.put(f"/api/v1/config/clusters/{self.sample}{path}", json=body)
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def two(sqlite_url: str, sample: Path) -> AsyncIterator[Two]:
    clusters, chosen, db = ClusterService(), Settings(home=sample.parent), Database(sqlite_url)
    attached = clusters.attach(open_recording(sample))
    clusters.attach(AlsoCalled(open_recording(sample)))
    configuration = ConfigurationService(
        db,
        ConfigurationRepository,
        lambda named: clusters.find(named).id,
        fallbacks(chosen, {}),
        FixedClock(),
    )
    own = SettingsOfClusters(chosen, configuration)
    services = {**answering(clusters, chosen, own), ConfigurationService: configuration}
    async with calling(create_app([*analysis_routers(), router], services, server=True)) as http:
        yield Two(http, attached.id)
    await db.close()


def types(found: Answer) -> dict[str, int]:
    counts = dict.fromkeys(("rightsizing", "idle", "cost"), 0)
    for one in found["recommendations"]:
        counts[one["type"]] += 1
    return counts


async def test_an_override_changes_its_own_cluster_and_no_other(two: Two) -> None:
    """CFG-1, IDL-1: from which probability on a workload is idle."""
    before = await two.analysis(two.sample)
    assert before["idle_counts"]["idle"] >= 10
    await two.put("/thresholds", {"idle_above": 99})
    strict = await two.analysis(two.sample)
    await two.put("/thresholds", {"idle_above": 35})
    loose = await two.analysis(two.sample)
    await two.put("/thresholds", {})

    assert strict["idle_counts"]["idle"] == types(strict)["idle"] == 0
    assert loose["idle_counts"]["idle"] > before["idle_counts"]["idle"]
    assert {one["idle_above"] for one in loose["idle"]} == {35}
    assert await two.analysis(two.sample) == before
    untouched = await two.analysis(OTHER)
    assert types(untouched) == types(before)
    assert untouched["idle_counts"] == before["idle_counts"]


async def test_thresholds_of_rightsizing_change_what_is_advised(two: Two) -> None:
    """CFG-1, OPT-1: efficiency, headroom, how long advice holds."""
    before = await two.analysis(two.sample)
    await two.put("/thresholds", {"efficiency": 0.0})
    content = await two.analysis(two.sample)
    await two.put("/thresholds", {"cpu_headroom": 1.0, "valid_for_days": 1})
    roomy = await two.analysis(two.sample)
    await two.put("/thresholds", {"least_history_hours": 8760})
    patient = await two.analysis(two.sample)

    assert types(content)["rightsizing"] < types(before)["rightsizing"]
    saved = [f["optimization_potential"]["by_type"]["rightsizing"] for f in (before, roomy)]
    assert saved[1]["monthly"] < saved[0]["monthly"]
    assert roomy["recommendations"][0]["expires"] < before["recommendations"][0]["expires"]
    sized = [r["kind"] for r in patient["recommendations"] if r["type"] == "rightsizing"]
    assert set(sized) == {"CronJob"}  # counted in runs, not in hours
    untouched = await two.analysis(OTHER)
    assert untouched["optimization_potential"] == before["optimization_potential"]


async def test_weights_of_a_cluster_change_the_probability(two: Two) -> None:
    """CFG-1, IDL-1: the four weights."""
    names = ("business_weight", "resource_weight", "temporal_weight", "dependency_weight")
    before = {one["workload"]: one for one in (await two.analysis(two.sample))["idle"]}
    await two.put("/thresholds", dict(zip(names, (0.0, 0.0, 1.0, 0.0), strict=True)))
    after = {one["workload"]: one for one in (await two.analysis(two.sample))["idle"]}

    both = before.keys() & after.keys()
    assert both
    assert all(before[key]["probability"] != after[key]["probability"] for key in both)


@pytest.mark.parametrize("kind", [kind.value for kind in AdviceType])
async def test_a_kind_of_advice_that_is_off_is_given_nowhere_and_said_so(
    two: Two, kind: str
) -> None:
    """CFG-1, OPT-4: rules."""
    before = await two.analysis(two.sample)
    await two.put("/rules", {kind: {"on": False}})
    after = await two.analysis(two.sample)

    assert types(before)[kind] > 0
    assert types(after)[kind] == 0
    rest = {k: n for k, n in types(before).items() if k != kind}
    assert all(types(after)[k] >= n for k, n in rest.items())
    ruled = [one for one in after["left_alone"] if one["code"] == "ruled_out"]
    if kind == "idle":  # what may not sleep is looked at like anything else
        assert types(after)["rightsizing"] > types(before)["rightsizing"]
    else:
        assert len(ruled) == types(before)[kind]
        assert {one["reason"] for one in ruled} == {
            f"{kind} is ruled out: advice of this kind is turned off"
        }
    assert types(await two.analysis(OTHER)) == types(before)


async def test_namespaces_are_left_out_of_one_kind_of_advice_or_of_all(two: Two) -> None:
    """CFG-1: globs, per kind and for the whole cluster."""

    def of(found: Answer, namespace: str) -> dict[str, int]:
        there = [r for r in found["recommendations"] if r["namespace"].startswith(namespace)]
        return types({"recommendations": there})

    before = await two.analysis(two.sample)
    await two.put("/rules", {"idle": {"except_namespaces": ["preview-*"]}})
    one_kind = await two.analysis(two.sample)
    await two.put("", {"excluded_namespaces": ["analytics"]})
    both = await two.analysis(two.sample)

    assert min(of(before, "preview-")["idle"], of(before, "analytics")["idle"]) > 0
    assert of(one_kind, "preview-")["idle"] == 0
    assert of(one_kind, "preview-")["rightsizing"] > of(before, "preview-")["rightsizing"]
    assert of(one_kind, "analytics") == of(before, "analytics")
    assert sum(of(both, "analytics").values()) == 0
    assert of(both, "preview-") == of(one_kind, "preview-")


def test_every_threshold_and_rule_stands_before_a_setting_with_the_same_default() -> None:
    """CFG-1: nothing can be set that changes nothing; defaults are told in one place."""
    program = fallbacks(Settings(home=Path("home")), {})
    for section in (Section.THRESHOLDS, Section.RULES):
        own = {one.name: one.fallback.value for one in known_of(section, {})}
        assert own == {name: fallback.value for name, fallback in program[section].items()}
    assert set(Rules.model_fields) == {kind.value for kind in AdviceType}
    assert {same.section for same in SAME} <= set(SHAPES)


def test_values_that_are_set_for_all_clusters_say_where() -> None:
    """CFG-1: the origin of a default."""
    chosen = Settings.model_validate({"home": "home", "optimization": {"half_life": 7200}})
    found = fallbacks(chosen, {"optimization.half_life": "UPID_OPTIMIZATION__HALF_LIFE"})
    half_life = found[Section.THRESHOLDS]["half_life_hours"]
    assert (half_life.value, half_life.origin) == (2, "UPID_OPTIMIZATION__HALF_LIFE")
