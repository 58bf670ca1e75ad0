"""`actor serve` on this machine, on ports of its own."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.world.ledger.host import Host, HostProgram
from tests.world.ledger.plan import Target, everywhere
from tests.world.waiting import wait_until

_START = 20.0  # seconds for a program that takes milliseconds
_ANY_PORT = "127.0.0.1:0"


@dataclass(frozen=True)
class LocalServer:
    """A running `actor serve` and where it listens, each HOST:PORT."""

    program: HostProgram
    http: str
    grpc: str
    tcp: str

    @property
    def url(self) -> str:
        """Return the URL of its HTTP port."""
        return f"http://{self.http}"

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return a target for each protocol, in equal shares."""
        return everywhere(self.http, self.grpc, self.tcp)


def serve(
    actor: Path, on: Host, name: str, *flags: str, at: LocalServer | None = None
) -> LocalServer:
    """Start a server and wait until it is ready; `at` gives it the ports of one that ended."""
    ports = (at.http, at.grpc, at.tcp) if at else (_ANY_PORT,) * 3
    told = [
        f"--{protocol}={port}"
        for protocol, port in zip(("http", "grpc", "tcp"), ports, strict=True)
    ]
    before = len(_events(on.folder / f"{name}.log"))
    program = on.start(name, actor, "serve", *told, *flags)

    def events() -> list[dict[str, str]]:
        return _events(program.log)[before:]

    wait_until(
        f"{name} to be ready",
        lambda: any(one["event"] == "ready" for one in events()) or not program.alive,
        _START,
        program.log,
    )
    listening = next((one for one in events() if one["event"] == "listening"), None)
    if listening is None or not program.alive:
        raise RuntimeError(f"{name} ended with {program.code()}: {program.log.read_text()}")
    return LocalServer(program, listening["http"], listening["grpc"], listening["tcp"])


def _events(log: Path) -> list[dict[str, str]]:
    """Return the whole lines of JSON in a log."""
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]
