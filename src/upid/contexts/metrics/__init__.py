"""What was measured: collection, storage and reading of samples, and recordings that hold them.

Here: panels of samples by cluster, and recordings as stored things. Not here: what the samples
mean (insights), what they cost (costs).
"""

from upid.contexts.metrics.errors import (
    RecordingConflict,
    RecordingFileLost,
    RecordingNameRefused,
    RecordingNotFound,
    RecordingTooLarge,
    RecordingUnfit,
)
from upid.contexts.metrics.panels import PanelService
from upid.contexts.metrics.service import RecordingService
from upid.contexts.metrics.types import Recording

__all__ = [
    "PanelService",
    "Recording",
    "RecordingConflict",
    "RecordingFileLost",
    "RecordingNameRefused",
    "RecordingNotFound",
    "RecordingService",
    "RecordingTooLarge",
    "RecordingUnfit",
]
