"""Conditional requests as RFC 9110 has them."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.kit.etags import PreconditionFailed, etag, is_fresh, require_match
from upid.kit.problems import error_response, problems, status_of

TAG = etag("cl_1", 7)
PARTS = st.lists(st.one_of(st.text(), st.integers(), st.binary(), st.none(), st.booleans()))


def test_a_tag_is_strong_and_quoted() -> None:
    assert re.fullmatch(r'"[0-9a-f]{32}"', TAG)


def test_a_tag_is_the_same_in_every_process() -> None:
    written = b"str:1:aint:1:1NoneType:4:Nonebytes:1:x"

    assert etag("a", 1, None, b"x") == f'"{hashlib.sha256(written).hexdigest()[:32]}"'


@given(PARTS, PARTS)
def test_other_parts_have_another_tag(one: list[object], other: list[object]) -> None:
    """Also where their texts run together: ("ab", "c") is not ("a", "bc"), 1 is not "1"."""
    same = [(type(part), part) for part in one] == [(type(part), part) for part in other]

    assert (etag(*one) == etag(*other)) == same


@pytest.mark.parametrize(
    ("header", "fresh"),
    [
        (None, False),
        ("", False),
        (TAG, True),
        (f"W/{TAG}", True),  # section 13.1.2: weak comparison
        ("*", True),
        (" * ", True),
        (f'"x", W/"y",\t{TAG}', True),
        (f',, "x" , ,{TAG},', True),  # section 5.6.1.2: empty elements are skipped
        ('"x"', False),
        (f'"x,{TAG[1:-1]}"', False),  # a comma within a tag parts nothing
        (f"{TAG} {TAG}", False),
        (TAG.strip('"'), False),
        (f"w/{TAG}", False),
        (f"*, {TAG}", False),
        ('"', False),
        ('"x' * 5000, False),
        (f"{TAG}, " * 1000, False),  # beyond the bound of the header
    ],
)
def test_who_has_this_version_is_told_so(header: str | None, fresh: bool) -> None:
    assert is_fresh(header, TAG) is fresh


@pytest.mark.parametrize("header", [None, "*", TAG, f'"x", {TAG}', f'W/"x",{TAG}'])
def test_a_change_of_this_version_may_be_made(header: str | None) -> None:
    require_match(header, TAG, "prod")


@pytest.mark.parametrize("header", ["", '"x"', f"W/{TAG}", TAG.strip('"'), f"*,{TAG}"])
def test_a_change_of_another_version_is_refused(header: str) -> None:
    """Section 13.1.1: strong comparison, so a weak tag names no version to change."""
    with pytest.raises(PreconditionFailed, match="'prod'") as caught:
        require_match(header, TAG, "prod")

    assert caught.value.details == {"etag": TAG}


@given(st.text(max_size=60))
def test_no_header_breaks_it(header: str) -> None:
    is_fresh(header, TAG)


def test_it_is_refused_with_412_and_described_so() -> None:
    error = PreconditionFailed("prod", TAG)

    assert status_of(error) == error_response(error).status_code == 412
    assert list(problems(PreconditionFailed)) == [412]
