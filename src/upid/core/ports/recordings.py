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
    def check(self, path: str) -> tuple[str, ...]:
        """Read the whole file; return what is wrong with it, part by part, or nothing."""
