"""Killed at any moment: every acknowledged sample is there, bit-exact, once (D1).

Broken on purpose, each seen red here: no fsync is not seen by a kill (it is by `test_sync.py`);
log segments dropped before their hours are written; a head thawed without its loose samples; hours
removed before the day's manifest; records acknowledged before they are written.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.metricstore.writer import CLUSTER, LIMITS, SERIES, START, STEP, values
from upid.adapters.metricstore import EmbeddedStore
from upid.adapters.metricstore.inspection import verify
from upid.core import metrics as m
from upid.core.fixedpoint import bits
from upid.core.panel import Floats
from upid.core.window import Window

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def writers() -> Iterator["subprocess.Popen[str]"]:
    """Return the program that starts writers."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.metricstore.writer"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as program:
        yield program
        assert program.stdin is not None
        program.stdin.close()
        assert program.wait(30) == 0


def killed(
    program: "subprocess.Popen[str]", root: Path, first: int, after: int, delay: float = 0.0
) -> int:
    """Let a writer write from a delivery on; return the last one that it acknowledged.

    It is killed so many acknowledgements and seconds later: in the middle of a delivery, of an hour
    or a day on its way into a file.
    """
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(f"{root} {first} 1000000\n")
    pid, acked = 0, first - 1
    for line in program.stdout:
        word, number = line.split()
        if word == "started":
            pid = int(number)
        elif word == "acked":
            acked = int(number)
            if acked == first + after:
                time.sleep(delay)
                os.kill(pid, signal.SIGKILL)
        elif word == "ended":
            assert number == "-9"
            return acked
    raise AssertionError("the program ended")


def check(root: Path, acked: int) -> None:
    """Compare every sample of a store with what was written up to a delivery; one more delivery
    may be there, which was written and not acknowledged."""
    end = START + (acked + 2) * STEP
    assert verify(root) == ()
    with EmbeddedStore(root, lambda: end, LIMITS, lambda: 0.0) as store:
        assert store.damaged == ()
        found = store.panel(CLUSTER, m.CPU, Window(START, end), np.arange(SERIES), STEP).matrix()
    expected: Floats = np.stack([values(delivery) for delivery in range(acked + 2)], axis=1)
    assert (bits(found[:, : acked + 1]) == bits(expected[:, : acked + 1])).all()
    last = found[:, acked + 1]
    assert np.isnan(last).all() or (bits(last) == bits(expected[:, acked + 1])).all()


def lives(
    program: "subprocess.Popen[str]", root: Path, kills: int, deliveries: int, seed: int
) -> int:
    random = np.random.default_rng(seed)
    first = 0
    for _ in range(kills):
        after, delay = int(random.integers(0, 2 * deliveries)), random.uniform(0, 0.03)
        first = killed(program, root, first, after, delay) + 1
    return first - 1


def test_forty_kills_and_a_million_samples(
    writers: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """The quick size of D1: 1,000 series, a week of them."""
    acked = lives(writers, tmp_path / "store", 40, 25, seed=1)
    acked = killed(writers, tmp_path / "store", acked + 1, max(0, 1000 - acked))
    assert (acked + 1) * SERIES >= 1_000_000
    check(tmp_path / "store", acked)
    days = {path.parent.name for path in tmp_path.glob("store/resolution=raw/*/*/*.day.*")}
    assert len(days) >= 5


@pytest.mark.slow
@pytest.mark.full
def test_five_hundred_kills_and_ten_million_samples(
    writers: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """The full size of D1, looked at every fifty kills."""
    acked = -1
    for turn in range(10):
        random = np.random.default_rng(turn)
        for _ in range(50):
            after, delay = int(random.integers(0, 42)), random.uniform(0, 0.03)
            acked = killed(writers, tmp_path / "store", acked + 1, after, delay)
        check(tmp_path / "store", acked)
    assert (acked + 1) * SERIES >= 10_000_000


def test_a_day_that_was_being_made_when_the_program_died_leaves_no_file_over(
    tmp_path: Path,
) -> None:
    """What a crash left over is in no manifest, and is swept at the next start."""
    end = START + timedelta(hours=3)
    with EmbeddedStore(tmp_path, lambda: end) as store:
        folder = tmp_path / "resolution=raw" / f"cluster={CLUSTER}" / "day=2026-03-02"
        folder.mkdir(parents=True)
        left = folder / "container-resource.day.0123456789abcdef.parquet"
        left.write_bytes(b"half")
        (tmp_path / "sweep.json").write_text(f'["{folder.relative_to(tmp_path)}"]')
        store.close()
    with EmbeddedStore(tmp_path, lambda: end):
        assert not left.exists()
        assert not (tmp_path / "sweep.json").exists()
