"""How wide each column of a table becomes, and where its sentences go."""

from collections.abc import Sequence
from dataclasses import dataclass

from upid.cli.output.blocks import Column, Row
from upid.cli.output.text import clean, width

GAP = 2
_NARROWEST = 14  # columns; a name cut shorter than this cannot be told from its neighbours
_WIDEST = 56  # columns; a longer name pulls the figures of its row out of sight
_ROOM_FOR_A_SENTENCE = 44  # columns; narrower than this, sentences go under their row


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns with their widths, the clean text of every cell, and the room for sentences.

    beside  columns that the sentences have beside the row; None where they go under it
    hanging  columns by which sentences under a row are indented
    """

    columns: tuple[tuple[Column, int], ...]
    details: tuple[Column, ...]
    cells: tuple[tuple[str, ...], ...]
    beside: int | None

    @property
    def taken(self) -> int:
        """Columns that all columns but the sentences take."""
        return sum(size for _, size in self.columns) + GAP * (len(self.columns) - 1)

    @property
    def hanging(self) -> int:
        """Where the first column that names something begins."""
        at = 0
        for column, size in self.columns:
            if not column.right and size > 1:
                return at
            at += size + GAP
        return 0

    def details_of(self, row: Row) -> list[str]:
        """Return the sentences of a row."""
        return [clean(c.show(row[c.key])) for c in self.details if row[c.key]]


def lay_out(columns: Sequence[Column], rows: Sequence[Row], room: int | None) -> Grid | None:
    """Return a grid of at most `room` columns, or None where names would be cut to nothing.

    Only columns of words give way, the widest first; figures are never cut.
    """
    plain = [c for c in columns if not c.detail]
    details = tuple(c for c in columns if c.detail)
    cells = tuple(tuple(clean(c.show(row[c.key])) for c in plain) for row in rows)
    sizes = [max(width(c.title), *(width(line[i]) for line in cells)) for i, c in enumerate(plain)]
    if room is None:
        longest = [width(c.show(row[c.key])) for c in details for row in rows]
        return Grid(tuple(zip(plain, sizes, strict=True)), details, cells, max(longest, default=0))
    sizes = [size if c.right else min(size, _WIDEST) for c, size in zip(plain, sizes, strict=True)]
    over = sum(sizes) + GAP * (len(sizes) - 1) - room
    while over > 0:
        words = [i for i, c in enumerate(plain) if not c.right and sizes[i] > _NARROWEST]
        if not words:
            return None
        widest = max(words, key=lambda i: sizes[i])
        rivals = [sizes[i] for i in words if i != widest]
        floor = max([_NARROWEST, *rivals]) if rivals else _NARROWEST
        cut = min(over, max(1, sizes[widest] - floor))
        sizes[widest] -= cut
        over -= cut
    left = -over - GAP
    sentence = max([width(clean(c.show(row[c.key]))) for c in details for row in rows], default=0)
    roomy = left >= min(_ROOM_FOR_A_SENTENCE, sentence)
    beside = left if details and roomy else None
    return Grid(tuple(zip(plain, sizes, strict=True)), details, cells, beside)
