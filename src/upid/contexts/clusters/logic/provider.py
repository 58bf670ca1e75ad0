"""Finds out who runs a cluster: EKS, GKE, AKS, OpenShift, K3s, …, on-premises, unknown (CLU-3).

Nodes vote by marks that a distribution writes on them; the server's version and API groups speak
for the whole cluster. A mark counts only on a machine of the cloud it belongs to, so that a label
somebody copied onto a local cluster makes no managed one of it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from upid.contexts.clusters.facts import Confidence, Evidence, ProviderFacts
from upid.contexts.clusters.logic import clouds
from upid.contexts.clusters.logic import manifests as m
from upid.contexts.clusters.logic.marks import MARKS, STEERING, Mark, Where

ON_PREMISES, SELF_MANAGED, UNKNOWN = "on-premises", "self-managed", "unknown"

_ENOUGH = 0.5  # of the nodes: fewer are strangers in a cluster of another kind
_SURE = (Confidence.CERTAIN, Confidence.LIKELY, Confidence.GUESS)
_CONTROL_PLANE = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/controlplane",
)
# Services that label every spot machine, or have none: no label means on-demand.
_LABEL_SPOT = frozenset({"AKS", "Civo", "DOKS", "GKE", "LKE", "OKE", "VKE"})
_INSTALLED = "kubeadm.alpha.kubernetes.io/cri-socket"  # what kubeadm writes on a node it joins


@dataclass(slots=True)
class _Tally:
    """What speaks for one distribution."""

    rank: int  # of the most special mark
    nodes: set[int] = field(default_factory=set)
    wide: bool = False  # something speaks for the cluster as a whole
    found: dict[Confidence, list[Evidence]] = field(default_factory=dict)

    @property
    def confidence(self) -> Confidence:
        return next(sure for sure in _SURE if sure in self.found)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(one for sure in _SURE for one in sorted(set(self.found.get(sure, ()))))

    def share(self, nodes: int) -> float:
        """Return the part of the cluster that it speaks for."""
        return 1.0 if self.wide or not nodes else len(self.nodes) / nodes


class _Look:
    """What of a node marks are looked for in, taken apart once for all of them."""

    def __init__(self, node: m.NodeObject) -> None:
        meta, facts = node.metadata, node.status.node_info or m.NodeFacts()
        self.keys = {
            Where.LABEL: _keys(meta.labels or {}),
            Where.ANNOTATION: _keys(meta.annotations or {}),
        }
        self.words = {
            Where.PROVIDER_ID: node.spec.provider_id or "",
            Where.VERSION: facts.kubelet_version or "",
            Where.IMAGE: facts.os_image or "",
            Where.NAME: meta.name,
        }


def provider_of(
    nodes: Sequence[m.NodeObject],
    version: str = "",
    groups: Collection[str] | None = None,
    namespaces: Collection[str] = (),
) -> ProviderFacts:
    """Return who runs a cluster and where, with what says so; the order of nodes is no matter.

    version     of the server, as it prints it
    groups      names of the API groups that it serves; None where that is not known
    namespaces  names of those that may be seen
    """
    owners = [clouds.cloud_of(node.spec.provider_id) for node in nodes]
    whose = _commonest(owners)
    tallies = _tallies(nodes, owners, whose, (version, groups or (), namespaces))
    name = _chosen(tallies, len(nodes))
    tally = tallies.get(name)
    if tally is None:
        name, sure, evidence = _unmarked(nodes, owners, whose)
    else:
        sure, evidence = _sureness(name, tallies, len(nodes)), tally.evidence
    if whose == clouds.UNKNOWN and tally is not None:
        whose = next((mark.cloud for mark in MARKS if mark.name == name and mark.cloud), whose)
    return ProviderFacts(
        distribution=name,
        cloud=whose,
        confidence=sure,
        evidence=evidence,
        also=_rivals(name, tallies),
        steered_by=_steered_by(nodes, groups or (), namespaces),
        regions=_told(clouds.region(node) for node in nodes),
        zones=_told(clouds.zone(node) for node in nodes),
        assumed=_assumed(name, nodes, owners),
    )


def _commonest(owners: Iterable[str]) -> str:
    counted = Counter(cloud for cloud in owners if cloud != clouds.UNKNOWN)
    return min(counted, key=lambda c: (-counted[c], c)) if counted else clouds.UNKNOWN


def _tallies(
    nodes: Sequence[m.NodeObject],
    owners: Sequence[str],
    whose: str,
    wide: tuple[str, Collection[str], Collection[str]],
) -> dict[str, _Tally]:
    found: dict[str, _Tally] = {}
    looks = [_Look(node) for node in nodes]
    for rank, mark in enumerate(MARKS):
        voters = {
            i for i, look in enumerate(looks) if _fits(mark, owners[i]) and _on_node(mark, look)
        }
        everywhere = _fits(mark, whose) and _on_cluster(mark, *wide)
        if not voters and not everywhere:
            continue
        tally = found.setdefault(mark.name, _Tally(rank))
        tally.nodes |= voters
        tally.wide |= everywhere
        seen = wide[0] if everywhere and mark.where is Where.VERSION else mark.pattern
        evidence = Evidence(str(mark.where), seen, max(1, len(voters)))
        tally.found.setdefault(mark.sure, []).append(evidence)
    return found


def _keys(found: Mapping[str, str]) -> frozenset[str]:
    """Return the keys and, each with its /, the domains that they belong to."""
    return frozenset(found) | {f"{key.partition('/')[0]}/" for key in found if "/" in key}


def _fits(mark: Mark, cloud: str) -> bool:
    """Return whether a machine of that cloud can bear the mark."""
    if cloud == clouds.UNKNOWN:
        return not mark.strict
    if mark.where is Where.PROVIDER_ID or cloud == mark.cloud:
        return True
    # Whatever can be installed anywhere has no cloud of its own, but is not a local toy for that.
    return not mark.cloud


def _on_node(mark: Mark, node: _Look) -> bool:
    if mark.where in (Where.LABEL, Where.ANNOTATION):
        return mark.pattern in node.keys[mark.where]
    written = node.words.get(mark.where, "")
    if mark.where is Where.VERSION:
        return mark.pattern in written
    return written == mark.pattern if mark.where is Where.NAME else written.startswith(mark.pattern)


def _on_cluster(
    mark: Mark, version: str, groups: Collection[str], namespaces: Collection[str]
) -> bool:
    if mark.where is Where.VERSION:
        return mark.pattern in version
    if mark.where is Where.GROUP:
        suffix = f".{mark.pattern}"
        return any(group == mark.pattern or group.endswith(suffix) for group in groups)
    return mark.where is Where.NAMESPACE and mark.pattern in namespaces


def _chosen(tallies: Mapping[str, _Tally], nodes: int) -> str:
    """Return the most special distribution that enough of the cluster speaks for."""

    def order(name: str) -> tuple[bool, bool, float, int]:
        tally = tallies[name]
        few = tally.share(nodes) < _ENOUGH
        guessed = tally.confidence is Confidence.GUESS
        return few, guessed, -tally.share(nodes) if few else 0.0, tally.rank

    return min(tallies, key=order, default=UNKNOWN)


def _sureness(name: str, tallies: Mapping[str, _Tally], nodes: int) -> Confidence:
    """Return how sure a choice is: less with few nodes for it, or with a rival as sure."""
    tally = tallies[name]
    if tally.share(nodes) < _ENOUGH:
        return Confidence.GUESS
    contested = any(
        tallies[other].share(nodes) >= _ENOUGH and tallies[other].confidence is Confidence.CERTAIN
        for other in _rivals(name, tallies)
    )
    if contested and tally.confidence is Confidence.CERTAIN:
        return Confidence.LIKELY
    return tally.confidence


def _rivals(name: str, tallies: Mapping[str, _Tally]) -> tuple[str, ...]:
    """Return the other distributions that are marked, without those that this one is made of."""
    implied = {name}.union(*(mark.made_of for mark in MARKS if mark.name == name))
    guessed = {one for one, tally in tallies.items() if tally.confidence is Confidence.GUESS}
    return tuple(sorted(set(tallies) - implied - guessed))


def _unmarked(
    nodes: Sequence[m.NodeObject], owners: Sequence[str], whose: str
) -> tuple[str, Confidence, tuple[Evidence, ...]]:
    """Return what a cluster without any distribution's marks is."""
    if not nodes:
        return UNKNOWN, Confidence.NONE, ()
    schemes = (Evidence("providerID", whose, owners.count(whose)),)
    if whose in clouds.PRIVATE:
        return ON_PREMISES, Confidence.LIKELY, schemes
    own = _own_planes(nodes)
    if whose not in (clouds.UNKNOWN, clouds.LOCAL):
        return (
            (SELF_MANAGED, Confidence.LIKELY, own) if own else (UNKNOWN, Confidence.NONE, schemes)
        )
    if any(node.spec.provider_id or clouds.region(node) for node in nodes):
        return UNKNOWN, Confidence.NONE, (Evidence("providerID", "of a cloud unknown to UPID"),)
    none = Evidence("providerID", "on no node")
    return ON_PREMISES, Confidence.LIKELY if own else Confidence.GUESS, (*own, none)


def _own_planes(nodes: Sequence[m.NodeObject]) -> tuple[Evidence, ...]:
    """Return what tells that nobody but the cluster's owner runs its control plane."""
    found = Counter(
        key for n in nodes for key in _CONTROL_PLANE if key in (n.metadata.labels or {})
    )
    seen = [Evidence("label", key, found[key]) for key in sorted(found)]
    joined = sum(_INSTALLED in (node.metadata.annotations or {}) for node in nodes)
    return tuple(seen + ([Evidence("annotation", _INSTALLED, joined)] if joined else []))


def _steered_by(
    nodes: Sequence[m.NodeObject], groups: Collection[str], namespaces: Collection[str]
) -> str:
    looks = [_Look(node) for node in nodes]
    for mark in STEERING:
        on_nodes = any(_on_node(mark, look) for look in looks)
        if on_nodes or _on_cluster(mark, "", groups, namespaces):
            return mark.name
    return ""


def _told(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))


def _assumed(name: str, nodes: Sequence[m.NodeObject], owners: Sequence[str]) -> tuple[str, ...]:
    rented = [
        node
        for node, cloud in zip(nodes, owners, strict=True)
        if cloud not in (clouds.UNKNOWN, clouds.LOCAL) and cloud not in clouds.PRIVATE
    ]
    silent = sum(not clouds.capacity_type(node) for node in rented)
    sizeless = sum(not clouds.instance_type(node) for node in rented)
    found = []
    if silent and name not in _LABEL_SPOT:
        found.append(f"{silent} of {len(nodes)} nodes do not say how they are paid: on-demand")
    if sizeless:
        found.append(f"{sizeless} of {len(nodes)} nodes name no instance type: priced by size")
    return tuple(found)
