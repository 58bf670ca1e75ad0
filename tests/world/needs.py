"""What a test of the world needs of this machine: a desk without it skips, CI fails."""

import os
from typing import NoReturn

import pytest

from tests.world import build, enclosure, parts

IN_CI = os.environ.get("CI", "").lower() == "true"


def refuse(reason: str) -> NoReturn:
    """Skip with one line at a desk; fail in CI."""
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def no_world() -> str | None:
    """Return why no test of the world can run here, in one line; None when they can."""
    absent = [part.name for part in parts.PARTS if not part.own and not part.is_built]
    unbuilt = f"{', '.join(absent)}: not built here (make world)" if absent else None
    return enclosure.missing() or unbuilt


def need_enclosure() -> None:
    """Go on only where namespaces can be made."""
    reason = enclosure.missing()
    if reason:
        refuse(reason)


def need_parts(*names: str) -> None:
    """Go on only where these parts are built; all of them when none is named."""
    absent = _absent(names)
    if absent and all(part.own for part in parts.PARTS if part.name in absent):
        try:  # the tree's own program changes with the tree: no need to ask for make world
            build.build_own()
        except build.CannotBuild as error:
            refuse(f"the world's own program: {error}")
        absent = _absent(names)
    if absent:
        refuse(f"{', '.join(absent)} of the world: not built here (make world)")


def _absent(names: tuple[str, ...]) -> list[str]:
    return [name for name in parts.not_built() if not names or name in names]
