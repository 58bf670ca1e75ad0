"""An fsync that fails: nothing is acknowledged until what was is read back from the disk (D8)."""

import shutil
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.adapters.metricstore.shelves import CLUSTER, HOUR, Machine, everything, opened, tick
from tests.adapters.metricstore.test_crash import ROOT, check
from upid.adapters.metricstore.log import Log
from upid.core import metrics as m

DELIVERIES = 60


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")
@pytest.mark.parametrize("when", ["20+7", "20+4", "31+5"])
def test_what_is_acknowledged_between_failing_fsyncs_is_there(tmp_path: Path, when: str) -> None:
    """Every seventh, fourth or fifth fsync says EIO, in deliveries, hours, days and manifests."""
    command = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync")
    fault = ("-e", f"inject=fsync:error=EIO:when={when}")
    program = (sys.executable, "-m", "tests.adapters.metricstore.writer")
    answer = subprocess.run(
        (*command, *fault, *program),
        cwd=ROOT,
        input=f"{tmp_path / 'store'} 0 {DELIVERIES}\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "ptrace" in answer.stderr.lower():
        pytest.skip("this machine lets nobody trace")
    said = Counter(line.split()[0] for line in answer.stdout.splitlines())
    assert answer.stdout.splitlines()[-1] == "ended 0", answer.stderr
    assert said["acked"] == DELIVERIES
    assert said["refused"] + said["untidy"] >= 8
    check(tmp_path / "store", DELIVERIES - 1)


class Forgetful(Log):
    """A log whose disk lost what it had acknowledged, and says so by a failing fsync once."""

    def forget(self) -> None:
        """Lose the last acknowledged record."""
        self._doubtful = True
        self._path.write_bytes(self._path.read_bytes()[: self._good - 10])


def test_what_the_disk_lost_is_written_anew_from_memory(tmp_path: Path) -> None:
    """After an error the kernel may have forgotten pages that were acknowledged before it."""
    machine = Machine()
    machine.pass_(HOUR)
    with opened(tmp_path / "store", machine) as store:
        log = store._log
        log.__class__ = Forgetful
        assert isinstance(log, Forgetful)
        for minute in range(10):
            values = {series: float(minute) for series in range(20)}
            if minute == 5:
                log.forget()
            store.append(CLUSTER, [tick(m.CPU, timedelta(minutes=minute), values)])
        before = everything(store, m.CPU)
        assert len(before) == 200
    with opened(tmp_path / "store", machine) as store:
        assert everything(store, m.CPU) == before
