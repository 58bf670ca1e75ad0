"""Really asks each server that strangers name, in a network of which every packet is counted.

`python -m tests.adapters.kubernetes.sending FILE` takes a JSON list of kubeconfigs, as texts. Those
that are taken are connected to and asked for their version. What happened is printed as JSON.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.adapters.kubernetes.hostile import good
from tests.adapters.kubernetes.watching import COMMANDS
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.client import Limits
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.core.errors import UpidError
from upid.kit.clock import system_clock

# One attempt each, as quick as may be: nobody answers.
ONCE = Limits(per_second=10_000, burst=10_000, attempts=1, connect=1, request=1)


async def ask_all(texts: list[str]) -> dict[str, Any]:
    """Ask every server that is taken; return the codes of what came of it, and what was done."""
    connector = KubernetesConnector(AddressPolicy(), limits=ONCE, clock=system_clock)
    outcome: Counter[str] = Counter()
    commands: list[str] = []
    connected: set[str] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in COMMANDS:
            commands.append(event)
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            connected.add(str(arguments[1][0]))

    sys.addaudithook(hook)
    for text in texts:
        try:
            async with connector.connect(text.encode("utf-8", "surrogatepass")) as connection:
                try:
                    await connection.look([])
                    outcome["answered"] += 1
                except UpidError as error:
                    outcome[f"asked: {error.code}"] += 1
        except UpidError as error:
            outcome[f"refused: {error.code}"] += 1
    return {"outcome": outcome, "commands": commands, "connected": sorted(connected)}


def to(server: str) -> str:
    """Return a kubeconfig that names a server and has nothing else wrong in it."""
    found = good()
    found["clusters"][0]["cluster"]["server"] = server
    return json.dumps(found)


if __name__ == "__main__":
    listed = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(json.dumps(asyncio.run(ask_all(listed))))
