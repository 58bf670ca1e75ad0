"""What was measured: collection, storage and reading of samples, and recordings that hold them.

Here: panels of samples by cluster, and recordings as stored things. Not here: what the samples
mean (insights), what they cost (costs).
"""

from upid.contexts.metrics.panels import PanelService

__all__ = ["PanelService"]
