"""Foreign text is shown safely and fits where it is put."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.program.answers import HOSTILE
from upid.cli.output.text import clean, pad, shorten, width, wrap

STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
texts = st.one_of(st.text(max_size=60), st.sampled_from(HOSTILE))


@given(texts)
def test_nothing_that_steers_a_terminal_survives_cleaning(text: str) -> None:
    assert not STEERING.search(clean(text))
    assert all(unicodedata.category(letter) not in {"Cs", "Cc", "Cf"} for letter in clean(text))


@given(texts)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\nb"),
        ("right\u202eto", "right\\u202eto"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("caf\u0065\u0301", "cafe\u0301"),
        ("漢字", "漢字"),
    ],
)
def test_an_escape_is_shown_as_it_would_be_typed(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_marks_do_not_pile_up_over_the_line_above() -> None:
    assert clean("z" + "\u0301" * 3).endswith("\\u0301")


@given(texts, st.integers(min_value=1, max_value=70))
def test_a_shortened_text_fits_and_keeps_both_ends(text: str, room: int) -> None:
    whole = clean(text)
    cut = shorten(whole, room)
    assert width(cut) <= room
    if width(whole) <= room:
        assert cut == whole
    else:
        assert "…" in cut
        head, _, tail = cut.partition("…")
        assert whole.startswith(head)
        assert whole.endswith(tail)


@given(texts, st.integers(min_value=2, max_value=70))
def test_wrapped_lines_fit_and_lose_no_letter(text: str, room: int) -> None:
    whole = clean(text)
    lines = wrap(whole, room)
    assert all(width(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == whole.replace(" ", "")


@given(texts, st.integers(min_value=0, max_value=200))
def test_padding_reaches_the_room_and_never_cuts(text: str, room: int) -> None:
    whole = clean(text)
    assert width(pad(whole, room)) == max(room, width(whole))
    assert pad(whole, room, right=True).endswith(whole)
