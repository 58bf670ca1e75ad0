"""Amounts of CPU and memory."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Resources:
    """CPU in cores and memory in bytes, requested or used; never negative."""

    cpu: float
    memory: int

    def __post_init__(self) -> None:
        """Refuse amounts that cannot exist, so that no caller has to check again."""
        if not (self.cpu >= 0 and self.memory >= 0):
            raise ValueError(f"negative resources: {self}")

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(self.cpu + other.cpu, self.memory + other.memory)

    def scaled(self, factor: float) -> Self:
        """Return both amounts times `factor`; memory is rounded up to a whole byte."""
        return type(self)(self.cpu * factor, -int(-self.memory * factor // 1))


NOTHING = Resources(0.0, 0)
