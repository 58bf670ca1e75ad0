"""Recordings: a cluster's objects and samples over a window, in one file or folder (COL-9).

Here belongs everything that knows how a recording is written down: reading, writing, checking,
pseudonymising, and making one from plain objects and tables. What is done with the samples does
not: that is behind the port `upid.core.ports.cluster_source`.
"""

from upid.adapters.recordings.errors import (
    NotARecording,
    RecordingDamaged,
    RecordingExists,
    RecordingMissing,
    RecordingRefused,
    RecordingTooNew,
)
from upid.adapters.recordings.reader import Recording, open_recording
from upid.adapters.recordings.writer import RecordingWriter

__all__ = [
    "NotARecording",
    "Recording",
    "RecordingDamaged",
    "RecordingExists",
    "RecordingMissing",
    "RecordingRefused",
    "RecordingTooNew",
    "RecordingWriter",
    "open_recording",
]
