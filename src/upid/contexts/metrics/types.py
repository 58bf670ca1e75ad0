"""What the rest of UPID sees of stored recordings."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from upid.core.window import Window


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was taken in: whose past it holds, and the bytes that prove it.

    id      `rcd_` and 16 hex digits
    sha256  of the file; two recordings with the same bytes are one
    bytes   size of the file
    """

    id: str
    name: str
    sha256: str
    bytes: int
    cluster_id: str
    cluster_name: str
    window: Window
    cadence: timedelta
    created: datetime
