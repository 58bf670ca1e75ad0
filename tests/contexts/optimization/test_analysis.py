"""An analysis puts cost, idleness and advice together, and the same question has one answer."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from upid.adapters.recordings import Recording, open_recording
from upid.app.settings import load_settings
from upid.app.wiring import answering, local_app
from upid.client.transport import InProcess
from upid.contexts.clusters import ClusterService
from upid.contexts.optimization.analysis import AnalysisService
from upid.core.metrics import Metric
from upid.core.panel import Ints, Panel
from upid.core.window import Window
from upid.kit.pagination import write_cursor

Json: TypeAlias = Any  # as json decodes it
CENTS = 0.005
PARTS = (
    "used",
    "headroom",
    "workload_idle",
    "infrastructure_idle",
    "unknown",
    "storage",
    "load_balancers",
    "control_plane",
)


class Asked(Recording):
    """A recording that remembers which panels it was asked for."""

    def __init__(self, found: Recording) -> None:
        super().__init__(found.members, found.manifest)
        self.asked: Counter[tuple[str, str, bytes]] = Counter()

    def panel(self, metric: Metric, window: Window | None = None, ids: Ints | None = None) -> Panel:
        self.asked[metric.name, str(window), b"" if ids is None else ids.tobytes()] += 1
        return super().panel(metric, window, ids)


class Asking:
    """The API over the sample, asked in this process."""

    def __init__(self, transport: InProcess) -> None:
        self._transport = transport

    def post(self, path: str, status: int = 200, **question: object) -> Json:
        reply = self._transport.send("POST", f"/api/v1{path}", msgspec.json.encode(question))
        assert reply.status == status, reply.body
        return json.loads(reply.body)

    def raw(self, path: str, body: bytes) -> int:
        return self._transport.send("POST", f"/api/v1{path}", body).status

    def get(self, path: str, status: int = 200) -> Json:
        reply = self._transport.send("GET", f"/api/v1{path}", None)
        assert reply.status == status, reply.body
        return json.loads(reply.body)


@pytest.fixture(scope="module")
def api(sample: Path) -> Iterator[Asking]:
    with InProcess(local_app([str(sample)])) as transport:
        yield Asking(transport)


@pytest.fixture(scope="module")
def cluster(api: Asking) -> Json:
    return api.post("/analyze/cluster", options={"limit": 1000})


@pytest.mark.parametrize("rate", ["window", "hourly", "daily", "monthly"])
def test_where_the_money_goes_adds_up_to_the_micro(cluster: Json, rate: str) -> None:
    """COST-1: the parts always add up."""
    money = cluster["money"][rate]

    parts = sum(round(money[part] * 1_000_000) for part in PARTS)

    assert parts == round(money["total"] * 1_000_000)
    assert min(money.values()) >= 0


def test_each_total_is_the_same_whichever_way_it_is_asked(api: Asking, cluster: Json) -> None:
    total = cluster["total_monthly_cost"]
    breakdown = cluster["cost_breakdown"]
    advised = api.get(f"/recommendations/cluster/{cluster['cluster_id']}?time_range=30d"
                      "&confidence_threshold=0&limit=500")  # fmt: skip

    assert total == cluster["money"]["monthly"]["total"]
    for lines in breakdown.values():
        assert sum(line["total"] for line in lines) == pytest.approx(total, abs=CENTS)
    assert advised["potential"] == cluster["optimization_potential"]
    assert advised["items"] == cluster["recommendations"]
    assert advised["total"] == len(advised["items"])


def test_a_workload_costs_the_same_in_the_cluster_as_alone(api: Asking, cluster: Json) -> None:
    for waste in cluster["wastes"][:8]:
        if waste["verdict"] == "unused":
            continue
        alone = api.post(
            "/analyze/deployment",
            deployment_name=waste["name"],
            namespace=waste["namespace"],
            kind=waste["kind"],
        )
        cost = alone["cost_analysis"]
        assert cost["allocated"] == pytest.approx(waste["monthly_cost"], abs=CENTS)
        assert cost["workload_idle"] == pytest.approx(waste["monthly_waste"], abs=CENTS)
        split = sum(cost[part] for part in ("used", "headroom", "workload_idle", "unknown"))
        assert split == pytest.approx(cost["allocated"], abs=CENTS)


def test_the_pods_of_a_workload_cost_what_it_costs(api: Asking) -> None:
    found = api.post("/analyze/deployment", deployment_name="coupon-engine", namespace=None)

    pods = sum(pod["monthly_cost"] for pod in found["pods"])

    assert pods == pytest.approx(found["cost_analysis"]["monthly"], abs=CENTS)
    assert found["total_pods"] == len(found["pods"])


def test_namespaces_one_by_one_add_up_to_what_is_charged(api: Asking, cluster: Json) -> None:
    names = [
        line["key"]
        for line in cluster["cost_breakdown"]["namespaces"]
        if not line["key"].startswith("__")
    ]
    wanted = ("used", "headroom", "workload_idle", "unknown")

    parts = [api.post("/analyze/cluster", namespaces=[name])["money"]["window"] for name in names]

    for part in wanted:
        summed = sum(one[part] for one in parts)
        assert summed == pytest.approx(cluster["money"]["window"][part], abs=1e-4)
    assert all(one["infrastructure_idle"] == 0 for one in parts)


def test_a_scope_by_labels_holds_only_what_has_them(api: Asking) -> None:
    found = api.post("/analyze/cluster", selector="team=discovery", options={"limit": 1000})

    namespaces = {waste["namespace"] for waste in found["wastes"]}
    assert {"search"} <= namespaces <= {"search", "storefront"}
    assert found["cost_breakdown"]["pools"] == []
    assert found["scope"] == "team=discovery"


def test_a_window_longer_than_the_recording_is_held_to_it_and_said(api: Asking) -> None:
    found = api.post("/analyze/cluster", options={"time_range": "30d"})

    assert found["window"]["hours"] == 504
    assert "30d were asked for, 21 days are there" in found["notes"]


def test_a_window_outside_the_recording_is_refused_with_what_is_there(api: Asking) -> None:
    asked = "2020-01-01T00:00:00Z/2020-01-02T00:00:00Z"
    refused = api.post("/analyze/cluster", 404, options={"time_range": asked})

    assert refused["code"] == "nothing_in_window"
    assert "2026-10-05" in refused["hint"]


@pytest.mark.parametrize(
    "asked",
    [
        "1m",
        "2026-10-05T00:03:00Z/2026-10-05T00:04:00Z",
        "2026-10-05T00:00:01Z/2026-10-05T00:00:01.5Z",
        "2026-10-25T23:59:59.999999Z/2026-10-26T00:00:00Z",
    ],
)
def test_a_window_in_which_no_step_begins_is_refused(api: Asking, asked: str) -> None:
    refused = api.post("/analyze/cluster", 404, options={"time_range": asked})
    assert refused["code"] == "nothing_in_window"


def test_a_window_is_of_whole_steps(api: Asking) -> None:
    asked = "2026-10-06T00:03:00Z/2026-10-06T00:06:00.5Z"
    found = api.post("/analyze/cluster", options={"time_range": asked})
    assert found["window"]["start"] == "2026-10-06T00:05:00Z"
    assert found["window"]["end"] == "2026-10-06T00:10:00Z"


@pytest.mark.parametrize("part", ["namespaces", "selector", "cluster_id"])
def test_letters_that_no_text_can_hold_are_refused(api: Asking, part: str) -> None:
    r"""JSON can write half of a letter, `\ud800`, which no answer could repeat."""
    value = b'"\\ud800"' if part != "namespaces" else b'["\\ud800"]'
    assert api.raw("/analyze/cluster", b'{"' + part.encode() + b'": ' + value + b"}") == 422


@pytest.mark.parametrize("text", ["7", "7y", "-1d", "", "2026/2027", "a/b/c"])
def test_a_window_that_makes_no_sense_is_refused(api: Asking, text: str) -> None:
    refused = api.post("/analyze/cluster", 422, options={"time_range": text})

    assert refused["code"] == "bad_window"
    assert refused["hint"]


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(api: Asking) -> None:
    refused = api.post("/analyze/deployment", 404, deployment_name="coupon-engin", namespace=None)

    assert refused["code"] == "workload_not_found"
    assert "checkout/Deployment/coupon-engine" in refused["hint"]


def test_a_workload_in_another_namespace_is_pointed_out(api: Asking) -> None:
    refused = api.post("/analyze/deployment", 404, deployment_name="coupon-engine")

    assert "checkout/Deployment/coupon-engine" in refused["hint"]


def test_a_pod_is_answered_with_its_workload_and_advice_for_that(api: Asking) -> None:
    """API-2."""
    workload = api.post("/analyze/deployment", deployment_name="coupon-engine", namespace=None)
    name = workload["pods"][0]["name"]

    pod = api.post("/analyze/pod", pod_name=name, namespace="checkout")

    assert {"pod_id", "insights", "recommendations", "confidence", "analysis_timestamp"} <= set(pod)
    assert pod["workload"]["name"] == "coupon-engine"
    assert [one["id"] for one in pod["recommendations"]] == [
        one["id"] for one in workload["recommendations"]
    ]
    assert pod["window"]["hours"] == 168


def test_pages_of_recommendations_hold_each_one_once(api: Asking, cluster: Json) -> None:
    path = f"/recommendations/cluster/{cluster['cluster_id']}?time_range=30d&confidence_threshold=0"
    seen, cursor = [], ""
    while True:
        page = api.get(f"{path}&limit=17" + (f"&cursor={cursor}" if cursor else ""))
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert seen == [one["id"] for one in cluster["recommendations"]]
    assert len(set(seen)) == len(seen) == page["total"]


def test_a_cursor_of_something_that_is_not_listed_is_refused(api: Asking, cluster: Json) -> None:
    path = f"/recommendations/cluster/{cluster['cluster_id']}"
    cursor = write_cursor("recommendations", "rec_0000000000000000")

    assert api.get(f"{path}?cursor={cursor}", 422)["code"] == "bad_cursor"


@pytest.mark.parametrize(("threshold", "lowest"), [("0.9", 90), ("90", 90), ("1", 100)])
def test_a_threshold_up_to_one_is_a_fraction(
    api: Asking, cluster: Json, threshold: str, lowest: int
) -> None:
    """API-2."""
    page = api.get(
        f"/recommendations/cluster/{cluster['cluster_id']}?confidence_threshold={threshold}"
    )

    assert all(one["confidence"] >= lowest for one in page["items"])


def test_only_the_wanted_types_and_risks_are_listed(api: Asking, cluster: Json) -> None:
    path = f"/recommendations/cluster/{cluster['cluster_id']}?confidence_threshold=0"

    idle = api.get(f"{path}&type=idle")["items"]
    low = api.get(f"{path}&risk=low")["items"]

    assert {one["type"] for one in idle} == {"idle"}
    assert {one["risk"] for one in low} <= {"low"}


def test_an_unknown_cluster_is_refused_with_those_known(api: Asking, cluster: Json) -> None:
    refused = api.get("/recommendations/cluster/cl_nope", 404)

    assert refused["code"] == "cluster_not_found"
    assert "harbor-prod" in refused["hint"]


def test_the_same_question_gets_the_same_bytes(sample: Path) -> None:
    """OPT-6."""
    question = b'{"options":{"limit":1000}}'
    replies = []
    for _ in range(2):
        with InProcess(local_app([str(sample)])) as transport:
            replies.append(transport.send("POST", "/api/v1/analyze/cluster", question).body)

    assert replies[0] == replies[1]


def test_what_many_ask_at_once_is_computed_once(sample: Path) -> None:
    """Equal questions wait for one answer instead of filling the memory with many."""
    source = Asked(open_recording(sample))
    clusters = ClusterService()
    clusters.attach(source)
    services = answering(clusters, load_settings({}).settings)
    analyses = services[AnalysisService]
    assert isinstance(analyses, AnalysisService)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(analyses.cluster, None, "3d", None, None, 5) for _ in range(8)]
        answers = {msgspec.json.encode(one.result()) for one in asked}
    assert len(answers) == 1
    assert set(source.asked.values()) == {1}


def test_a_pod_is_asked_about_with_every_option_that_the_api_names(api: Asking) -> None:
    """API-2: what cannot be given is told, not refused and not made up."""
    pod: Json = {"pod_name": "prometheus-0", "namespace": "monitoring"}
    plain = api.post("/analyze/pod", **pod)
    wishes = {"include_predictions": True, "include_business_impact": True}

    asked = api.post("/analyze/pod", **pod, options=wishes)
    bare = api.post("/analyze/pod", **pod, options={"include_cost_analysis": False})

    told, known = asked.pop("notes"), plain.pop("notes")
    assert asked == plain
    assert [note.partition(" ")[0] for note in told] == ["predictions", "business", *(
        note.partition(" ")[0] for note in known
    )]  # fmt: skip
    assert plain["insights"]["cost"] is not None
    assert bare["insights"] == {**plain["insights"], "cost": None}
