"""A fleet is made by real controllers, answers resizes, and changes on request."""

from collections import Counter
from datetime import datetime

import pytest

from tests.world.api import ApiError, Json
from tests.world.cluster import is_ready
from tests.world.enclosure import Enclosure
from tests.world.fleet import starting
from tests.world.fleet.census import Census
from tests.world.fleet.running import COMPLETE, SLOW, TAKES, UNREADY, Answer, Fleet
from tests.world.fleet.starting import is_node_ready
from tests.world.fleet_fixtures import Fleets
from tests.world.waiting import WaitedInVain, wait_until
from tests.world.weight import weigh

pytestmark = pytest.mark.world

NODES, PODS = 10, 200
SECONDS = 60
HAND_SLOT = 5
PROGRAMS = ("etcd", "apiserver", "controllers", "scheduler", "kwok")


@pytest.fixture(scope="module")
def shared(fleet: Fleets) -> Fleet:
    """Return a fleet whose nodes are missed quickly, and whose pods give up on them quickly."""
    return fleet(NODES, PODS, heartbeat=8, patience=3)


@pytest.fixture
def small(shared: Fleet) -> Fleet:
    """Return the fleet complete, whatever the test before did to it."""
    shared.wait_ready()
    return shared


def pods_of(fleet: Fleet, kind: str) -> list[Json]:
    """Return the pods that an owner of a kind made."""
    owned = ((pod, pod["metadata"]["ownerReferences"][0]["kind"]) for pod in fleet.pods())
    return [pod for pod, owner in owned if owner == kind]


def names_of(census: Census) -> set[tuple[str, str]]:
    """Return namespaces and names."""
    return {(pod.metadata.namespace, pod.metadata.name) for pod in census.pods.values()}


def resizable(fleet: Fleet, turn: int) -> tuple[str, str, str]:
    """Return namespace, name and container of a pod that asks for CPU, and has no limit of it."""
    found = sorted(
        (pod["metadata"]["namespace"], pod["metadata"]["name"], one["name"])
        for pod in pods_of(fleet, "ReplicaSet")
        for one in pod["spec"]["containers"][:1]
        if "cpu" in one["resources"].get("requests", {})
        and "cpu" not in one["resources"].get("limits", {})
    )
    return found[turn]


def resize_states(pod: Json) -> list[tuple[str, str | None, int]]:
    """Return a pod's conditions of resizes: type, reason, generation."""
    return [
        (one["type"], one.get("reason"), one["observedGeneration"])
        for one in pod["status"]["conditions"]
        if one["type"].startswith("PodResize")
    ]


def cpu(pod: Json, kind: str) -> str:
    """Return a pod's CPU request: wanted, allocated, or actual."""
    if kind == "wanted":
        return str(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"])
    status = pod["status"]["containerStatuses"][0]
    amounts = status["allocatedResources"] if kind == "allocated" else status["resources"]
    return str(amounts["cpu"] if kind == "allocated" else amounts["requests"]["cpu"])


def wait_states(fleet: Fleet, namespace: str, name: str, *wanted: tuple[str, str | None]) -> Json:
    """Wait until a pod has exactly these conditions of resizes, for its newest generation.

    With none it has what it asks for, too: a resize that nobody looked at yet has none either.
    """
    found: Json = {}

    def there() -> bool:
        found.update(fleet.pod(namespace, name))
        generation = found["metadata"]["generation"]
        wants, has = found["spec"]["containers"], found["status"]["containerStatuses"]
        settled = [one["resources"] for one in wants] == [one["resources"] for one in has]
        states = resize_states(found)
        return states == [(*one, generation) for one in wanted] and (settled or bool(wanted))

    wait_until(f"{namespace}/{name} to have {wanted or 'no resize'}", there, SECONDS, fleet.log)
    return found


def test_every_pod_that_was_asked_for_runs_on_a_simulated_node(small: Fleet) -> None:
    census = small.census()

    names = {node["metadata"]["name"] for node in small.nodes()}
    assert (len(names), len(census.pods), census.ready) == (NODES, PODS, PODS)
    assert set(census.by_node()) == names
    addresses = [pod["status"]["podIP"] for pod in small.pods()]
    assert len(set(addresses)) == PODS


def test_each_kind_of_owner_made_the_pods_that_the_plan_gives_it(small: Fleet) -> None:
    owners = Counter(pod["metadata"]["ownerReferences"][0]["kind"] for pod in small.pods())

    plan = small.plan
    assert owners == {
        "ReplicaSet": plan.count("Deployment"),
        "StatefulSet": plan.count("StatefulSet"),
        "DaemonSet": plan.count("DaemonSet"),
        "Job": plan.count("Job"),
    }
    daemons = Counter(pod["spec"]["nodeName"] for pod in pods_of(small, "DaemonSet"))
    assert set(daemons.values()) == {plan.count("DaemonSet") // NODES}


def test_nothing_without_the_toleration_lands_on_a_simulated_node(small: Fleet) -> None:
    pod = {
        "metadata": {"name": "stranger"},
        "spec": {"containers": [{"name": "main", "image": "registry.test/stranger:1"}]},
    }
    path = "/api/v1/namespaces/default/pods"
    small.api.create(path, pod)

    def refused() -> bool:
        seen = small.api.get(f"{path}/stranger")["status"].get("conditions", [])
        return any(one.get("reason") == "Unschedulable" for one in seen)

    try:
        wait_until("the scheduler to refuse the pod", refused, SECONDS)
    finally:
        small.api.delete(f"{path}/stranger", {"gracePeriodSeconds": 0})


def test_a_resize_is_reserved_then_done_and_leaves_no_condition(small: Fleet) -> None:
    namespace, name, container = resizable(small, 0)
    before = small.pod(namespace, name)
    small.annotate(namespace, name, {TAKES: "1s"})

    small.resize(namespace, name, container, cpu="77m")

    during = wait_states(small, namespace, name, ("PodResizeInProgress", None))
    was = cpu(before, "wanted")
    assert [cpu(during, one) for one in ("wanted", "allocated", "actual")] == ["77m", "77m", was]
    after = wait_states(small, namespace, name)
    assert [cpu(after, one) for one in ("wanted", "allocated", "actual")] == ["77m"] * 3
    assert after["status"]["observedGeneration"] == before["metadata"]["generation"] + 1
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


@pytest.mark.parametrize(
    ("turn", "answer", "condition", "allocated"),
    [
        (1, "Deferred", "PodResizePending", "was"),
        (2, "Infeasible", "PodResizePending", "was"),
        (3, "Error", "PodResizeInProgress", "wanted"),
    ],
)
def test_a_resize_gets_the_answer_that_the_pod_is_annotated_with(
    small: Fleet, turn: int, answer: Answer, condition: str, allocated: str
) -> None:
    namespace, name, container = resizable(small, turn)
    was = cpu(small.pod(namespace, name), "wanted")
    small.answer(namespace, name, answer)

    small.resize(namespace, name, container, cpu="77m")

    held = wait_states(small, namespace, name, (condition, answer))
    assert [cpu(held, one) for one in ("wanted", "actual")] == ["77m", was]
    assert cpu(held, "allocated") == (was if allocated == "was" else "77m")
    small.resize(namespace, name, container, cpu=was)  # taken back: as if nothing had been
    undone = wait_states(small, namespace, name)
    assert [cpu(undone, one) for one in ("wanted", "allocated", "actual")] == [was] * 3


def test_a_deferred_resize_happens_once_the_node_has_room(small: Fleet) -> None:
    namespace, name, container = resizable(small, 4)
    small.answer(namespace, name, "Deferred")
    small.resize(namespace, name, container, cpu="77m")
    wait_states(small, namespace, name, ("PodResizePending", "Deferred"))

    small.answer(namespace, name, None)

    assert cpu(wait_states(small, namespace, name), "actual") == "77m"


def test_a_container_that_restarts_for_a_resize_counts_it_and_a_slow_pod_starts_late(
    small: Fleet,
) -> None:
    container = {
        "name": "main",
        "image": "registry.test/slow:1",
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}],
    }
    spec = small.plan.workloads[0].template["spec"] | {"containers": [container]}
    metadata = {"name": "slow", "annotations": {SLOW: "3s"}}
    small.api.create("/api/v1/namespaces/default/pods", {"metadata": metadata, "spec": spec})
    wait_until("the slow pod to run", lambda: is_ready(small.pod("default", "slow")), SECONDS)
    since = {
        one["type"]: datetime.fromisoformat(one["lastTransitionTime"])
        for one in small.pod("default", "slow")["status"]["conditions"]
    }
    assert (since["Ready"] - since["PodScheduled"]).total_seconds() >= 2  # of 3: whole seconds

    for amount, restarts in ({"cpu": "60m"}, 0), ({"memory": "96Mi"}, 1):
        small.resize("default", "slow", "main", **amount)
        found = wait_states(small, "default", "slow")
        assert found["status"]["containerStatuses"][0]["restartCount"] == restarts
    small.api.delete("/api/v1/namespaces/default/pods/slow", {"gracePeriodSeconds": 0})


def test_the_weight_of_a_world_is_told_by_program(small: Fleet, enclosure: Enclosure) -> None:
    found = weigh(enclosure)

    assert {"kube-apiserver", "etcd", "kwok", "kube-scheduler"} <= set(found)
    assert found["kube-apiserver"] > 50 * 2**20


def test_the_api_server_itself_refuses_a_resize_that_changes_the_quality_of_service(
    small: Fleet,
) -> None:
    found = next(
        pod
        for pod in pods_of(small, "ReplicaSet")
        if pod["status"]["qosClass"] == "Guaranteed" and len(pod["spec"]["containers"]) == 1
    )
    metadata = found["metadata"]

    with pytest.raises(ApiError, match="QOS Class may not change"):
        small.resize(metadata["namespace"], metadata["name"], "main", cpu="10m")


def test_churned_pods_are_replaced_by_as_many_others(small: Fleet) -> None:
    before = set(small.census().pods)

    gone = small.churn(30, seed=1)

    after = set(small.wait_ready().pods)
    assert len(set(gone)) == 30
    assert before - after == set(gone)
    assert len(after - before) == 30


def test_a_pod_fails_its_probe_and_passes_it_again_as_told(small: Fleet) -> None:
    metadata = pods_of(small, "StatefulSet")[0]["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]

    small.annotate(namespace, name, {UNREADY: "yes"})
    small.wait("one pod to be unready", lambda found: found.ready == PODS - 1)

    small.annotate(namespace, name, {UNREADY: None})
    small.wait_ready()


def test_a_node_that_is_cut_off_is_missed_and_looks_after_its_pods_when_it_is_back(
    small: Fleet,
) -> None:
    small.cut("fleet-3")

    def lost(found: Census) -> bool:
        on_it = [one for one in found.pods.values() if one.spec.node_name == "fleet-3"]
        given_up = any(one.metadata.deletion_timestamp for one in on_it)
        return given_up and not any(one.is_ready for one in on_it)

    small.wait("the pods of fleet-3 to be given up", lost)
    assert not is_node_ready(small.api.get("/api/v1/nodes/fleet-3"))

    small.join("fleet-3")
    small.wait_ready()
    assert is_node_ready(small.api.get("/api/v1/nodes/fleet-3"))


def test_jobs_end_when_told_and_a_removed_node_takes_its_pods_along(shared: Fleet) -> None:
    shared.wait_ready()
    jobs = pods_of(shared, "Job")
    for pod in jobs:
        shared.annotate(pod["metadata"]["namespace"], pod["metadata"]["name"], {COMPLETE: "yes"})
    shared.wait("the Jobs' pods to succeed", lambda found: found.phases()["Succeeded"] == len(jobs))

    shared.remove("fleet-4")

    left = PODS - len(jobs) - shared.plan.count("DaemonSet") // NODES

    def elsewhere(found: Census) -> bool:
        # a DaemonSet may have replaced a pod there before it saw that the node is gone
        return found.ready == left and "fleet-4" not in found.by_node()

    shared.wait("the others to run elsewhere", elsewhere)


def test_a_wait_in_vain_names_what_was_waited_for_and_what_is_there(shared: Fleet) -> None:
    with pytest.raises(WaitedInVain, match=r"waited 0\.2 s for a miracle; there are .*Ready"):
        shared.wait("a miracle", lambda _: False, 0.2)


def test_pods_bound_by_hand_run_come_again_when_churned_and_leave_nothing(
    enclosure: Enclosure,
) -> None:
    with starting.running(enclosure, 4, 40, slot=HAND_SLOT, through="binding") as bound:
        planned = {
            (path.split("/")[4], body["metadata"]["name"]) for path, body in bound.plan.bound()
        }
        assert names_of(bound.census()) == planned
        assert not any("ownerReferences" in pod["metadata"] for pod in bound.pods())

        gone = bound.churn(10)

        after = bound.wait_ready()
        assert not set(gone) & set(after.pods)
        assert names_of(after) == planned
    programs = {name for name in enclosure.programs if name.endswith(f"-{HAND_SLOT}")}
    assert programs == {f"{name}-{HAND_SLOT}" for name in PROGRAMS}
    assert not any(enclosure.program(name).alive for name in programs)
