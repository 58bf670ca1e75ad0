"""The embedded metric store: a year of samples in one folder, with nothing to run beside UPID.

Here belongs everything that knows how samples lie on the disk: the log, the head in memory, the
Parquet files, their manifests, roll-ups, retention, and looking after all of that. Which series
there are and where samples come from does not: the port is `upid.core.ports.metric_store`.
"""

from upid.adapters.metricstore.errors import (
    BatchRefused,
    SnapshotRefused,
    StoreDamaged,
    StoreIsNewer,
    StoreLocked,
    StoreUnavailable,
)
from upid.adapters.metricstore.layout import StoreLimits
from upid.adapters.metricstore.store import EmbeddedStore

__all__ = [
    "BatchRefused",
    "EmbeddedStore",
    "SnapshotRefused",
    "StoreDamaged",
    "StoreIsNewer",
    "StoreLimits",
    "StoreLocked",
    "StoreUnavailable",
]
