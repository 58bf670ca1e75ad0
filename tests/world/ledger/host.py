"""Programs on the host itself, with the face of those in an enclosure, and as sure to end."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_STOP = 15.0  # seconds for a program to end by itself


@dataclass
class HostProgram:
    """A program on the host."""

    name: str
    log: Path
    _started: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        """Return its number."""
        return self._started.pid

    def code(self) -> int | None:
        """Return the exit code, -n after signal n; None while it runs."""
        return self._started.poll()

    @property
    def alive(self) -> bool:
        """Return whether it still runs."""
        return self.code() is None

    def signal(self, number: int) -> None:
        """Send it a signal; none is sent to one that ended."""
        self._started.send_signal(number)

    def stop(self, seconds: float = _STOP) -> None:
        """Ask it to end, and end it by force when it has not after `seconds`."""
        self.signal(signal.SIGTERM)
        try:
            self._started.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it without a chance to clean up, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self._started.wait(_STOP)


@dataclass
class Host:
    """Starts programs on the host; `folder` gets their logs."""

    folder: Path
    programs: list[HostProgram] = field(default_factory=list)

    def start(self, name: str, *command: str | Path) -> HostProgram:
        """Start a program that the kernel ends when this process does, also after `kill -9`.

        The thread that starts it must be the main one: the kernel watches threads.
        """
        log = self.folder / f"{name}.log"
        with log.open("ab") as written:
            started = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        program = HostProgram(name, log, started)
        self.programs.append(program)
        return program

    def close(self) -> None:
        """End every program that still runs."""
        for program in self.programs:
            if program.alive:
                program.kill()


@contextmanager
def host(folder: Path) -> Iterator[Host]:
    """Yield a host whose programs have all ended afterwards."""
    made = Host(folder)
    try:
        yield made
    finally:
        made.close()
