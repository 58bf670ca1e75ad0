"""Colour that works on light and dark: bold, dim and four hues of the terminal's own palette."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO


class Tone(StrEnum):
    """What a piece of text means; the only thing that decides how it is coloured."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    GOOD = "good"
    NOTE = "note"
    WARN = "warn"
    BAD = "bad"


class Colour(StrEnum):
    """When to colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


_CODES = {
    Tone.STRONG: "1",
    Tone.QUIET: "2",
    Tone.GOOD: "32",
    Tone.NOTE: "36",
    Tone.WARN: "33",
    Tone.BAD: "31",
}


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts tones on text, or leaves it as it is."""

    on: bool

    def __call__(self, text: str, tone: Tone) -> str:
        """Return the text in the colour of its tone."""
        code = _CODES.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and code and text else text


def wants_colour(choice: Colour, stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether to colour a stream.

    The flag decides first, then NO_COLOR, then FORCE_COLOR, then TERM=dumb, then whether a
    person looks at it: https://no-color.org and https://force-color.org.
    """
    if choice is not Colour.AUTO:
        return choice is Colour.ALWAYS
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "") not in ("", "0"):
        return True
    return environ.get("TERM") != "dumb" and stream.isatty()
