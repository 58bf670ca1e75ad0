"""Recordings: a cluster's objects and samples over a window, in one file or folder (COL-9).

Here belongs everything that knows how a recording is written down: reading, writing, checking,
pseudonymising, and making one from plain objects and tables. What is done with the samples does
not: that is behind the port `upid.core.ports.cluster_source`.
"""

from typing import TYPE_CHECKING

from upid.adapters.recordings.errors import (
    NotARecording,
    RecordingDamaged,
    RecordingExists,
    RecordingIsNewer,
    RecordingMissing,
    RecordingRefused,
    RecordingUnwritable,
    writing,
)
from upid.adapters.recordings.reader import Recording, open_recording

if TYPE_CHECKING:
    from upid.adapters.recordings.anonymising import anonymise
    from upid.adapters.recordings.creation import Created, create
    from upid.adapters.recordings.gathering import Facts, Gathered, Gathering
    from upid.adapters.recordings.manifest import Remark
    from upid.adapters.recordings.validation import Inspection, Problem, Report, inspect, validate
    from upid.adapters.recordings.writer import RecordingWriter

__all__ = [
    "Created",
    "Facts",
    "Gathered",
    "Gathering",
    "Inspection",
    "NotARecording",
    "Problem",
    "Recording",
    "RecordingDamaged",
    "RecordingExists",
    "RecordingIsNewer",
    "RecordingMissing",
    "RecordingRefused",
    "RecordingUnwritable",
    "RecordingWriter",
    "Remark",
    "Report",
    "anonymise",
    "create",
    "inspect",
    "open_recording",
    "validate",
    "writing",
]

# An analysis reads and never writes: the rest is imported when it is asked for.
_LATER = {
    "anonymise": "anonymising",
    "Created": "creation",
    "create": "creation",
    "Facts": "gathering",
    "Gathered": "gathering",
    "Gathering": "gathering",
    "Remark": "manifest",
    "Inspection": "validation",
    "Problem": "validation",
    "Report": "validation",
    "inspect": "validation",
    "validate": "validation",
    "RecordingWriter": "writer",
}


def __getattr__(name: str) -> object:
    """Import a part of the face when it is first used."""
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return found
