"""What clusters hold, as rows: of those connected as they are now, of recordings as they ended."""

from upid.contexts.clusters.held.views import ClusterViews

__all__ = ["ClusterViews"]
