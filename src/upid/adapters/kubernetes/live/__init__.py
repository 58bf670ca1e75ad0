"""A live cluster as a source: read once, or watched for a while, then asked like a recording."""

from upid.adapters.kubernetes.live.reading import (
    Held,
    Progress,
    identify,
    read_kind,
    read_objects,
    read_usage,
    usage_unknown,
)
from upid.adapters.kubernetes.live.source import LiveSource

__all__ = [
    "Held",
    "LiveSource",
    "Progress",
    "identify",
    "read_kind",
    "read_objects",
    "read_usage",
    "usage_unknown",
]
