"""Label selectors as kubectl takes them: `app=web,tier!=db,env in (prod, staging),!canary`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from upid.core.errors import UpidError

_KEY = r"(?:[A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s+\(([^()]*)\)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_COMMA = re.compile(r",(?![^(]*\))")  # between requirements, not inside a set
_LONGEST = 4096  # characters; the API server takes no longer query either


class BadSelector(UpidError):
    """A text that is not a label selector."""

    code = "bad_selector"

    def __init__(self, text: str, part: str) -> None:
        super().__init__(
            f"{text!r} is not a label selector: {part!r} is not understood",
            hint="write app=web, tier!=db, 'env in (prod, staging)' or !canary, "
            "with commas between",
        )


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label; `values` is empty where only presence counts."""

    key: str
    wanted: bool
    values: frozenset[str] | None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels meet it; like kubectl, `!=` and `notin` hold for a missing label."""
        if self.values is None:
            return (self.key in labels) is self.wanted
        return (labels.get(self.key) in self.values) is self.wanted


@dataclass(frozen=True, slots=True)
class Selector:
    """Conditions that all have to hold; none means everything."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Selector":
        """Return the selector a text writes. Raises BadSelector, naming the part."""
        if len(text) > _LONGEST:
            raise BadSelector(text[:40] + "…", "it is too long")
        parts = [part.strip() for part in _COMMA.split(text)] if text.strip() else []
        return cls(tuple(_requirement(part, text) for part in parts))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether an object with these labels is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)


EVERYTHING = Selector()


def _requirement(part: str, text: str) -> Requirement:
    if found := _EQUAL.fullmatch(part):
        return Requirement(found[1], found[2] != "!=", frozenset({found[3]}))
    if found := _SET.fullmatch(part):
        values = frozenset(value.strip() for value in found[3].split(","))
        return Requirement(found[1], found[2] == "in", values)
    if found := _EXISTS.fullmatch(part):
        return Requirement(found[2], not found[1], None)
    raise BadSelector(text, part)
