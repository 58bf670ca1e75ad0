"""Finds out which tools look after an object, and whether they would undo a change by hand.

Labels and annotations are copied: a Deployment's to its ReplicaSets, a chart's to whatever renders
it. So a mark that names the object it was put on is believed only there, and Helm's labels without
Helm's own annotations say that its chart was used, not that Helm has a release.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from upid.contexts.clusters.facts import Confidence, Evidence, Hold, Ownership
from upid.contexts.clusters.logic import manifests as m

ARGO_CD, FLUX, HELM = "Argo CD", "Flux", "Helm"

_CERTAIN, _LIKELY = Confidence.CERTAIN, Confidence.LIKELY
_UNDOING = frozenset({Hold.GITOPS, Hold.OPERATOR, Hold.ADDON})
_ORDER = (Hold.GITOPS, Hold.OPERATOR, Hold.ADDON, Hold.PACKAGE, Hold.TOOL)

_TRACKING = "argocd.argoproj.io/tracking-id"  # app:group/kind:namespace/name
_MANAGED_BY = "app.kubernetes.io/managed-by"
_RELEASE = "meta.helm.sh/release-name"
_ADDON_MODE = "addonmanager.kubernetes.io/mode"

# Kinds that are workloads though no built-in ones; what owns pods on its own behalf.
_WORKLOADS = frozenset({"argoproj.io/Rollout", "apps.openshift.io/DeploymentConfig"})


class _Mark(NamedTuple):
    """A label or annotation that a tool writes; `through` is the one that names what of it."""

    tool: str
    hold: Hold
    sure: Confidence
    key: str
    through: str = ""
    value: str = ""  # the only one that counts, empty for any
    leaves: bool = False  # says that a change by hand is left alone


_LABELS = (
    _Mark(ARGO_CD, Hold.GITOPS, _CERTAIN, "argocd.argoproj.io/instance"),
    _Mark("Config Sync", Hold.GITOPS, _CERTAIN, "configsync.gke.io/declared-version"),
    _Mark("OLM", Hold.OPERATOR, _CERTAIN, "olm.owner", "olm.owner"),
    _Mark("Crossplane", Hold.OPERATOR, _CERTAIN, "crossplane.io/claim-name"),
    _Mark("add-on manager", Hold.ADDON, _CERTAIN, _ADDON_MODE, "", "Reconcile"),
    _Mark("add-on manager", Hold.ADDON, _CERTAIN, _ADDON_MODE, "", "EnsureExists", leaves=True),
    _Mark("kapp", Hold.PACKAGE, _CERTAIN, "kapp.k14s.io/app"),
    _Mark(HELM, Hold.PACKAGE, _LIKELY, _MANAGED_BY, value="Helm"),
    _Mark(HELM, Hold.PACKAGE, _LIKELY, "helm.sh/chart"),
)
_ANNOTATIONS = (
    _Mark("Config Sync", Hold.GITOPS, _CERTAIN, "configmanagement.gke.io/managed"),
    _Mark(HELM, Hold.PACKAGE, _CERTAIN, _RELEASE, _RELEASE),
    _Mark("kubectl", Hold.TOOL, _LIKELY, "kubectl.kubernetes.io/last-applied-configuration"),
)
_FLUX = (  # a HelmRelease corrects drift only where that is asked for
    ("kustomize.toolkit.fluxcd.io", "Kustomization", False),
    ("helm.toolkit.fluxcd.io", "HelmRelease", True),
)
_FLUX_OFF = {  # annotations that tell Flux to leave an object alone
    "kustomize.toolkit.fluxcd.io/reconcile": frozenset({"disabled"}),
    "kustomize.toolkit.fluxcd.io/ssa": frozenset({"ignore", "ifnotpresent"}),
}
_WRANGLER = "objectset.rio.cattle.io/"  # K3s's and RKE2's add-ons, and Fleet's bundles

# Field manager, its beginning → who that is. The API server writes them; nobody copies them.
_MANAGERS = (
    ("argocd-controller", ARGO_CD, Hold.GITOPS),
    ("argocd-application-controller", ARGO_CD, Hold.GITOPS),
    ("kustomize-controller", FLUX, Hold.GITOPS),
    ("helm-controller", FLUX, Hold.GITOPS),
    ("fleetagent", "Fleet", Hold.GITOPS),
    ("cluster-version-operator", "cluster version operator", Hold.ADDON),
    ("eks", "EKS add-on", Hold.ADDON),
    ("helm", HELM, Hold.PACKAGE),
    ("kapp-server", "kapp", Hold.PACKAGE),
    ("Terraform", "Terraform", Hold.TOOL),
    ("terraform-provider", "Terraform", Hold.TOOL),
    ("HashiCorp", "Terraform", Hold.TOOL),
    ("pulumi", "Pulumi", Hold.TOOL),
    ("kubectl", "kubectl", Hold.TOOL),
)
_WHOLE_NAMES = frozenset({"eks", "helm"})  # too short to be taken as beginnings


def ownership_of(kind: str, meta: m.Metadata) -> tuple[Ownership, ...]:
    """Return the tools that look after an object, the one with the firmest hold first.

    kind  of the object, such as "Deployment": a mark may name another one it was copied from
    What a workload made, such as a pod, is looked after by whoever looks after the workload.
    """
    found: dict[str, list[Ownership]] = {}
    for look in _BENEATH if _inherits(meta) else (*_ON_SURFACE, *_BENEATH):
        for one in look(kind, meta):
            found.setdefault(one.tool, []).append(one)
    merged = [_merged(ones) for ones in found.values()]
    return tuple(
        sorted(merged, key=lambda o: (_ORDER.index(o.hold), o.confidence != _CERTAIN, o.tool))
    )


def managed_by(kind: str, meta: m.Metadata) -> str:
    """Return which tool has the firmest hold on an object: Argo CD, Flux, Helm, …, or none.

    Who merely wrote it once, such as kubectl, does not count.
    """
    held = [one for one in ownership_of(kind, meta) if one.hold is not Hold.TOOL]
    return held[0].tool if held else ""


def _merged(ones: Sequence[Ownership]) -> Ownership:
    """Return what several marks of one tool say together: the surest of them, all evidence."""
    best = min(ones, key=lambda o: (_ORDER.index(o.hold), o.confidence != _CERTAIN, not o.through))
    return Ownership(
        tool=best.tool,
        hold=best.hold,
        confidence=best.confidence,
        undoes=all(one.undoes for one in ones),
        evidence=tuple(sorted({seen for one in ones for seen in one.evidence})),
        through=next((one.through for one in ones if one.through), ""),
    )


def _tracked(kind: str, meta: m.Metadata) -> Iterator[Ownership]:
    """Look for Argo CD's tracking id, and believe it only on the object it names."""
    written = (meta.annotations or {}).get(_TRACKING, "")
    parts = written.split(":")
    if len(parts) != 3:  # noqa: PLR2004  # application, group/kind, namespace/name
        return
    named = (parts[1].rpartition("/")[2], parts[2].rpartition("/")[2])
    if named == (kind, meta.name):
        seen = Evidence("annotation", _TRACKING)
        yield _held(ARGO_CD, Hold.GITOPS, _CERTAIN, seen, through=parts[0])


def _fluxed(_kind: str, meta: m.Metadata) -> Iterator[Ownership]:
    labels, annotations = meta.labels or {}, meta.annotations or {}
    off = any(annotations.get(key, "").lower() in values for key, values in _FLUX_OFF.items())
    for domain, kind, lax in _FLUX:
        key = f"{domain}/name"
        if key in labels:
            through = f"{kind} {labels.get(f'{domain}/namespace', '')}/{labels[key]}"
            seen = Evidence("label", key)
            yield _held(FLUX, Hold.GITOPS, _CERTAIN, seen, through=through, leaves=off or lax)


def _wrangled(_kind: str, meta: m.Metadata) -> Iterator[Ownership]:
    """Look for what K3s and RKE2 apply from their manifest folder."""
    annotations = meta.annotations or {}
    group, _, owner = annotations.get(f"{_WRANGLER}owner-gvk", "").partition("/")
    if group in ("k3s.cattle.io", "rke2.cattle.io"):
        named = annotations.get(f"{_WRANGLER}owner-name", "")
        seen = Evidence("annotation", f"{_WRANGLER}owner-gvk")
        through = f"{owner.rpartition('=')[2]}/{named}"
        yield _held("K3s add-on", Hold.ADDON, _CERTAIN, seen, through=through)


def _marked(_kind: str, meta: m.Metadata) -> Iterator[Ownership]:
    for source, found, marks in (
        ("label", meta.labels or {}, _LABELS),
        ("annotation", meta.annotations or {}, _ANNOTATIONS),
    ):
        for mark in marks:
            if mark.key in found and mark.value in ("", found[mark.key]):
                yield _of_mark(mark, source, found)


def _of_mark(mark: _Mark, source: str, found: Mapping[str, str]) -> Ownership:
    through = found.get(mark.through, "")
    if mark.key == _RELEASE:
        through = f"{found.get('meta.helm.sh/release-namespace', '')}/{through}"
    seen = Evidence(source, mark.key)
    return _held(mark.tool, mark.hold, mark.sure, seen, through=through, leaves=mark.leaves)


def _signed(_kind: str, meta: m.Metadata) -> Iterator[Ownership]:
    """Look at the field managers, which the API server keeps."""
    if not isinstance(meta, m.SignedMetadata):
        return
    for one in meta.managed_fields or ():
        for name, tool, hold in _MANAGERS:
            whole = name in _WHOLE_NAMES
            if one.manager == name or (not whole and one.manager.startswith(name)):
                seen = Evidence("field manager", name)
                yield _held(tool, hold, _CERTAIN, seen, leaves=name == "helm-controller")
                break


def _owned(_kind: str, meta: m.Metadata) -> Iterator[Ownership]:
    """Look for owners of kinds that an operator brought along."""
    for owner in meta.owner_references or ():
        if not _is_custom(owner):
            continue
        group = owner.api_version.rpartition("/")[0]
        sure = _CERTAIN if owner.controller else _LIKELY
        seen = Evidence("owner reference", f"{owner.kind}.{group}")
        through = f"{owner.kind}/{owner.name}"
        yield _held(f"operator of {owner.kind}.{group}", Hold.OPERATOR, sure, seen, through=through)


def _held(
    tool: str,
    hold: Hold,
    sure: Confidence,
    seen: Evidence,
    *,
    through: str = "",
    leaves: bool = False,
) -> Ownership:
    return Ownership(tool, hold, sure, hold in _UNDOING and not leaves, (seen,), through)


def _inherits(meta: m.Metadata) -> bool:
    """Return whether a workload made the object, and its labels and annotations with it."""
    return any(owner.controller and not _is_custom(owner) for owner in meta.owner_references or ())


def _is_custom(owner: m.Owner) -> bool:
    """Return whether an owner is of a kind that an operator brought along."""
    group = owner.api_version.rpartition("/")[0]
    own = "." not in group or group.endswith(".k8s.io")
    return not own and f"{group}/{owner.kind}" not in _WORKLOADS


_ON_SURFACE = (_tracked, _fluxed, _wrangled, _marked)  # labels and annotations, which are copied
_BENEATH = (_signed, _owned)  # what the API server keeps
