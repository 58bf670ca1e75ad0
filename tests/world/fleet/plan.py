"""What a fleet consists of: nodes and workloads, the same for the same numbers and seed."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.world.fleet import shapes
from tests.world.fleet.shapes import Json, Size

# Shares of the pods. Most pods of most clusters are of Deployments; the rest is there so that what
# reads a fleet meets every owner.
_IN_SETS = 0.06  # of StatefulSets
_IN_JOBS = 0.02
_IN_DAEMONS = 0.10  # at most
_MOST_DAEMONS = 3  # DaemonSets
_PODS_PER_CRON = 500  # for each CronJob; they make none while a test counts
_NAMESPACE_PODS = 120  # that there are, on average, in a namespace
_FEWEST_NAMESPACES, _MOST_NAMESPACES = 3, 60
# How many replicas Deployments have: many small ones, few large ones.
_REPLICAS = (1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5, 6, 8, 10, 12, 20, 40, 80)
_SET_REPLICAS = (1, 3, 3, 5)
_JOB_REPLICAS = (1, 1, 2, 4)
_RESOURCES = {
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "Job": ("batch/v1", "jobs"),
    "CronJob": ("batch/v1", "cronjobs"),
}


@dataclass(frozen=True)
class Workload:
    """An object that makes pods.

    pods  how many it makes once all is there; a CronJob makes none by itself
    """

    kind: str
    namespace: str
    name: str
    pods: int
    body: Json

    @property
    def path(self) -> str:
        """Return the path of the collection that it is created in."""
        version, resource = _RESOURCES[self.kind]
        return f"/apis/{version}/namespaces/{self.namespace}/{resource}"

    @property
    def template(self) -> Json:
        """Return the template of its pods."""
        found: Json = self.body["spec"]["template"]
        return found


@dataclass(frozen=True)
class Plan:
    """A whole fleet: nodes, namespaces, workloads."""

    nodes: tuple[Json, ...]
    namespaces: tuple[str, ...]
    workloads: tuple[Workload, ...]

    @property
    def pods(self) -> int:
        """Return how many pods there are once all is there."""
        return sum(workload.pods for workload in self.workloads)

    def count(self, kind: str) -> int:
        """Return how many pods workloads of a kind make."""
        return sum(workload.pods for workload in self.workloads if workload.kind == kind)

    def bound(self) -> Iterator[tuple[str, Json]]:
        """Yield the pods themselves with their nodes, as (path, body), for want of controllers.

        They have their workloads' labels and no owner; each node gets as many as any other.
        """
        turn = 0
        names = [node["metadata"]["name"] for node in self.nodes]
        for workload in self.workloads:
            for number in range(workload.pods):
                daemon = workload.kind == "DaemonSet"
                node = names[number] if daemon else names[turn % len(names)]
                turn += not daemon
                yield (
                    f"/api/v1/namespaces/{workload.namespace}/pods",
                    _bound(workload, number, node),
                )


def plan(nodes: int, pods: int, seed: int = 0) -> Plan:
    """Return a fleet of exactly so many nodes and pods; the pods fit on the nodes.

    Raises `ValueError` for less than one node, or more pods than the largest instances carry.
    """
    if nodes < 1 or pods < 0:
        raise ValueError(f"no fleet has {nodes} nodes and {pods} pods")
    dice = random.Random(f"{nodes} {pods} {seed}")
    namespaces = shapes.namespaces(
        max(_FEWEST_NAMESPACES, min(_MOST_NAMESPACES, pods // _NAMESPACE_PODS))
    )
    made = tuple(_workloads(dice, namespaces, nodes, pods))
    needed = Size(0, 0)
    for workload in made:
        if workload.kind != "CronJob":
            needed += shapes.requested(workload.template["spec"]).times(workload.pods)
    kinds = shapes.instance(needed, nodes, pods)
    fleet = tuple(shapes.node(dice, number, kinds) for number in range(nodes))
    return Plan(fleet, namespaces, made)


def _workloads(
    dice: random.Random, namespaces: tuple[str, ...], nodes: int, pods: int
) -> Iterator[Workload]:
    """Yield workloads whose pods add up to `pods`."""
    left, names = pods, shapes.names(dice)
    daemons = min(_MOST_DAEMONS, int(pods * _IN_DAEMONS) // nodes)
    for _ in range(daemons):
        yield _made("DaemonSet", "kube-system", next(names), nodes, dice)
    left -= daemons * nodes
    for kind, share, sizes in (
        ("StatefulSet", _IN_SETS, _SET_REPLICAS),
        ("Job", _IN_JOBS, _JOB_REPLICAS),
    ):
        budget = int(pods * share)
        left -= budget
        for replicas in _filling(dice, budget, sizes):
            yield _made(kind, dice.choice(namespaces), next(names), replicas, dice)
    for _ in range(-(-pods // _PODS_PER_CRON)):
        yield _made("CronJob", dice.choice(namespaces), next(names), 0, dice)
    for replicas in _filling(dice, left, _REPLICAS):
        yield _made("Deployment", dice.choice(namespaces), next(names), replicas, dice)


def _filling(dice: random.Random, total: int, sizes: tuple[int, ...]) -> Iterator[int]:
    """Yield sizes, the last one cut, that add up to `total`."""
    while total > 0:
        size = min(total, dice.choice(sizes))
        yield size
        total -= size


def _made(kind: str, namespace: str, name: str, replicas: int, dice: random.Random) -> Workload:
    body = shapes.workload(kind, namespace, name, replicas, shapes.pod(name, dice))
    return Workload(kind, namespace, name, replicas, body)


def _bound(workload: Workload, number: int, node: str) -> dict[str, Any]:
    """Return one pod of a workload, on its node, with a name as its controller would give."""
    drawn = hashlib.sha256(f"{workload.namespace}/{workload.name}/{number}".encode()).hexdigest()
    ending = str(number) if workload.kind == "StatefulSet" else drawn[:10]
    template = workload.template
    metadata = {**template["metadata"], "name": f"{workload.name}-{ending}"}
    return {"metadata": metadata, "spec": {**template["spec"], "nodeName": node}}
