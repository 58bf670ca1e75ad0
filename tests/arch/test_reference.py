"""What the documentation lists is what the code has."""

import re

from tests.arch import reference
from tests.arch.shape import ROOT

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def test_the_reference_is_what_the_code_says() -> None:
    """Settings, error codes, commands, endpoints, and the client's types; mend: make reference."""
    assert reference.stale() == []


def test_no_page_links_to_a_file_that_is_not_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in sorted(pages)
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_setting_and_endpoint_is_described() -> None:
    from upid.app.settings import Settings

    silent = [name for name, field in reference.fields(Settings) if not field.description]
    assert silent == []


def test_every_promise_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tests|requirements|\.ci)/[^`]+)`", page)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
