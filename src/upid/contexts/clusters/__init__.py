"""Which clusters there are and what each of them holds.

Here: clusters by id, their sources, the inventory read from Kubernetes objects, and the facts found
out from it: who runs a cluster, what it can do, who looks after an object. Not here: samples
(metrics), money (costs), judgements (insights, optimization).
"""

from upid.contexts.clusters.diagnosis import Check, State
from upid.contexts.clusters.errors import (
    ClusterExists,
    ClusterLoading,
    ClusterNotFound,
    ClusterUnclear,
)
from upid.contexts.clusters.facts import (
    Capability,
    Confidence,
    Evidence,
    Hold,
    Ownership,
    Presence,
    ProviderFacts,
    Sight,
)
from upid.contexts.clusters.logic.capabilities import capabilities_of
from upid.contexts.clusters.logic.ownership import ownership_of
from upid.contexts.clusters.logic.provider import provider_of
from upid.contexts.clusters.service import ClusterService, Named
from upid.contexts.clusters.types import Cluster

__all__ = [
    "Capability",
    "Check",
    "Cluster",
    "ClusterExists",
    "ClusterLoading",
    "ClusterNotFound",
    "ClusterService",
    "ClusterUnclear",
    "Confidence",
    "Evidence",
    "Hold",
    "Named",
    "Ownership",
    "Presence",
    "ProviderFacts",
    "Sight",
    "State",
    "capabilities_of",
    "ownership_of",
    "provider_of",
]
