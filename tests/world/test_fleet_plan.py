"""A fleet is what was asked for, to the pod, and the same every time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.fleet import shapes
from tests.world.fleet.plan import plan
from tests.world.fleet.shapes import Size

Asked = tuple[int, int, int]  # nodes, pods, seed
PODS_EACH = 25  # at most, on average: the largest instances carry that many of any kind


@st.composite
def numbers(draw: st.DrawFn) -> Asked:
    nodes = draw(st.integers(1, 20))
    return nodes, draw(st.integers(0, PODS_EACH * nodes)), draw(st.integers(0, 5))


ASKED = numbers()
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


@settings(max_examples=20)
@given(ASKED)
def test_there_are_exactly_as_many_nodes_and_pods_as_asked_for(asked: Asked) -> None:
    found = plan(*asked)

    assert (len(found.nodes), found.pods, len(list(found.bound()))) == (
        asked[0],
        asked[1],
        asked[1],
    )
    assert sum(found.count(kind) for kind in KINDS) == asked[1]


@settings(max_examples=20)
@given(ASKED)
def test_the_same_numbers_and_seed_give_the_same_objects(asked: Asked) -> None:
    assert plan(*asked) == plan(*asked)


def test_another_seed_gives_another_fleet() -> None:
    assert plan(10, 200, 1) != plan(10, 200, 2)


@settings(max_examples=20)
@given(ASKED)
def test_nodes_have_more_than_all_pods_together_ask_for(asked: Asked) -> None:
    found = plan(*asked)

    total = Size(0, 0)
    for _, body in found.bound():
        total += shapes.requested(body["spec"])
    allocatable = [node["status"]["allocatable"] for node in found.nodes]
    assert total.cpu < sum(int(one["cpu"].removesuffix("m")) for one in allocatable)
    assert total.memory < sum(int(one["memory"].removesuffix("Mi")) for one in allocatable)
    assert asked[1] < sum(int(one["pods"]) for one in allocatable)


@settings(max_examples=20)
@given(ASKED)
def test_no_two_objects_have_one_name(asked: Asked) -> None:
    found = plan(*asked)

    workloads = [(one.namespace, one.name) for one in found.workloads]
    bound = [(path, body["metadata"]["name"]) for path, body in found.bound()]
    names = [node["metadata"]["name"] for node in found.nodes]
    addresses = [node["status"]["addresses"][0]["address"] for node in found.nodes]
    for one in (workloads, bound, names, addresses):
        assert len(set(one)) == len(one)


def test_a_large_fleet_has_every_owner_zone_capacity_type_and_quality_of_service() -> None:
    found = plan(50, 2000)

    assert {workload.kind for workload in found.workloads} == set(KINDS)
    assert len(found.namespaces) > 10
    labels = [node["metadata"]["labels"] for node in found.nodes]
    assert {one["topology.kubernetes.io/zone"] for one in labels} == set(shapes.ZONES)
    assert {one["karpenter.sh/capacity-type"] for one in labels} == {"spot", "on-demand"}
    assert len({one["node.kubernetes.io/instance-type"] for one in labels}) > 1
    resources = [
        container["resources"]
        for _, body in found.bound()
        for container in body["spec"]["containers"]
    ]
    assert {} in resources
    assert any(one and one.get("requests") == one.get("limits") for one in resources)
    assert any("limits" not in one and one for one in resources)


def test_daemons_have_one_pod_on_every_node() -> None:
    found = plan(20, 400)

    daemons = [workload for workload in found.workloads if workload.kind == "DaemonSet"]
    assert [workload.pods for workload in daemons] == [20, 20]


@pytest.mark.parametrize(("nodes", "pods"), [(0, 10), (-1, 10), (10, -1)])
def test_impossible_numbers_are_refused(nodes: int, pods: int) -> None:
    with pytest.raises(ValueError, match="no fleet has"):
        plan(nodes, pods)


def test_more_pods_than_the_largest_instances_carry_are_refused() -> None:
    with pytest.raises(ValueError, match="do not carry"):
        plan(1, 10_000)
