"""Recordings on disk, behind the port that the stored ones are opened through."""

from upid.adapters.recordings import open_recording
from upid.core.errors import UpidError
from upid.core.ports.cluster_source import ClusterSource
from upid.core.ports.recordings import RecordingFiles


class RecordingsOnDisk(RecordingFiles):
    """Opens and checks `.upid` files."""

    def open(self, path: str) -> ClusterSource:
        """Return the recording at a path as a source."""
        return open_recording(path)

    def check(self, path: str) -> tuple[str, ...]:
        """Read the whole file; return what is wrong with it, without telling where it is."""
        from upid.adapters.recordings.validation import validate

        try:
            report = validate(path)
        except UpidError as error:
            return (error.message.replace(path, "the upload"),)
        return tuple(f"{problem.part!r}: {problem.why}" for problem in report.problems)
