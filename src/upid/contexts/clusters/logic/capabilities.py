"""Finds out what a cluster has that UPID can use, and what it lacks (CLU-4).

Not seeing is not knowing: what was not permitted to be listed is never called absent.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from upid.contexts.clusters.facts import Capability, Evidence, Presence, Sight
from upid.contexts.clusters.logic.ownership import ARGO_CD as _OWNER
from upid.contexts.clusters.logic.signs import (
    ARGO_CD,
    AUTOSCALER,
    KARPENTER,
    PROMETHEUS,
    PROMQL,
    PROMQL_NAMES,
    RESIZE,
    SIGNS,
    WITHOUT_RESIZE,
    Sign,
)
from upid.core.snapshot import Service, Workload

_DISCOVERY = "get /apis, the discovery of API groups (ClusterRole system:discovery)"
_WORKLOADS = "list deployments, statefulsets and daemonsets in all namespaces"
_SERVICES = "list services in all namespaces"

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})")
_RESIZE_ON = (1, 33)  # the feature gate InPlacePodVerticalScaling is on by default, beta, from here
_RESIZE_KNOWN = (1, 27)  # alpha
_DOOMED = ("ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler")  # taints
_KARPENTER_LABELS = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")


def capabilities_of(sight: Sight) -> tuple[Capability, ...]:
    """Return every capability that UPID knows of, present or not, in a fixed order."""
    return (*(_capability(sign, sight) for sign in SIGNS), _resize(sight))


def _capability(sign: Sign, sight: Sight) -> Capability:
    served, unsure = _served(sign, sight)
    running = [w for w in sight.workloads or () if _is_one(sign, w)]
    places = _places(sight.services or ()) if sign.name == PROMETHEUS else ()
    evidence = [*served, *_seen_running(sign, running, sight), *_seen_elsewhere(sign, sight)]
    evidence += [Evidence("service", place) for place in places]
    missing = _missing(sign, sight, unsure=unsure)
    elsewhere = sight.distribution in sign.outside
    api_absent = sign.by_api and bool(sign.serves) and not served and not unsure
    if api_absent and not _seen_elsewhere(sign, sight):
        presence = Presence.ABSENT
        missing = ()
    elif evidence:
        presence = Presence.PRESENT
        missing = ()
    elif missing or elsewhere:
        presence = Presence.UNKNOWN
    else:
        presence = Presence.ABSENT
    if presence is not Presence.PRESENT:
        evidence = list(_looked_for(sign, sight))
    return Capability(
        name=sign.name,
        presence=presence,
        evidence=tuple(sorted(set(evidence))),
        without=sign.without,
        condition=_condition(sign, sight, presence, sorted(running, key=lambda w: w.key), places),
        places=places,
        missing=missing,
    )


def _served(sign: Sign, sight: Sight) -> tuple[list[Evidence], bool]:
    """Return which of its API is served, and whether that could not be found out."""
    if not sign.serves:
        return [], False
    if sight.groups is None:
        return [], True
    found, unsure = [], False
    for wanted in sign.serves:
        group, _, resource = wanted.partition("/")
        if group not in sight.groups and group not in sight.failing:
            continue
        known = sight.groups.get(group, ())
        if not resource or resource in known:
            found.append(Evidence("API group", f"{resource}.{group}" if resource else group))
        elif not known:
            unsure = True  # a group that others share, and its resources are not told
    return found, unsure


def _is_one(sign: Sign, workload: Workload) -> bool:
    if sign.labels and any(_labelled(workload, label) for label in sign.labels):
        return True
    images = {_image(c.image) for c in workload.containers}
    if sign.name == KARPENTER and "controller" in images:  # its image has a name many others have
        return any("karpenter" in c.image for c in workload.containers)
    return any(
        image == name or image.endswith(f"-{name}") for image in images for name in sign.images
    )


def _labelled(workload: Workload, label: str) -> bool:
    key, _, value = label.partition("=")
    return value in (workload.labels.get(key), workload.pod_labels.get(key))


def _image(written: str) -> str:
    """Return the last part of an image's name, without registry, tag and digest."""
    return written.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _seen_running(sign: Sign, running: Sequence[Workload], sight: Sight) -> list[Evidence]:
    found = [Evidence("workload", str(workload.key)) for workload in running]
    return found + [
        Evidence("service", f"{service.namespace}/{service.name}")
        for service in sight.services or ()
        if any(_has(service, label) for label in sign.labels)
    ]


def _seen_elsewhere(sign: Sign, sight: Sight) -> list[Evidence]:
    """Return what its traces on other objects say."""
    nodes = sight.nodes or ()
    if sign.name == KARPENTER:
        marked = sum(any(key in node.labels for key in _KARPENTER_LABELS) for node in nodes)
        return [Evidence("label", _KARPENTER_LABELS[0], marked)] if marked else []
    if sign.name == AUTOSCALER:
        doomed = sum(any(taint.startswith(_DOOMED) for taint in n.taints) for n in nodes)
        return [Evidence("taint", _DOOMED[0], doomed)] if doomed else []
    if sign.name == ARGO_CD:  # one that runs in another cluster has only its marks here
        owned = sum(w.managed_by == _OWNER for w in sight.workloads or ())
        return [Evidence("tracking", "of workloads", owned)] if owned else []
    return []


def _has(service: Service, label: str) -> bool:
    key, _, value = label.partition("=")
    return service.labels.get(key) == value


def _places(services: Collection[Service]) -> tuple[str, ...]:
    """Return where servers that answer PromQL may be reached, the widest view first."""
    found: list[tuple[int, str]] = []
    for service in services:
        ranks = [i for i, (label, _) in enumerate(PROMQL) if _has(service, label)]
        port = _port(service, PROMQL[ranks[0]][1] if ranks else (9090, 80))
        named = service.name in PROMQL_NAMES or service.name.endswith("-prometheus-server")
        if port and (_is_server(service, ranks) or named):
            rank = ranks[0] if ranks else len(PROMQL)
            found.append((rank, f"{service.namespace}/{service.name}:{port}"))
    return tuple(place for _, place in sorted(found))


def _is_server(service: Service, ranks: Sequence[int]) -> bool:
    """Return whether a labelled service is a server, not one of its chart's other parts."""
    if not ranks:
        return False
    labels = service.labels
    if labels.get("component", "server") != "server":
        return False
    return labels.get("app.kubernetes.io/component", "") not in ("alert-router", "exporter")


def _port(service: Service, usual: Sequence[int]) -> int:
    """Return the port to ask: a usual one, the one named for it, the only one; 0 for none."""
    for port in usual:
        if port in service.ports:
            return port
    named = [p for p, name in sorted(service.ports.items()) if name in ("web", "http", "http-web")]
    if named:
        return named[0]
    return next(iter(service.ports)) if len(service.ports) == 1 else 0


def _missing(sign: Sign, sight: Sight, *, unsure: bool) -> tuple[str, ...]:
    """Return the permissions without which it cannot be said to be absent."""
    found = [_DISCOVERY] if unsure else []
    if sign.by_api and sign.serves:
        return tuple(found)
    if sign.images and (not _all_seen(sight, "workloads")):
        found.append(_WORKLOADS)
    if not _all_seen(sight, "services"):
        found.append(_SERVICES)
    return tuple(found)


def _looked_for(sign: Sign, sight: Sight) -> Iterable[Evidence]:
    """Return where one that was not found was looked for."""
    if sight.groups is not None:
        for wanted in sign.serves:
            group, _, resource = wanted.partition("/")
            yield Evidence("no API group", f"{resource}.{group}" if resource else group)
    if sign.by_api and sign.serves:
        return
    if sight.workloads is not None and sign.images:
        yield Evidence("no workload of image", sign.images[0])
    if sight.services is not None:
        yield Evidence("no service of", sign.name)


def _condition(
    sign: Sign,
    sight: Sight,
    presence: Presence,
    running: Sequence[Workload],
    places: Sequence[str],
) -> str:
    """Return what is wrong or worth knowing, empty for nothing."""
    if presence is Presence.PRESENT:
        return _trouble(sign, sight, running, places)
    if presence is Presence.ABSENT:
        return f"{running[0].key} runs, but its API is not served" if running else ""
    hidden = sight.distribution in sign.outside and not sign.by_api
    return (
        f"{sight.distribution} may run it in its control plane, where nobody can look"
        if hidden
        else ""
    )


def _trouble(sign: Sign, sight: Sight, running: Sequence[Workload], places: Sequence[str]) -> str:
    """Return what keeps one that is present from working."""
    groups = {wanted.partition("/")[0] for wanted in sign.serves}
    dead = sorted(groups & set(sight.failing))
    idle = sorted(str(w.key) for w in running if not w.ready and w.replicas != 0)
    if dead:
        return f"the API group {dead[0]} is registered and does not answer"
    if sign.name == PROMETHEUS and not places:
        return (
            "its operator is there, but no service of a server was seen"
            if _all_seen(sight, "services")
            else "its operator is there; where its server answers is not permitted to know"
        )
    if running and len(idle) == len(running):
        return f"{idle[0]} has no pod that is ready"
    hidden = sign.name == ARGO_CD or sight.distribution in sign.outside
    if sign.images and not running and not hidden and _all_seen(sight, "workloads"):
        return "its API is there, but nothing that runs it was seen"
    return ""


def _all_seen(sight: Sight, what: str) -> bool:
    """Return whether all `workloads` or `services` of the cluster were seen."""
    seen = sight.workloads if what == "workloads" else sight.services
    return seen is not None and what not in sight.partial


def _resize(sight: Sight) -> Capability:
    """Return whether requests of running pods can be changed: by the subresource, else version."""
    release = _release(sight.version)
    core = (sight.groups or {}).get("", ())
    evidence: list[Evidence] = []
    if any("/" in name for name in core):  # subresources were told
        there = "pods/resize" in core
        evidence.append(Evidence("subresource" if there else "no subresource", "pods/resize"))
    elif release:
        there = release >= _RESIZE_ON
        evidence.append(Evidence("version", sight.version))
    else:
        return Capability(
            RESIZE, Presence.UNKNOWN, (), WITHOUT_RESIZE, missing=("get /version", _DISCOVERY)
        )
    kubelets = [_release(node.kubelet) for node in sight.nodes or ()]
    old = sum(bool(one) and one < _RESIZE_ON for one in kubelets)
    condition = ""
    if there and old:
        condition = f"{old} of {len(kubelets)} nodes run a kubelet older than 1.33"
    elif not there and _RESIZE_KNOWN <= (release or (0, 0)) < _RESIZE_ON:
        condition = "this version has it behind the feature gate InPlacePodVerticalScaling"
    presence = Presence.PRESENT if there else Presence.ABSENT
    return Capability(RESIZE, presence, tuple(evidence), WITHOUT_RESIZE, condition)


def _release(version: str) -> tuple[int, ...]:
    """Return major and minor of a version as servers and kubelets print it, empty for none."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else ()
