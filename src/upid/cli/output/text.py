"""Foreign text made safe to show, and measured, cut and wrapped by what a terminal draws."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

ELLIPSIS = "…"
_PLAIN = re.compile(r"[ -~]*")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, bidi, surrogates, …
_MARKS = frozenset({"Mn", "Me", "Mc"})
_MOST_MARKS = 2  # on one letter; more of them are drawn over the neighbouring lines
_BYTE, _SHORT_PLANE = 0x100, 0x10000


def clean(text: str) -> str:
    r"""Return the text with everything that could steer a terminal written out, as `\x1b`."""
    if _PLAIN.fullmatch(text):
        return text
    shown: list[str] = []
    marks = 0
    for letter in text:
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in _MARKS else 0
        if kind in _HIDDEN or marks > _MOST_MARKS or (marks and not shown):
            shown.append(_escaped(letter))
        else:
            shown.append(letter)
    return "".join(shown)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if letter in _SHORT:
        return _SHORT[letter]
    if code < _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _SHORT_PLANE else f"\\U{code:08x}"


def width(text: str) -> int:
    """Return how many columns a terminal needs for clean text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


@lru_cache(maxsize=4096)
def _columns(letter: str) -> int:
    if unicodedata.category(letter) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def shorten(text: str, room: int) -> str:
    """Return clean text in at most `room` columns, its middle replaced by `…` where needed."""
    if width(text) <= room:
        return text
    if room <= 1:
        return ELLIPSIS[:room]
    letters = list(_letters(text))
    head = _fitting(letters, (room - 1) - (room - 1) // 2)
    tail = _fitting(letters[::-1], (room - 1) // 2)
    return "".join(head) + ELLIPSIS + "".join(tail[::-1])


def _letters(text: str) -> Iterator[str]:
    """Yield letters with the marks that sit on them, so that a cut never parts them."""
    held = ""
    for letter in text:
        if held and _columns(letter):
            yield held
            held = ""
        held += letter
    if held:
        yield held


def _fitting(letters: list[str], room: int) -> list[str]:
    taken: list[str] = []
    for letter in letters:
        room -= width(letter)
        if room < 0:
            break
        taken.append(letter)
    return taken


def pad(text: str, room: int, *, right: bool = False) -> str:
    """Return clean text filled with blanks to `room` columns; `right` puts the blanks before."""
    blanks = " " * (room - width(text))
    return blanks + text if right else text + blanks


def wrap(text: str, room: int) -> list[str]:
    """Return clean text in lines of at most `room` columns, words longer than one broken."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width(joined) <= room:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, max(1, room))
        lines.extend(full)
    return [*lines, line]


def _broken(word: str, room: int) -> list[str]:
    pieces = [""]
    for letter in _letters(word):
        if pieces[-1] and width(pieces[-1]) + width(letter) > room:
            pieces.append("")
        pieces[-1] += letter
    return pieces
