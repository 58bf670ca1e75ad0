"""What the API takes and answers about stored recordings."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from upid.contexts.metrics.types import Recording
from upid.kit.pagination import Page


class RecordingRead(BaseModel):
    """A stored recording."""

    id: str
    name: str
    sha256: str = Field(description="Of the file; also its ETag.")
    bytes: int = Field(description="Size of the file.")
    cluster_id: str = Field(description="The cluster that analyses of this recording name.")
    cluster_name: str
    start: datetime = Field(description="Start of the recording's window, within it.")
    end: datetime = Field(description="End of the recording's window, not within it.")
    cadence_seconds: int = Field(description="Time between two samples.")
    created: datetime

    @classmethod
    def of(cls, recording: Recording) -> Self:
        """Return a recording as the API shows it."""
        return cls(
            id=recording.id,
            name=recording.name,
            sha256=recording.sha256,
            bytes=recording.bytes,
            cluster_id=recording.cluster_id,
            cluster_name=recording.cluster_name,
            start=recording.window.start,
            end=recording.window.end,
            cadence_seconds=round(recording.cadence.total_seconds()),
            created=recording.created,
        )


class RecordingPage(BaseModel):
    """Stored recordings, the oldest first."""

    items: list[RecordingRead]
    next_cursor: str | None = Field(description="Cursor of the next page; null at the end.")

    @classmethod
    def of(cls, page: Page[Recording]) -> Self:
        """Return a page as the API shows it."""
        return cls(items=[RecordingRead.of(one) for one in page.items], next_cursor=page.next)
