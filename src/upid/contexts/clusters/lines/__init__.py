"""A line to each registered cluster: its connection, its breaker, its own queue, its mirror."""

from upid.contexts.clusters.lines.line import Line, Mirrored, Ways
from upid.contexts.clusters.lines.lines import Lines

__all__ = ["Line", "Lines", "Mirrored", "Ways"]
