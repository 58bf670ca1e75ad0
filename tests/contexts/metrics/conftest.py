"""Stored recordings on both databases, with files that a test can write by hand."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.fixtures.clock import FixedClock
from tests.fixtures.memory_source import MemorySource, facts_of
from upid.contexts.clusters import ClusterService
from upid.contexts.metrics import RecordingService
from upid.contexts.metrics.folder import RecordingFolder
from upid.contexts.metrics.repository import RecordingRepository
from upid.core.ports.cluster_source import ClusterSource
from upid.core.ports.recordings import RecordingFiles
from upid.kit.db import Database

LIMIT = 4096


def a_recording(number: int = 1, name: str = "prod", **more: object) -> bytes:
    """Return the bytes of a recording as `WrittenByHand` reads them."""
    return json.dumps({"id": f"cl_{number:016x}", "name": name, **more}).encode()


class WrittenByHand(RecordingFiles):
    """Recordings that are one JSON object each."""

    def open(self, path: str) -> ClusterSource:
        found = json.loads(Path(path).read_bytes())
        return MemorySource(facts_of(id=found["id"], name=found["name"]))

    def check(self, path: str) -> tuple[str, ...]:
        try:
            found = json.loads(Path(path).read_bytes())
        except ValueError:
            return ("'the upload' is not JSON",)
        return tuple(f"no {name!r}" for name in ("id", "name") if name not in found)


async def parts(*bodies: bytes) -> AsyncIterator[bytes]:
    for body in bodies:
        yield body


class Program:
    """One run of the program over a database and a folder; another one is a restart."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db, self.folder = db, folder
        self.clusters = ClusterService()
        self.clock = FixedClock()
        self.recordings = RecordingService(
            db,
            RecordingRepository,
            RecordingFolder(folder, LIMIT),
            WrittenByHand(),
            self.clusters,
            self.clock,
        )

    def files(self) -> list[str]:
        return sorted(file.name for file in self.folder.iterdir())

    def attached(self) -> Sequence[str]:
        return [cluster.id for cluster in self.clusters.list()]


@pytest.fixture
def program(db: Database, tmp_path: Path) -> Program:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return Program(db, folder)
