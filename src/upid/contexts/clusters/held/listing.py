"""Turns what a cluster holds into the rows that the API shows, a page at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from upid.contexts.clusters.logic.requests import asked_by, counted, declared
from upid.contexts.clusters.schemas import rows as r
from upid.contexts.clusters.schemas.shared import Amounts, Part, instant
from upid.contexts.clusters.types import View
from upid.core.selector import EVERYTHING, Selector
from upid.core.snapshot import Container, Node, Pod, Service, Snapshot, Workload
from upid.core.window import rfc3339
from upid.kit.pagination import Page, read_cursor, write_cursor

T = TypeVar("T")

CORDONED = "node.kubernetes.io/unschedulable"  # the taint that the cluster gives a cordoned node


@dataclass(frozen=True, slots=True)
class Filter:
    """Which objects are wanted; None: any."""

    namespace: str | None = None
    selector: Selector = EVERYTHING
    phase: str | None = None
    node: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """One kind of object: where it is found, how it is ordered, filtered and shown.

    place  what it is ordered by; unlike for every two of them
    row    what is shown of it, given the whole
    """

    name: str
    found: Callable[[Snapshot], Sequence[T]]
    place: Callable[[T], tuple[str, ...]]
    fits: Callable[[T, Filter], bool]
    rows: Callable[[Sequence[T], Snapshot], Sequence[Part]]
    answer: Callable[..., r.Listed]
    places: int

    def page(self, view: View, wanted: Filter, cursor: str | None, limit: int) -> r.Listed:
        """Return one page of what is wanted. Raises BadCursor."""
        kinds = [str] * self.places
        after = None if cursor is None else read_cursor(cursor, self.name, *kinds)
        fitting = [
            one
            for one in self.found(view.snapshot)
            if self.fits(one, wanted) and (after is None or self.place(one) > after)
        ]
        fitting.sort(key=self.place)
        page = Page.cut(
            fitting[: limit + 1], limit, lambda one: write_cursor(self.name, *self.place(one))
        )
        return self.answer(
            cluster_id=view.cluster_id,
            as_of=rfc3339(view.at),
            freshness=view.freshness,
            left_out=list(view.left_out),
            next_cursor=page.next,
            items=list(self.rows(page.items, view.snapshot)),
        )


@dataclass(frozen=True, slots=True)
class _Namespace:
    name: str
    labels: Mapping[str, str]


def _in(wanted: Filter, namespace: str, labels: Mapping[str, str]) -> bool:
    return wanted.namespace in (None, namespace) and wanted.selector.matches(labels)


def _node_fits(node: Node, wanted: Filter) -> bool:
    return wanted.node in (None, node.name) and wanted.selector.matches(node.labels)


def _workload_fits(one: Workload, wanted: Filter) -> bool:
    return wanted.kind in (None, one.key.kind) and _in(wanted, one.key.namespace, one.labels)


def _pod_fits(pod: Pod, wanted: Filter) -> bool:
    there = wanted.phase in (None, pod.phase) and wanted.node in (None, pod.node)
    return there and _in(wanted, pod.namespace, pod.labels)


def _nodes(page: Sequence[Node], all_: Snapshot) -> Sequence[Part]:
    asked = asked_by(all_.pods, lambda pod: pod.node)
    pods = counted(all_.pods, lambda pod: pod.node)
    return [_node(one, asked.get(one.name, (0.0, 0)), pods.get(one.name, 0)) for one in page]


def _node(node: Node, asked: tuple[float, int], pods: int) -> r.NodeRow:
    return r.NodeRow(
        name=node.name,
        ready=node.ready,
        schedulable=not any(taint.startswith(CORDONED) for taint in node.taints),
        capacity=Amounts(cpu=node.capacity.cpu, memory=node.capacity.memory),
        allocatable=Amounts(cpu=node.allocatable.cpu, memory=node.allocatable.memory),
        requested=Amounts(cpu=asked[0], memory=asked[1]),
        pods=pods,
        provider=node.provider,
        region=node.region,
        zone=node.zone,
        instance_type=node.instance_type,
        capacity_type=node.capacity_type,
        architecture=node.architecture,
        os=node.os,
        pool=node.pool,
        gpus=node.gpus,
        kubelet=node.kubelet,
        created=instant(node.created),
        taints=list(node.taints),
        labels=dict(node.labels),
    )


def _namespaces_of(all_: Snapshot) -> Sequence[_Namespace]:
    named = {workload.key.namespace for workload in all_.workloads}
    known = {*named, *all_.namespaces}  # namespaces may be hidden, and what is in them not
    return [_Namespace(name, all_.namespaces.get(name, {})) for name in sorted(known)]


def _namespaces(page: Sequence[_Namespace], all_: Snapshot) -> Sequence[Part]:
    asked = asked_by(all_.pods, lambda pod: pod.namespace)
    pods = counted(all_.pods, lambda pod: pod.namespace)
    workloads: dict[str, int] = {}
    for workload in all_.workloads:
        namespace = workload.key.namespace
        workloads[namespace] = workloads.get(namespace, 0) + 1
    return [
        r.NamespaceRow(
            name=one.name,
            labels=dict(one.labels),
            workloads=workloads.get(one.name, 0),
            pods=pods.get(one.name, 0),
            requested=Amounts(
                cpu=asked.get(one.name, (0.0, 0))[0], memory=asked.get(one.name, (0.0, 0))[1]
            ),
        )
        for one in page
    ]


def _workloads(page: Sequence[Workload], _: Snapshot) -> Sequence[Part]:
    return [
        r.WorkloadRow(
            namespace=one.key.namespace,
            kind=one.key.kind,
            name=one.key.name,
            replicas=one.replicas,
            ready=one.ready,
            suspended=one.suspended,
            schedule=one.schedule or None,
            managed_by=one.managed_by or None,
            containers=[_container(part) for part in one.containers],
            created=instant(one.created),
            labels=dict(one.labels),
        )
        for one in page
    ]


def _pods(page: Sequence[Pod], all_: Snapshot) -> Sequence[Part]:
    wanted = {pod.workload for pod in page}
    tools = {one.key: one.managed_by for one in all_.workloads if one.key in wanted}
    return [_pod(one, tools.get(one.workload, "")) for one in page]


def _pod(pod: Pod, tool: str) -> r.PodRow:
    containers = pod.declared[-1].containers
    return r.PodRow(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        phase=pod.phase,
        ready=pod.ready,
        node=pod.node,
        owner=r.OwnerRow(kind=pod.workload.kind, name=pod.workload.name),
        managed_by=tool or None,
        qos=pod.qos or None,
        priority_class=pod.priority_class or None,
        requests=Amounts(
            cpu=declared(containers, lambda one: one.cpu_request),
            memory=declared(containers, lambda one: one.memory_request),
        ),
        limits=Amounts(
            cpu=declared(containers, lambda one: one.cpu_limit),
            memory=declared(containers, lambda one: one.memory_limit),
        ),
        containers=[_container(one) for one in containers],
        waiting=list(pod.waiting),
        terminated=list(pod.terminated),
        claims=list(pod.claims),
        created=instant(pod.created),
        labels=dict(pod.labels),
    )


def _container(one: Container) -> r.ContainerRow:
    role = "init" if one.init else "sidecar" if one.sidecar else "main"
    return r.ContainerRow(
        name=one.name,
        image=one.image,
        role=role,
        requests=Amounts(cpu=one.cpu_request, memory=one.memory_request),
        limits=Amounts(cpu=one.cpu_limit, memory=one.memory_limit),
        gpus=one.gpus,
    )


def _services(page: Sequence[Service], _: Snapshot) -> Sequence[Part]:
    return [
        r.ServiceRow(
            namespace=one.namespace,
            name=one.name,
            type=one.kind,
            selector=dict(one.selector),
            ports=[r.PortRow(port=port, name=name or None) for port, name in one.ports.items()],
            addresses=list(one.addresses),
            created=instant(one.created),
            labels=dict(one.labels),
        )
        for one in page
    ]


def _deployments_of(all_: Snapshot) -> Sequence[Workload]:
    return [one for one in all_.workloads if one.key.kind == "Deployment"]


NODES: Listing[Node] = Listing(
    "nodes",
    lambda all_: all_.nodes,
    lambda one: (one.name, one.uid),
    _node_fits,
    _nodes,
    r.NodeRows,
    places=2,
)
NAMESPACES: Listing[_Namespace] = Listing(
    "namespaces",
    _namespaces_of,
    lambda one: (one.name,),
    lambda one, wanted: _in(wanted, one.name, one.labels),
    _namespaces,
    r.NamespaceRows,
    places=1,
)
WORKLOADS: Listing[Workload] = Listing(
    "workloads",
    lambda all_: all_.workloads,
    lambda one: tuple(one.key),
    _workload_fits,
    _workloads,
    r.WorkloadRows,
    places=3,
)
DEPLOYMENTS: Listing[Workload] = Listing(
    "deployments",
    _deployments_of,
    lambda one: tuple(one.key),
    _workload_fits,
    _workloads,
    r.WorkloadRows,
    places=3,
)
PODS: Listing[Pod] = Listing(
    "pods",
    lambda all_: all_.pods,
    lambda one: (one.namespace, one.name, one.uid),
    _pod_fits,
    _pods,
    r.PodRows,
    places=3,
)
SERVICES: Listing[Service] = Listing(
    "services",
    lambda all_: all_.services,
    lambda one: (one.namespace, one.name),
    lambda one, wanted: _in(wanted, one.namespace, one.labels),
    _services,
    r.ServiceRows,
    places=2,
)
LISTINGS: Mapping[str, Listing[Any]] = {
    one.name: one for one in (NODES, NAMESPACES, WORKLOADS, DEPLOYMENTS, PODS, SERVICES)
}
