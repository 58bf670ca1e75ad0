"""Recordings as files, whoever can read them."""

from abc import abstractmethod
from typing import Protocol

from upid.core.ports.cluster_source import ClusterSource


class RecordingFiles(Protocol):
    """Opens recordings, and checks those that strangers send."""

    @abstractmethod
    def open(self, path: str) -> ClusterSource:
        """Return the recording at a path as a source; reads only what is needed to begin."""

    @abstractmethod
    def check(self, path: str) -> None:
        """Read the whole recording. Raises the error that names the part that is wrong."""
