"""`kill -9` of writers and couriers at any moment: each effect once, in order (RELIABILITY S1).

Broken on purpose                                    Red test
`note_done` in a transaction of its own, afterwards  kills
`note_done` in a transaction of its own, before      kills
"""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.lives import KEYS
from tests.kit.news import make_marks, marks_of
from upid.kit.db import Database

pytestmark = pytest.mark.anyio

SEED = "20260302"


@pytest.mark.parametrize(
    ("events", "lives"),
    [
        pytest.param(100, 6, id="6"),
        pytest.param(3000, 200, id="200", marks=[pytest.mark.slow, pytest.mark.full]),
    ],
)
async def test_kills_neither_lose_nor_repeat_nor_reorder_an_effect(
    db: Database, database_url: str, root: Path, events: int, lives: int
) -> None:
    """S1: effects are counted in the database; the writer's own marks say what there has to be."""
    make_marks(database_url)
    asked = [sys.executable, "-m", "tests.kit.lives", database_url, str(events), str(lives), SEED]
    ran = await asyncio.to_thread(
        subprocess.run, asked, cwd=root, capture_output=True, text=True, timeout=900, check=False
    )
    assert ran.returncode == 0, ran.stderr

    wanted = {key: list(range(first, events, len(KEYS))) for first, key in enumerate(KEYS)}
    assert await marks_of(db, "written") == wanted
    assert await marks_of(db, "first") == wanted
    assert await marks_of(db, "second") == wanted
    assert int(ran.stdout) < 2 * events, "none was delivered by those that died"
