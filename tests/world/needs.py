"""What a test of the world needs of this machine: a desk without it skips, CI fails."""

import os

import pytest

from tests.world import enclosure, parts

IN_CI = os.environ.get("CI", "").lower() == "true"


def refuse(reason: str) -> None:
    """Skip with one line at a desk; fail in CI."""
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need_enclosure() -> None:
    """Go on only where namespaces can be made."""
    reason = enclosure.missing()
    if reason:
        refuse(reason)


def need_parts(*names: str) -> None:
    """Go on only where these parts are built; all of them when none is named."""
    absent = [name for name in parts.not_built() if not names or name in names]
    if absent:
        refuse(f"{', '.join(absent)} of the world: not built here (make world)")
