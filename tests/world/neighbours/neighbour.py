"""A program that stands beside UPID in a world: started, waited for, stopped, started again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.world.enclosure import Enclosure, Program
from tests.world.waiting import wait_until

START = 30.0  # seconds; each is ready within one on an idle machine


class Died(Exception):
    """A neighbour ended instead of becoming ready; its log says why."""


@dataclass
class Neighbour:
    """One neighbour in an enclosure.

    name     names its log and its folder; unique in the enclosure
    command  program and arguments
    ready    whether it answers by now; called until it does
    """

    enclosure: Enclosure
    name: str
    command: Sequence[str | Path]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        """Return the running program, or the one that ran last."""
        return self.enclosure.program(self.name)

    @property
    def log(self) -> Path:
        """Return the file that its output goes to."""
        return self.program.log

    def start(self, seconds: float = START) -> None:
        """Start it and wait until it is ready.

        Raises `Died` at once when it ends, `WaitedInVain` after `seconds`.
        """
        started = self.enclosure.start(self.name, *self.command, environment=self.environment)

        def answers() -> bool:
            code = started.code()
            if code is not None:
                said = started.log.read_text(errors="replace")[-2000:]
                raise Died(f"{self.name} ended with {code}; {started.log} ends:\n{said}")
            return self.ready()

        wait_until(f"{self.name} to answer", answers, seconds, started.log)

    def stop(self) -> None:
        """Ask it to end, by force after a while; what it stored stays."""
        self.program.stop()

    def kill(self) -> None:
        """End it without a chance to write anything; what is on the disk stays."""
        self.program.kill()


def folder_for(enclosure: Enclosure, name: str) -> Path:
    """Return a neighbour's own folder in the enclosure's; it goes with the enclosure."""
    folder = enclosure.folder / name
    folder.mkdir(mode=0o700, exist_ok=True)  # its settings may hold tokens
    return folder


def client(url: str, seconds: float = 10.0) -> httpx2.Client:
    """Return an HTTP client for a neighbour; a proxy that the machine may name is passed by.

    It keeps no connection, so that none is broken or left open when the neighbour is killed.
    """
    none_kept = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.Client(base_url=url, timeout=seconds, trust_env=False, limits=none_kept)


def succeeds(http: httpx2.Client, path: str) -> bool:
    """Return whether a GET is answered with a 2xx; False as well when nothing listens yet."""
    try:
        return http.get(path).is_success
    except httpx2.TransportError:
        return False
