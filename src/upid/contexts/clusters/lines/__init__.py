"""A line to each registered cluster: its connection, its breaker, its own queue, its mirror."""

from upid.contexts.clusters.lines.line import Line
from upid.contexts.clusters.lines.lines import Lines
from upid.contexts.clusters.lines.ways import Mirrored, Ways

__all__ = ["Line", "Lines", "Mirrored", "Ways"]
