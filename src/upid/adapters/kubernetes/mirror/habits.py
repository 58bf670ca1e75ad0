"""How a mirror follows a cluster: how often it looks again, and how much it keeps."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import Discovery, Event, Page, Resource, Selection, WhenExpired
from upid.adapters.kubernetes.client.limits import Pace

_EVERYTHING = Selection()


class Readable(Protocol):
    """What a mirror asks of a cluster; `ClusterClient` answers it."""

    access: Access

    def list(
        self,
        resource: Resource,
        into: None = None,
        selection: Selection = _EVERYTHING,
        *,
        expired: WhenExpired = WhenExpired.CONTINUE,
        metadata_only: bool = False,
    ) -> AsyncGenerator[Page[bytes], None]:
        """Yield the objects of a kind, page by page."""

    def watch(
        self,
        resource: Resource,
        into: None = None,
        selection: Selection = _EVERYTHING,
        *,
        since: str,
        metadata_only: bool = False,
        opened: Callable[[], None] | None = None,
    ) -> AsyncGenerator[Event[bytes], None]:
        """Yield every change after a list's version."""

    async def discovery(self) -> Discovery:
        """Return the kinds that the server serves."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Settings of one mirror; times are in seconds unless they say otherwise.

    at_once             lists side by side: the API server has others to serve
    silence             without word from the cluster, what is known of it is stale
    pulse               between two small questions whether the cluster is there; also the
                        longest that a lost contact goes unnoticed
    first_pause         after a failure; doubles, up to `longest_pause`, half of it by chance
    relists, relist_every  lists anew of one kind: so many at once, then one in so many seconds
    comparison          between two comparisons of a kind with a list of its metadata, ±20 %
    grace               after which a difference that a comparison found is no delay of the watch
    rediscovery         between two looks for kinds that may be read now and could not before
    believed            answers in a row from before what was seen, until history is taken as
                        replaced: an etcd that was restored from a copy
    patience            failures in a row that waiting does not help with, until it is given up
    remembered          how long objects that are gone are remembered
    most_gone           and how many of them
    most_changes        objects whose changes wait to be taken
    most_bytes          memory of all objects; a cluster that needs more is not followed
    """

    at_once: int = 4
    silence: float = 90
    pulse: float = 30
    first_pause: float = 0.5
    longest_pause: float = 8
    relists: int = 5
    relist_every: float = 6
    comparison: float = 3_600
    grace: float = 10
    rediscovery: float = 600
    believed: int = 4
    patience: int = 3
    remembered: timedelta = timedelta(hours=24)
    most_gone: int = 20_000
    most_changes: int = 10_000
    most_bytes: int = 1 << 30

    def pause(self, failures: int, pace: Pace) -> float:
        """Return the seconds to wait after so many failures in a row, half of it by chance."""
        doubled = self.first_pause * 2.0 ** min(failures - 1, 16)
        return min(doubled, self.longest_pause) * (0.5 + pace.draw() / 2)

    def spread(self, seconds: float, pace: Pace) -> float:
        """Return about so many seconds, so that not all mirrors ask at one moment."""
        return seconds * (0.8 + 0.4 * pace.draw())
