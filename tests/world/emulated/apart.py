"""The same servers in a process of their own, so that their work is not the measured program's."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from tests.world.emulated.cluster import Plan
from tests.world.emulated.illness import Illness
from tests.world.emulated.way import Way

_PATIENCE = 60  # seconds for the process to end


@dataclass(frozen=True)
class Counts:
    """What came to a server."""

    requests: int
    connections: int


class Apart:
    """Servers in another process; asked by one thread."""

    def __init__(self, process: "subprocess.Popen[str]", ways: dict[str, Way]) -> None:
        self._process, self.ways = process, ways

    def behave(self, name: str, illness: Illness) -> None:
        """Change how a server behaves; one that is blackholed stays so, and none becomes so."""
        self._ask({"behave": name, "as": illness})

    def counts(self, name: str) -> Counts:
        """Return what came to a server so far."""
        return Counts(**self._ask({"count": name}))

    def _ask(self, question: dict[str, str]) -> dict[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, int] = json.loads(_line(self._process))
        return answer


@contextmanager
def apart(plans: Sequence[Plan]) -> Iterator[Apart]:
    """Yield clusters that listen on loopback, in a process of their own that ends with this."""
    command = (sys.executable, "-m", "tests.world.emulated")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        try:
            asked = [asdict(plan) | {"without": list(plan.without)} for plan in plans]
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            told = json.loads(_line(process))
            authority = told["authority"].encode()
            ways = {name: Way(name, url, authority) for name, url in told["urls"].items()}
            yield Apart(process, ways)
        finally:
            process.stdin.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the emulated servers ended; their reason is on stderr")
    return line
