"""Which clusters there are and what each of them holds.

Here: clusters by id, their sources, and the inventory read from Kubernetes objects. Not here:
samples (metrics), money (costs), judgements (insights, optimization).
"""

from upid.contexts.clusters.errors import ClusterExists, ClusterNotFound, ClusterUnclear
from upid.contexts.clusters.service import ClusterService
from upid.contexts.clusters.types import Cluster

__all__ = ["Cluster", "ClusterExists", "ClusterNotFound", "ClusterService", "ClusterUnclear"]
