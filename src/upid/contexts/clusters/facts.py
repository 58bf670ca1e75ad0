"""What UPID found out about a cluster, each fact with how it was found."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from upid.core.snapshot import Node, Service, Workload


class Confidence(StrEnum):
    """How sure a fact is."""

    CERTAIN = "certain"  # only this one writes such a mark, and writes it always
    LIKELY = "likely"  # its usual mark, which others can bear too
    GUESS = "guess"  # nothing speaks against it
    NONE = "none"  # nothing was seen that could tell


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """One thing that was seen, or looked for in vain.

    source  where: label, annotation, providerID, version, API group, workload, service, …
    seen    what, without the value of a label or annotation: that may be a name of somebody's
    count   on how many nodes or objects
    """

    source: str
    seen: str
    count: int = 1

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.source} {self.seen}" + (f" ({self.count} times)" if self.count > 1 else "")


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """Who runs a cluster and where (CLU-3).

    distribution  EKS, GKE, AKS, OpenShift, ROSA, ARO, RKE2, K3s, …; self-managed (on machines of
                  a cloud), on-premises, unknown
    cloud         whose machines: aws, gcp, azure, …, local, unknown
    evidence      what says so, the surest first
    also          other distributions that some marks name: a mixed or imitated cluster
    steered_by    what manages the cluster from outside, such as Rancher
    assumed       sentences about what no node told and UPID took for granted
    """

    distribution: str
    cloud: str
    confidence: Confidence
    evidence: tuple[Evidence, ...] = ()
    also: tuple[str, ...] = ()
    steered_by: str = ""
    regions: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


class Presence(StrEnum):
    """Whether a cluster has a capability."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "not permitted to know"


@dataclass(frozen=True, slots=True)
class Sight:
    """What UPID was let see of a cluster. None: not permitted, which is not the same as nothing.

    version    of the server, as it prints it
    groups     API group → its resources with subresources (`pods/resize`), the core group as "";
               no resources where only the group's name is known
    failing    API groups that are registered and do not answer
    partial    which of "workloads" and "services" were seen in some namespaces only
    """

    version: str = ""
    groups: Mapping[str, Collection[str]] | None = None
    failing: Collection[str] = ()
    workloads: Collection[Workload] | None = None
    services: Collection[Service] | None = None
    nodes: Collection[Node] | None = None
    partial: Collection[str] = ()
    distribution: str = ""


@dataclass(frozen=True, slots=True)
class Capability:
    """Something a cluster may have that UPID can use (CLU-4).

    evidence   how it was found; of an absent one, where it was looked for
    condition  what is wrong with one that is present, else empty
    places     where it answers: `namespace/service:port`, the likeliest first
    missing    permissions without which it cannot be known
    without    what UPID cannot do without it
    """

    name: str
    presence: Presence
    evidence: tuple[Evidence, ...]
    without: str
    condition: str = ""
    places: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Hold(StrEnum):
    """What kind of tool has an object in its hands."""

    GITOPS = "GitOps"  # writes the state in Git back, again and again
    OPERATOR = "operator"  # makes the object out of another one
    ADDON = "add-on"  # the distribution's own part
    PACKAGE = "package"  # writes at its next release only
    TOOL = "tool"  # was seen to write it; nothing says that it will again


@dataclass(frozen=True, slots=True)
class Ownership:
    """A tool that looks after an object.

    through  what in the tool: application, Kustomization, release, `Kind/name` of the owner
    undoes   whether a change by hand is undone without anyone's doing
    """

    tool: str
    hold: Hold
    confidence: Confidence
    undoes: bool
    evidence: tuple[Evidence, ...]
    through: str = ""
