"""What a report is made of, free of any format: views build blocks, renderers draw them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from upid.cli.output.paint import Tone

Row: TypeAlias = Mapping[str, object]


def as_text(value: object) -> str:
    """Return a cell as it is shown when its column has no rule of its own."""
    return "–" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    wide    shown only in `-o wide` and in the formats that have room for everything
    spare   given up, the last first, where a terminal has no room for all columns
    detail  a sentence: beside the row where there is room, under it where not
    tone    the tone of a cell by its value
    """

    key: str
    title: str
    show: Callable[[object], str] = as_text
    right: bool = False
    wide: bool = False
    spare: bool = False
    detail: bool = False
    tone: Callable[[object], Tone] = lambda _: Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a part, with a quiet remark beside it."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one pair a line."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a sum: what it is, whole cents, what it means, and how the bar shows it."""

    label: str
    cents: int
    note: str
    tone: Tone
    glyph: str


@dataclass(frozen=True, slots=True)
class Split:
    """Where each unit of money goes: a bar and its parts, which add up to the total."""

    total_label: str
    parts: tuple[Part, ...]
    currency: str

    @property
    def total(self) -> int:
        """The sum of the parts, in cents."""
        return sum(part.cents for part in self.parts)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of raw values and the columns that say how to show them.

    names   of the rows, as `kind/name`, for `-o name`
    listing  this table is what the command lists: csv, `name`, `--columns`, `--sort-by` mean it
    totals  rows of sums, shown last; who reads csv adds up by himself
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    listing: bool = False
    names: tuple[str, ...] = ()
    empty: str = "Nothing."
    headers: bool = True
    totals: tuple[Row, ...] = ()

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The rows and their sums."""
        return (*self.rows, *self.totals)


@dataclass(frozen=True, slots=True)
class Lines:
    """Sentences that belong together, one bullet each."""

    items: tuple[str, ...]
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing in fixed-width letters; the caption says the same in words.

    broad  the same drawn finer, for where there is room
    """

    lines: tuple[str, ...]
    broad: tuple[str, ...] = ()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be copied as it is, such as a patch."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Commands:
    """What to type next, each with what for."""

    items: tuple[tuple[str, str], ...]


Block: TypeAlias = Heading | Text | Facts | Split | Table | Lines | Figure | Code | Commands


@dataclass(frozen=True, slots=True)
class View:
    """One answer in every form: the object for machines and the blocks for people.

    kind     of the object, such as ClusterAnalysis
    content  what `-o json` and `-o yaml` print beside apiVersion, kind and metadata
    partial  sentences on what is missing
    failed   what could not be had at all, each with a hint; the rest is there
    """

    kind: str
    metadata: Mapping[str, object]
    content: Mapping[str, object]
    blocks: tuple[Block, ...]
    gauges: Mapping[str, float | str] = field(default_factory=dict)
    partial: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    def listing(self) -> Table | None:
        """Return the table that the command is about, if it is about one."""
        return next((b for b in self.blocks if isinstance(b, Table) and b.listing), None)
