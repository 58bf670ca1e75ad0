"""What a cluster's metrics server said in the last hour, kept small."""

from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from upid.core.ports.cluster_connection import ContainerReading, Usage

KEPT = timedelta(hours=1)

_Place = tuple[str, str, str]  # namespace, pod, container


@dataclass(frozen=True, slots=True)
class _Minute:
    """One reading in arrays: 24 bytes a container, since minutes share the names."""

    usage: Usage  # without its containers
    places: list[_Place]
    cores: "array[float]"
    memory: "array[float]"


class UsageHour:
    """The readings of the last hour; the newest is kept as it came."""

    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque()
        self.latest: Usage | None = None
        self.unknown = "usage is unknown: it was not read yet"

    def take(self, usage: Usage | str, now: datetime) -> None:
        """Take in a reading, or the sentence that says why there is none."""
        while self._minutes and self._minutes[0].usage.at <= now - KEPT:
            self._minutes.popleft()
        while self._minutes and self._minutes[-1].usage.at > now:
            self._minutes.pop()  # the clock was set back: what was then is not yet
        if isinstance(usage, str):
            self.latest, self.unknown = None, usage
            return
        self.latest, self.unknown = usage, ""
        if self._minutes and usage.at <= self._minutes[-1].usage.at:
            return
        known = {place: place for place in self._minutes[-1].places} if self._minutes else {}
        named = [(one.namespace, one.pod, one.container) for one in usage.containers]
        self._minutes.append(
            _Minute(
                Usage(usage.at, (), usage.nodes),
                [known.get(place, place) for place in named],
                array("d", [one.cores for one in usage.containers]),
                array("d", [one.memory for one in usage.containers]),
            )
        )

    @property
    def newest(self) -> datetime | None:
        """When usage was last read in this hour, if it was."""
        minutes = tuple(self._minutes)
        return minutes[-1].usage.at if minutes else None

    def readings(self) -> tuple[Usage, ...]:
        """Return the readings in order of time; may be called from any thread."""
        return tuple(
            Usage(one.usage.at, tuple(_containers(one)), one.usage.nodes)
            for one in tuple(self._minutes)
        )


def _containers(minute: _Minute) -> Iterator[ContainerReading]:
    for place, cores, memory in zip(minute.places, minute.cores, minute.memory, strict=True):
        yield ContainerReading(*place, cores, memory)
