"""Cursors come back as they went out, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.kit.pagination import BadCursor, Page, read_cursor, write_cursor


@given(st.integers(-(2**62), 2**62), st.text(max_size=40))
def test_a_position_survives_the_cursor(number: int, text: str) -> None:
    assert read_cursor(write_cursor("pods", number, text), "pods", int, str) == (number, text)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_anything_else_is_refused_with_one_error(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, "pods", int, str)


def test_a_cursor_of_another_list_or_of_other_parts_is_refused() -> None:
    for cursor in (write_cursor("nodes", 1, "a"), write_cursor("pods", "a", 1), "x" * 5000):
        with pytest.raises(BadCursor):
            read_cursor(cursor, "pods", int, str)


@given(st.lists(st.integers(-(10**15), 10**15), max_size=30, unique=True), st.integers(1, 7))
def test_pages_end_to_end_are_the_whole_list(rows: list[int], limit: int) -> None:
    def page_after(cursor: str) -> Page[int]:
        (after,) = read_cursor(cursor, "rows", int)
        left = [row for row in sorted(rows) if row > int(after)]
        return Page.cut(left[: limit + 1], limit, lambda row: write_cursor("rows", row))

    seen: list[int] = []
    cursor: str | None = write_cursor("rows", -(10**16))
    while cursor is not None:
        page = page_after(cursor)
        seen += page.items
        cursor = page.next

    assert seen == sorted(rows)
