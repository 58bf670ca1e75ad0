"""Traffic that runs beside a test, and the ledger that knows what became of it."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.world.ledger.account import Account
from tests.world.ledger.ledger import READ_EVERY, Ledger
from tests.world.ledger.plan import Plan
from tests.world.waiting import wait_until

_SENT = b'"event":"sent"'


class Running(Protocol):
    """A program that was started, on the host or in an enclosure."""

    @property
    def alive(self) -> bool:
        """Return whether it still runs."""

    def code(self) -> int | None:
        """Return its exit code; None while it runs."""

    def stop(self, seconds: float = ...) -> None:
        """Ask it to end, and see that it does."""

    def kill(self) -> None:
        """End it at once."""


class Launcher(Protocol):
    """Where programs are started: an `Enclosure`, or a `Host`."""

    def start(self, name: str, *command: str | Path) -> Running:
        """Start a program."""


class ClientFailed(Exception):
    """A client of the ledger ended with an error of its own."""


@dataclass
class Traffic:
    """A client at work, which writes `log`."""

    plan: Plan
    log: Path
    client: Running
    ledger: Ledger
    _sent: int = 0
    _counted: int = 0  # bytes of the log

    def sent(self) -> int:
        """Return how many requests have left so far; only what is new of the log is read."""
        if self.log.exists():
            with self.log.open("rb") as lines:
                lines.seek(self._counted)
                whole, end, _ = lines.read().rpartition(b"\n")
            self._sent += whole.count(_SENT)
            self._counted += len(whole) + len(end)
        return self._sent

    def wait_until_sent(self, number: int) -> None:
        """Wait until that many requests have left, at most as long as the plan may take."""

        def enough() -> bool:
            return self.sent() >= number or not self.client.alive

        wait_until(f"{number} requests to leave", enough, self.plan.longest)
        if self.sent() < number:
            raise ClientFailed(f"the client ended after {self.sent()} requests, not {number}")

    def stop(self) -> None:
        """Send no more; what is under way has its own time to end."""
        self.client.stop(self.plan.longest)

    def kill(self) -> None:
        """End the client without a word: what is under way is then unknown."""
        self.client.kill()

    def wait(self) -> None:
        """Wait until the client has come to its own end.

        Raises `ClientFailed` when it ended with an error.
        """
        wait_until(
            f"the client that writes {self.log} to end",
            lambda: not self.client.alive,
            self.plan.longest,
        )
        if self.client.code() != 0:
            raise ClientFailed(f"the client that writes {self.log} ended with {self.client.code()}")

    def account(self) -> Account:
        """Wait for the client's end and return what became of everything in the ledger."""
        self.wait()
        return self.ledger.account()


@contextlib.contextmanager
def traffic(
    actor: Path,
    plan: Plan,
    on: Launcher,
    log: Path,
    servers: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
    every: float = READ_EVERY,
) -> Iterator[Traffic]:
    """Start a client and read the servers' books while it runs; it has ended afterwards.

    actor    the built program
    on       where the client runs
    log      the file it writes; must not exist
    servers  name of each server → its HTTP port's URL, as reached from here; more can be added
             to the ledger at any time
    only     the servers that may serve this client; None means any
    every    seconds between two readings of the books
    """
    ledger = Ledger()
    ledger.add_client(log, only)
    for name, url in (servers or {}).items():
        ledger.add_server(name, url)
    with contextlib.closing(ledger), ledger.following(every):
        client = on.start(f"call-{log.stem}", actor, "call", *plan.arguments(log))
        try:
            yield Traffic(plan, log, client, ledger)
        finally:
            if client.alive:
                client.kill()
