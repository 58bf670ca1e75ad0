"""What tests ask of a list of changes. Pure: feed them `Judge.changes()`."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.world.judge.differences import leaves
from tests.world.judge.fitting import EVICTION
from tests.world.judge.records import OWNERSHIP, Change, Shape
from tests.world.judge.timeline import told

# Written by the API server into whatever it stores, whoever asks.
SERVER_FIELDS = (
    OWNERSHIP + "*",
    "/metadata/generation",
    "/metadata/deletionTimestamp",
    "/metadata/deletionGracePeriodSeconds",
)


@dataclass(frozen=True, slots=True)
class Overwrite:
    """A field that somebody changed after somebody else had written it."""

    path: str
    change: Change
    earlier: Change

    def __str__(self) -> str:
        return f"{self.path} of {told([self.earlier])}\n  overwritten by {told([self.change])}"


@dataclass(frozen=True, slots=True)
class Available:
    """How many pods of a workload were ready and not in deletion, from a revision on."""

    revision: int
    pods: int


def exactly_once(changes: Sequence[Change], predicate: Callable[[Change], bool]) -> Change:
    """Return the one change that the predicate holds for.

    Raises AssertionError, with a timeline, when there is none or more than one.
    """
    found = [one for one in changes if predicate(one)]
    if len(found) == 1:
        return found[0]
    shown = told(found) if found else f"none of these:\n{told(changes)}"
    raise AssertionError(f"wanted exactly one change, found {len(found)}:\n{shown}")


def foreign_overwrites(
    changes: Iterable[Change], user: str, allowed: Collection[str] = (), since: int = 0
) -> list[Overwrite]:
    """Return each field that `user` changed or removed and that another had written last.

    changes  from the first revision on, so that every field has a writer
    allowed  patterns of JSON pointers (`/spec/template/*`, `/spec/replicas`) it may take over
    since    overwrites up to this revision are not told

    What may be by the user counts as the user's. A field that an unknown writer wrote counts as
    another's.
    """
    passed = (*SERVER_FIELDS, *allowed)
    writers: dict[str, dict[str, Change]] = {}
    found = []
    for change in changes:
        held = writers.setdefault(change.uid, {})
        for path in _written(change):
            earlier = held.get(path)
            if (
                earlier is not None
                and change.revision > since
                and change.may_be_by(user)
                and earlier.user != user
                and not any(fnmatchcase(path, pattern) for pattern in passed)
            ):
                found.append(Overwrite(path, change, earlier))
            held[path] = change
        if change.shape is Shape.DELETE:
            del writers[change.uid]
    return found


def removals(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield for each object the change that began its end: marked for deletion, or gone at once."""
    for change in changes:
        if change.before is None or "deletionTimestamp" in change.before["metadata"]:
            continue
        if change.after is None or "deletionTimestamp" in change.after["metadata"]:
            yield change


def evictions(changes: Iterable[Change]) -> list[Change]:
    """Return the changes by which the Eviction API began to remove pods, one for each pod."""
    return [one for one in removals(changes) if one.kind == "Pod" and one.subresource == EVICTION]


def direct_pod_deletes(changes: Iterable[Change], user: str | None = None) -> list[Change]:
    """Return the changes that began to remove pods past the Eviction API, one for each pod.

    With `user`, those that are or may be that user's. A removal that nobody is known for is
    among them: it cannot be shown to be an eviction.
    """
    return [
        one
        for one in removals(changes)
        if one.kind == "Pod"
        and one.subresource != EVICTION
        and (user is None or one.may_be_by(user))
    ]


def resizes(changes: Iterable[Change]) -> list[Change]:
    """Return the changes of pods through their `resize` subresource."""
    return [one for one in changes if one.kind == "Pod" and one.subresource == "resize"]


def generation_bumps(changes: Iterable[Change]) -> Counter[tuple[str, str]]:
    """Return how often each user bumped the generation of each object: by (UID, user).

    User "" stands for writers that are not known for certain.
    """
    return Counter((one.uid, one.user) for one in changes if one.bumped)


def availability(
    changes: Iterable[Change], is_of_workload: Callable[[dict[str, Any]], bool]
) -> list[Available]:
    """Return how many pods of a workload were available after each change of one of them.

    changes         from the first revision on, so that every pod is known
    is_of_workload  takes a stored pod; see `labelled`

    A pod counts as disruption budgets count it: Ready, and not in deletion.
    """
    ready: set[str] = set()
    found = []
    for change in changes:
        if change.kind != "Pod" or not is_of_workload(change.stored):
            continue
        (ready.add if _is_available(change.after) else ready.discard)(change.uid)
        found.append(Available(change.revision, len(ready)))
    return found


def lowest(samples: Sequence[Available], since: int = 0) -> int:
    """Return the least number of available pods from revision `since` on.

    What was so at `since` counts, even if nothing changed later. ValueError without any sample.
    """
    earlier = [one.pods for one in samples if one.revision <= since][-1:]
    return min(earlier + [one.pods for one in samples if one.revision > since])


def labelled(**labels: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether a stored object has all these labels."""
    wanted = labels.items()
    return lambda stored: wanted <= (stored["metadata"].get("labels") or {}).items()


def _is_available(pod: dict[str, Any] | None) -> bool:
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return False
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _written(change: Change) -> list[str]:
    """Return the leaves that an update or a create wrote or removed; a delete overwrites none."""
    if change.after is None:
        return []
    old = leaves(change.before) if change.before is not None else {}
    current = leaves(change.after)
    changed = [path for path, value in current.items() if path not in old or old[path] != value]
    return changed + [path for path in old if path not in current]
