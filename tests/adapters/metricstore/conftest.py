"""Stores that are filled once and copied for each test: filling one takes a second of fsyncs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.metricstore.shelves import HOUR, TICK, Machine, fill

Filled = Callable[[Path, Machine, int], None]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Return what puts so many hours of ticks into a store, and moves the clocks to their end."""
    folder = tmp_path_factory.mktemp("stores")

    def filled(root: Path, machine: Machine, hours: int) -> None:
        template = folder / str(hours)
        ended = Machine()
        if template.exists():
            ended.pass_(hours * HOUR - TICK)
        else:
            fill(template, ended, hours)
        shutil.copytree(template, root, dirs_exist_ok=True)
        machine.pass_(ended.wall() - machine.wall())

    return filled
