"""Settles what holds for a cluster: its own value, else the one that all clusters have."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from upid.contexts.configuration.types import OF_CLUSTER, Fallback, Own, Setting


@dataclass(frozen=True, slots=True)
class Known:
    """A setting that there is; see `Setting`."""

    name: str
    fallback: Fallback
    meaning: str
    least: float | None = None
    most: float | None = None


def flat(own: Own, before: str = "") -> Iterator[tuple[str, object]]:
    """Yield the dotted name and value of each setting of a tree."""
    for name, value in own.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def settled(known: Iterable[Known], own: Own) -> tuple[Setting, ...]:
    """Return every setting with the value that holds, in the order in which they are known."""
    given = dict(flat(own))
    return tuple(_setting(one, given) for one in known)


def changed(before: Own, after: Own) -> tuple[str, ...]:
    """Return the names of what is not as before, sorted."""
    old, later = dict(flat(before)), dict(flat(after))
    either = sorted({*old, *later})
    return tuple(n for n in either if n not in old or n not in later or old[n] != later[n])


def _setting(one: Known, given: Mapping[str, object]) -> Setting:
    own = given.get(one.name)
    is_own = one.name in given
    return Setting(
        name=one.name,
        value=own if is_own else one.fallback.value,
        own=own,
        default=one.fallback.value,
        origin=OF_CLUSTER if is_own else one.fallback.origin,
        meaning=one.meaning,
        least=one.least,
        most=one.most,
    )
