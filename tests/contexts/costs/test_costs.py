"""What a cluster costs, asked through the service over objects and samples in memory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.fixtures.memory_source import START, MemorySource, facts_of, version_of
from upid.adapters.pricelist import ShippedPrices
from upid.contexts.clusters import ClusterService
from upid.contexts.costs import Allocation, CostService, CostSettings, UnknownBreakdown
from upid.contexts.costs.errors import NothingInWindow
from upid.contexts.metrics import PanelService
from upid.core.allocation import CPU as CPU_PLACE
from upid.core.allocation import Basis, Model, Sharing
from upid.core.explain import Unknown
from upid.core.metrics import CPU, MEMORY, Entity
from upid.core.ports.cluster_source import NodePrice, ObjectVersion, PriceSheet
from upid.core.ports.prices import PriceKind
from upid.core.window import Window

GIB = 1 << 30
DAY = 24
OLD = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS = (
    "namespace", "workload", "kind", "pod", "container", "node", "pool", "cluster", "label:app",
)  # fmt: skip


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def node(
    name: str,
    *,
    created: datetime = OLD,
    until: datetime | None = None,
    labels: Mapping[str, str] | None = None,
) -> ObjectVersion:
    stated = {
        "topology.kubernetes.io/region": "us-east-1",
        "node.kubernetes.io/instance-type": "m5.xlarge",
        "eks.amazonaws.com/nodegroup": "general",
        "kubernetes.io/os": "linux",
        **(labels or {}),
    }
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name, "uid": f"uid-{name}",
            "creationTimestamp": stamp(created), "labels": stated,
        },
        "spec": {"providerID": f"aws:///us-east-1a/i-{name}"},
        "status": {"capacity": {"cpu": "4", "memory": "16Gi"}, "conditions": []},
    }  # fmt: skip
    return version_of(body, since=created, until=until)


def pod(
    name: str,
    on: str | None = "n1",
    *,
    namespace: str = "shop",
    cpu: str = "500m",
    memory: str = "1Gi",
    created: datetime = OLD,
    since: datetime | None = None,
    until: datetime | None = None,
    claims: Sequence[str] = (),
) -> ObjectVersion:
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "uid": f"uid-{name}",
            "creationTimestamp": stamp(created), "labels": {"app": name.partition("-")[0]},
        },
        "spec": {
            **({"nodeName": on} if on else {}),
            "containers": [
                {"name": "main", "image": "app:1",
                 "resources": {"requests": {"cpu": cpu, "memory": memory}}},
            ],
            "volumes": [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims],
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip
    return version_of(body, since=since or created, until=until)


def volume(name: str, claim: str, *, gib: int = 100) -> tuple[ObjectVersion, ...]:
    reference = {"namespace": "shop", "name": claim}
    held: dict[str, object] = {"claimRef": reference} if claim else {}
    persistent = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": stamp(OLD)},
        "spec": {"capacity": {"storage": f"{gib}Gi"}, "storageClassName": "gp3", **held},
        "status": {"phase": "Bound" if claim else "Available"},
    }
    if not claim:
        return (version_of(persistent, since=OLD),)
    bound = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim, "namespace": "shop", "uid": f"uid-{claim}",
            "creationTimestamp": stamp(OLD),
        },
        "spec": {
            "volumeName": name, "storageClassName": "gp3",
            "resources": {"requests": {"storage": f"{gib}Gi"}},
        },
        "status": {"phase": "Bound", "capacity": {"storage": f"{gib}Gi"}},
    }  # fmt: skip
    return version_of(persistent, since=OLD), version_of(bound, since=OLD)


def balancer(name: str, app: str) -> ObjectVersion:
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name, "namespace": "shop", "uid": f"uid-{name}",
            "creationTimestamp": stamp(OLD),
        },
        "spec": {"type": "LoadBalancer", "selector": {"app": app}},
    }  # fmt: skip
    return version_of(body, since=OLD)


def service_over(
    objects: Sequence[ObjectVersion],
    *,
    measured: Sequence[str] = (),
    cores: float = 0.1,
    memory: float = GIB / 2,
    hours: float = DAY,
    prices: PriceSheet | None = None,
) -> CostService:
    """Return the service over one cluster; `measured` pods take `cores` and `memory`."""
    steps = round(hours * 12)
    series = {
        Entity.CONTAINER: [("shop", name, f"uid-{name}", "main") for name in measured],
    }
    shape = (len(measured), steps)
    samples = {CPU: np.full(shape, cores), MEMORY: np.full(shape, memory)} if measured else {}
    clusters = ClusterService()
    clusters.attach(MemorySource(facts_of(hours=hours), objects, series, samples, prices))
    return CostService(clusters, PanelService(), ShippedPrices(), CostSettings())


def sheet(hourly: float = 100 / 720) -> PriceSheet:
    return PriceSheet("USD", tuple(NodePrice(n, hourly, "bill", "2026-03") for n in ("n1", "n2")))


def everything() -> CostService:
    """Return a small cluster with something of each kind that costs."""
    objects = [
        node("n1"), node("n2", until=START + timedelta(hours=6)),
        pod("web-1"), pod("web-2", "n2"), pod("db-0", claims=["data"]), pod("lost-1", None),
        *volume("pv-data", "data"), *volume("pv-old", ""),
        balancer("front", "web"), balancer("forgotten", "gone"),
    ]  # fmt: skip
    return service_over(objects, measured=["web-1", "db-0"])


def test_the_example_of_the_specification_holds_through_the_service() -> None:
    """COST-3: 0.5 CPU and 1 GiB on 4 CPU and 16 GiB at 100 a month are 10.00."""
    found = service_over([node("n1"), pod("web-1")], hours=720, prices=sheet()).allocation()

    assert found.allocated.tolist() == [10_000_000]
    assert found.monthly(int(found.allocated[0])) == 10_000_000
    assert found.node_total == 100_000_000


@pytest.mark.parametrize("by", GROUPS)
@pytest.mark.parametrize("sharing", Sharing)
def test_the_lines_of_every_breakdown_add_up_to_the_total(by: str, sharing: Sharing) -> None:
    """COST-2: used + wasted = allocated, and nothing is lost or counted twice."""
    costs = everything()
    found = costs.allocation(share_idle=sharing)

    lines = costs.breakdown(found, by)

    assert sum(line.total for line in lines) == found.total
    assert sum(line.allocated for line in lines) == int(found.allocated.sum())
    assert all(line.used + line.wasted == line.allocated for line in lines)
    assert all(line.wasted >= line.unmeasured >= 0 for line in lines)
    assert sum(line.storage for line in lines) == sum(v.cost for v in found.volumes)
    assert len({line.key for line in lines}) == len(lines)


def test_a_cluster_costs_its_nodes_volumes_load_balancers_and_control_plane() -> None:
    """COST-2: with the published prices of each."""
    found = everything().allocation()

    assert found.node_total == round(0.192e6 * (24 + 6))
    assert [v.cost for v in found.volumes] == [round(0.08 / 730 * 100 * 24 * 1e6)] * 2
    assert [b.cost for b in found.load_balancers] == [540_000, 540_000]
    assert found.control_plane is not None
    assert found.control_plane.cost == 2_400_000
    assert found.total == found.node_total + sum(v.cost for v in found.volumes) + 3_480_000


def test_unused_volumes_and_load_balancers_without_back_ends_are_told() -> None:
    found = everything().allocation()

    assert {v.name: v.unused for v in found.volumes} == {
        "pv-data": "",
        "pv-old": "no claim holds it",
    }
    assert {b.name: b.backed for b in found.load_balancers} == {"forgotten": False, "front": True}


def test_a_pod_is_charged_only_while_it_and_its_node_are_there() -> None:
    objects = [
        node("n1"), node("n2", until=START + timedelta(hours=6)),
        pod("late-1", created=START + timedelta(hours=18)),
        pod("gone-1", until=START + timedelta(minutes=90)),
        pod("moved-1", "n2"),
    ]  # fmt: skip
    found = service_over(objects, prices=sheet(1.0)).allocation()

    charged = {row.pod: int(a) for row, a in zip(found.containers, found.allocated, strict=True)}
    assert charged == {"late-1": 600_000, "gone-1": 150_000, "moved-1": 600_000}


def test_a_pod_that_is_older_than_its_node_is_charged_from_the_node_on() -> None:
    late = node("n1", created=START + timedelta(minutes=30))
    found = service_over([late, pod("web-1")], prices=sheet(1.0)).allocation()

    assert found.node_total == 23_500_000
    assert found.allocated.tolist() == [2_350_000]


def test_a_resize_in_place_changes_the_charge_from_its_hour_on() -> None:
    half = START + timedelta(hours=12)
    objects = [
        node("n1"),
        pod("web-1", cpu="500m", memory="0", until=half),
        pod("web-1", cpu="1500m", memory="0", since=half),
    ]
    found = service_over(objects, prices=sheet(1.0)).allocation()

    assert found.cpu_allocated.tolist() == [round(0.6 * (12 * 0.5 + 12 * 1.5) / 4 * 1e6)]


def test_pods_on_no_known_node_are_named_and_charged_nothing() -> None:
    found = everything().allocation()

    lost = next(i for i, row in enumerate(found.containers) if row.pod == "lost-1")
    assert found.allocated[lost] == 0
    assert any("1 pod on no known node" in note for note in found.notes)


def test_usage_is_matched_by_pod_and_container_and_coverage_is_told() -> None:
    found = everything().allocation()

    web = found.rows["uid-web-1", "main"]
    other = found.rows["uid-web-2", "main"]
    assert found.cpu_used[web] == round(0.192e6 * 24 * 0.6 * 0.1 / 4)
    assert found.unmeasured[web] == 0
    assert found.unmeasured[other] == found.allocated[other] > 0
    assert found.coverage == pytest.approx(48 / 54)
    assert any("without a usage sample" in note for note in found.notes)


def test_efficiency_is_unknown_where_nothing_was_allocated_or_measured() -> None:
    """COST-2: not zero."""
    costs = everything()
    lines = {line.key: line for line in costs.breakdown(costs.allocation(), "pod")}

    assert lines["shop/web-1"].efficiency == pytest.approx((0.6 / 40 + 0.4 / 32) / 0.1, rel=1e-5)
    assert lines["shop/web-2"].efficiency == Unknown("no usage was measured")
    assert lines["__idle__"].efficiency == Unknown("nothing was allocated")


def priced(
    labels: Mapping[str, str] | None = None, *, prices: PriceSheet | None = None
) -> Allocation:
    return service_over([node("n1", labels=labels)], prices=prices).allocation()


def test_the_bill_comes_before_the_list_and_the_list_before_the_rates() -> None:
    """COST-4: with kind, name and date of each."""
    bill = priced(prices=sheet()).nodes[0]
    listed = priced().nodes[0]
    spot = priced({"eks.amazonaws.com/capacityType": "SPOT"}).nodes[0]
    rated = priced({"node.kubernetes.io/instance-type": "x9.huge"})

    assert (bill.price.kind, bill.price.as_of) == (PriceKind.BILL, "2026-03")
    assert (listed.hourly, listed.price.kind) == (0.192, PriceKind.LIST)
    assert listed.price.as_of == "2026-07-20"
    assert spot.hourly < listed.hourly
    assert "Spot Advisor" in spot.price.source
    assert rated.nodes[0].price.kind is PriceKind.RATES
    assert rated.nodes[0].hourly == pytest.approx(4 * 0.031611 + 16 * 0.004237)
    assert any("priced by core-hour" in note for note in rated.notes)


def test_yuan_are_never_added_to_dollars() -> None:
    """COST-4: a cluster in China is in CNY; what has no price in it counts as 0 and is named."""
    found = service_over(
        [node("n1", labels={"topology.kubernetes.io/region": "cn-north-1"}), *volume("pv", "")]
    ).allocation()

    assert (found.currency, found.nodes[0].hourly) == ("CNY", 2.026)
    assert found.volumes[0].cost == 0
    assert found.control_plane is None
    assert any("1 volume" in note for note in found.notes)


def test_the_question_is_asked_by_model_basis_and_window() -> None:
    costs = everything()
    whole = costs.allocation()
    evening = Window(START + timedelta(hours=18), START + timedelta(hours=24))

    assert costs.allocation() is whole
    assert costs.allocation(model=Model.PRICE_RATIO).cpu_allocated.sum() > 0
    assert costs.allocation(basis=Basis.REQUEST).basis is Basis.REQUEST
    part = costs.allocation(window=evening)
    assert part.node_total == round(0.192e6 * 6)
    assert part.coverage == 1.0
    assert [n.name for n in part.nodes] == ["n1"]


def test_a_window_that_reaches_beyond_the_source_is_held_to_it() -> None:
    costs = everything()
    wide = Window(START - timedelta(days=3), START + timedelta(days=30))

    assert costs.allocation(window=wide).window == costs.allocation().window
    with pytest.raises(NothingInWindow, match="nothing is known of the window"):
        costs.allocation(window=Window(START - timedelta(days=3), START))


def test_a_saving_is_asked_of_the_allocation_by_row() -> None:
    found = everything().allocation()
    row = np.array([found.rows["uid-web-1", "main"]])

    gain = found.saved(row, cpu_request=np.array([0.25]))

    assert gain.tolist() == [round(0.192e6 * 24 * 0.6 * 0.25 / 4)]


def test_a_cluster_without_samples_or_nodes_still_answers() -> None:
    found = service_over([pod("web-1", None)]).allocation()

    assert found.total == 0
    assert isinstance(found.coverage, Unknown)
    assert any("no node was there" in note for note in found.notes)


def test_an_unknown_grouping_says_which_there_are() -> None:
    costs = everything()

    with pytest.raises(UnknownBreakdown, match="'team'") as caught:
        costs.breakdown(costs.allocation(), "team")
    assert "namespace" in caught.value.hint


def test_series_of_unknown_pods_are_counted() -> None:
    found = service_over([node("n1"), pod("web-1")], measured=["web-1", "ghost-1"]).allocation()

    assert any(note.startswith("1 series of samples") for note in found.notes)


def test_overcommitted_hours_are_told() -> None:
    """COST-1: the answer says how many node-hours were scaled."""
    found = service_over(
        [node("n1"), pod("a-1", cpu="3"), pod("b-1", cpu="3")], prices=sheet()
    ).allocation()

    assert found.nodes[0].idle_cpu == 0
    assert found.shares.parts[:, CPU_PLACE].sum() == pytest.approx(0.6 * found.node_total, abs=1)
    assert any(note.startswith("24 node-hours charged beyond") for note in found.notes)


def test_facts_that_a_line_shares_are_on_it() -> None:
    """COST-2: instance type, region and pricing model, where there is but one."""
    costs = everything()
    lines = {line.key: line for line in costs.breakdown(costs.allocation(), "pool")}

    general = lines["general"]
    assert (general.instance_type, general.region) == ("m5.xlarge", "us-east-1")
    assert general.capacity_type == "on-demand"
    assert lines["__storage__"].instance_type == ""
