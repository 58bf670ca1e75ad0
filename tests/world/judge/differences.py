"""What differs between two JSON values, as JSON pointers with both sides."""

from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

Json: TypeAlias = Any  # what a JSON text decodes to


class Absent(Enum):
    """The value of a field that is not there, which is not the same as null."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One place where two JSON values differ.

    path           JSON pointer (RFC 6901); "" is the whole value
    before, after  the values there; ABSENT where the field is not there
    """

    path: str
    before: Json
    after: Json

    def __str__(self) -> str:
        return f"{self.path or '(all)'}: {self.before!r} → {self.after!r}"


def differences(before: Json, after: Json) -> tuple[FieldChange, ...]:
    """Return the smallest parts that differ, in document order.

    Lists are compared place by place; what one has more than the other is at its end. An object
    that is not there at all (None) differs as a whole, at the path "".
    """
    found: list[FieldChange] = []
    _compare("", before, after, found)
    return tuple(found)


def applied(before: Json, changes: tuple[FieldChange, ...]) -> Json:
    """Return `before` with the changes made; `before` itself stays as it is.

    Raises KeyError or IndexError for changes that do not fit.
    """
    result = deepcopy(before)
    removals = [one for one in changes if one.after is ABSENT]
    for change in [one for one in changes if one.after is not ABSENT] + removals[::-1]:
        if not change.path:
            result = deepcopy(change.after)
            continue
        *parents, last = parts_of(change.path)
        inside = result
        for part in parents:
            inside = inside[int(part)] if isinstance(inside, list) else inside[part]
        _place(inside, last, change.after)
    return result


def leaves(value: Json, path: str = "") -> dict[str, Json]:
    """Return the scalars and empty containers of a value, by JSON pointer."""
    children = _children(value)
    if not children:
        return {path: value}
    found: dict[str, Json] = {}
    for part, child in children.items():
        found |= leaves(child, f"{path}/{part}")
    return found


def parts_of(path: str) -> list[str]:
    """Return the unescaped parts of a JSON pointer; none for the whole value."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _place(inside: Json, part: str, value: Json) -> None:
    if isinstance(inside, list):
        place = int(part)
        if value is ABSENT:
            del inside[place]
        elif place == len(inside):
            inside.append(deepcopy(value))
        else:
            inside[place] = deepcopy(value)
    elif value is ABSENT:
        del inside[part]
    else:
        inside[part] = deepcopy(value)


def _children(value: Json) -> dict[str, Json]:
    if isinstance(value, dict):
        return {key.replace("~", "~0").replace("/", "~1"): child for key, child in value.items()}
    if isinstance(value, list):
        return {str(place): child for place, child in enumerate(value)}
    return {}


def _compare(path: str, before: Json, after: Json, found: list[FieldChange]) -> None:
    both_of = (dict, list)
    if type(before) is not type(after) or not isinstance(before, both_of):
        # True == 1 in Python, but not in JSON.
        if type(before) is not type(after) or before != after:
            found.append(FieldChange(path, before, after))
        return
    old, current = _children(before), _children(after)
    for part in old | current:
        if part not in current:
            found.append(FieldChange(f"{path}/{part}", old[part], ABSENT))
        elif part not in old:
            found.append(FieldChange(f"{path}/{part}", ABSENT, current[part]))
        else:
            _compare(f"{path}/{part}", old[part], current[part], found)
