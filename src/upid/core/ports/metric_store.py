"""Where measured samples are kept: batches of columns in, panels and roll-ups out.

The store knows series by their ids only; what they are series of is the catalogue's business
(`contexts/metrics`). A sample is never a Python object.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from upid.core.metrics import Metric
from upid.core.panel import Floats, Ints, Panel
from upid.core.rollup import Level, Rollup
from upid.core.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples of one metric, in any order.

    ids     (n,) series, each at least 0 and under 2³¹
    times   (n,) Unix milliseconds; or (1,), the one time of all of them
    values  (n,) in the metric's unit
    """

    metric: Metric
    ids: Ints
    times: Ints
    values: Floats


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the samples that were handed over.

    kept   durable now; samples that were there already count as well
    late   older than the store accepts
    ahead  further in the future than clocks may differ
    unfit  NaN, infinite, negative or beyond measure
    """

    kept: int
    late: int = 0
    ahead: int = 0
    unfit: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """What retention removed.

    days     cluster days of a class that went, with all their samples
    samples  how many raw samples were in them
    kept     why something that is due was kept all the same, a sentence each
    """

    days: int = 0
    samples: int = 0
    kept: tuple[str, ...] = ()


class MetricStore(Protocol):
    """Samples of many clusters. Safe to use from several threads; every call may wait for a disk.

    The order of deliveries and their repetition change nothing: of two samples with one series
    and one time the larger stays (`upid.core.samples`).
    """

    @abstractmethod
    def append(self, cluster: str, batches: Sequence[Batch]) -> Appended:
        """Store samples of a cluster; they survive a crash once this has returned.

        All of them or none: raises a `UpidError` of kind BUSY where nothing could be stored; the
        same samples can be handed over again.
        """

    @abstractmethod
    def panel(
        self,
        cluster: str,
        metric: Metric,
        window: Window,
        ids: Ints | None = None,
        cadence: timedelta | None = None,
    ) -> Panel:
        """Return a metric's samples in a window: of all series that have any, or a row an id.

        cadence  length of the panel's steps; None: the distance that neighbours usually keep
        """

    @abstractmethod
    def rollup(
        self,
        cluster: str,
        metric: Metric,
        window: Window,
        level: Level,
        ids: Ints | None = None,
    ) -> Rollup:
        """Return the cells of a level whose steps begin in a window, as in `panel`."""

    @abstractmethod
    def tidy(self) -> None:
        """Move what can be moved from memory into files, and from small files into large ones.

        Changes no answer. Raises a `UpidError` of kind BUSY where there is no room; nothing is
        lost by that.
        """

    @abstractmethod
    def expire(self) -> Expired:
        """Remove what is older than its class is kept (COL-5)."""

    @abstractmethod
    def remove(self, cluster: str) -> None:
        """Remove all that was ever stored of a cluster, from memory, log and files."""

    @abstractmethod
    def snapshot(self, target: str) -> None:
        """Make a copy of the store as it is at one instant, at a path where nothing is yet.

        Takes a moment and next to no room: files are shared, none is ever changed.
        """
