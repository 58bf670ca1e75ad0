"""YAML as Go's programs read it, within bounds: YAML 1.1's booleans, no dates, no base 60.

A plain `yes` is a boolean and `0x10` a number, so both are refused where text is wanted, as kubectl
does; `2024-01-01` and `12:30` are text. Nothing is ever constructed but plain values.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Plain = Any  # dict, list, str, int, float, bool or None, nested

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBERS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORD = 1 << 64  # Go's largest integer: what does not fit is a float or text
_LOOK_AT_CLOCK = 256  # events between two looks
_TAG = "tag:yaml.org,2002:"
_TAGS = {"bool": bool, "int": int, "float": float, "null": type(None)}


class NotADocument(ValueError):
    """Text that is not YAML within the bounds; says where, never what stands there."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a document may be.

    aliases  whether anchors, aliases, merge keys and tags are allowed at all
    seconds  time that reading may take
    """

    size: int
    nodes: int
    depth: int
    seconds: float
    aliases: bool = True


LOCAL = Bounds(size=32 << 20, nodes=2_000_000, depth=100, seconds=60)  # one's own file


def read(text: bytes, bounds: Bounds = LOCAL) -> Plain:
    """Return the first document; None for an empty one. Raises `NotADocument`."""
    import yaml

    if len(text) > bounds.size:
        raise NotADocument(f"it has {len(text)} bytes; {bounds.size} are allowed")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Composer(yaml, yaml.parse(text, Loader=loader), bounds).document()
    except yaml.MarkedYAMLError as error:  # its text quotes the document: only its place is told
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        why = f"not YAML: {place}{_harmless(error.problem)}"
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        if isinstance(error, NotADocument):
            raise
        why = "not YAML: it holds characters that are not text"
    raise NotADocument(why)


def _harmless(problem: str | None) -> str:
    """Return what the parser says without what it quotes."""
    return re.sub(r"(['\"]).*", "…", problem or "it cannot be read", flags=re.DOTALL)


class _Composer:
    """Plain values from a parser's events, counted as they come."""

    def __init__(self, yaml: Any, events: Iterator[Any], bounds: Bounds) -> None:  # noqa: ANN401 - the module, loaded late
        self._yaml, self._events, self._bounds = yaml, events, bounds
        self._until = time.monotonic() + bounds.seconds
        self._nodes = 0
        self._seen = 0
        self._anchors: dict[str, tuple[Plain, int]] = {}

    def document(self) -> Plain:
        """Return the first document."""
        self._next()
        start = self._next()
        if isinstance(start, self._yaml.StreamEndEvent):
            return None
        value = self._value(self._next(), 0)
        if not self._bounds.aliases:
            self._next()
            if not isinstance(self._next(), self._yaml.StreamEndEvent):
                raise NotADocument("it holds several documents")
        return value

    def _next(self) -> Any:  # noqa: ANN401 - PyYAML's events have no types
        self._seen += 1
        if self._seen % _LOOK_AT_CLOCK == 0 and time.monotonic() > self._until:
            raise NotADocument(f"reading it takes longer than {self._bounds.seconds:g} s")
        return next(self._events)

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._bounds.nodes:
            raise NotADocument(f"it has more than {self._bounds.nodes} values")

    def _value(self, event: Any, depth: int) -> Plain:  # noqa: ANN401
        if depth > self._bounds.depth:
            raise NotADocument(f"it is nested deeper than {self._bounds.depth} levels")
        if isinstance(event, self._yaml.AliasEvent):
            return self._alias(event.anchor)
        if not self._bounds.aliases and (event.anchor or event.tag):
            raise NotADocument("it has anchors, aliases or tags; write every value out")
        before = self._nodes
        self._count(1)
        if isinstance(event, self._yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, self._yaml.SequenceStartEvent):
            value = self._sequence(depth)
        else:
            value = self._mapping(depth)
        if event.anchor:
            self._anchors[event.anchor] = value, self._nodes - before
        return value

    def _alias(self, anchor: str) -> Plain:
        if not self._bounds.aliases:
            raise NotADocument("it has anchors, aliases or tags; write every value out")
        if anchor not in self._anchors:
            raise NotADocument("an alias names an anchor that does not stand before it")
        value, weight = self._anchors[anchor]
        self._count(weight)
        return value

    def _sequence(self, depth: int) -> list[Plain]:
        found: list[Plain] = []
        while not isinstance(event := self._next(), self._yaml.SequenceEndEvent):
            found.append(self._value(event, depth + 1))
        return found

    def _mapping(self, depth: int) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        while not isinstance(event := self._next(), self._yaml.MappingEndEvent):
            merges = self._is_merge(event)
            key = self._value(event, depth + 1)
            value = self._value(self._next(), depth + 1)
            if merges:
                _merge(found, value)
                continue
            name = _key(key)
            if not self._bounds.aliases and name in found:
                raise NotADocument("a mapping has the same key twice")
            found[name] = value
        return found

    def _is_merge(self, event: Any) -> bool:  # noqa: ANN401
        return (
            self._bounds.aliases
            and isinstance(event, self._yaml.ScalarEvent)
            and event.value == "<<"
            and event.implicit[0]
        )


def _merge(into: dict[str, Plain], value: Plain) -> None:
    """Add the entries of a merge key: of several mappings the first one's count."""
    several = value if isinstance(value, list) else [value]
    for one in reversed(several):
        if not isinstance(one, dict):
            raise NotADocument("a merge key '<<' names something that is not a mapping")
        into.update(one)


def _key(key: Plain) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int | float):
        return str(key)
    raise NotADocument("a mapping has a key that is not text")


def _scalar(event: Any) -> Plain:  # noqa: ANN401
    """Return the value of a scalar: quoted and tagged as text, it is text."""
    tag = event.tag
    text: str = event.value
    if tag is None:
        return _resolved(text) if event.implicit[0] else text
    sort = tag.removeprefix(_TAG)
    if sort in (tag, "str"):
        return text
    value = _resolved(text)
    wanted = _TAGS.get(sort)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is None or type(value) is not wanted:
        raise NotADocument(f"a value is not what its tag '!!{sort[:16]}' says")
    return value


def _resolved(text: str) -> Plain:
    """Return what a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if text[0] == ".":
        return float(text) if _FLOAT.fullmatch(text) else _no_number(text)
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        whole = _integer(plain)
        if -(_WORD >> 1) <= whole < _WORD:
            return whole
    if _FLOAT.fullmatch(plain) and abs(value := float(plain)) != float("inf"):
        return value
    return _no_number(text)


def _no_number(text: str) -> Plain:
    return float(text.replace(".", "", 1)) if _NO_NUMBERS.fullmatch(text) else text


def _integer(text: str) -> int:
    """Return an integer of Go's spelling: a leading nought is octal."""
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8 if octal else 0)
    return -value if text[0] == "-" else value
