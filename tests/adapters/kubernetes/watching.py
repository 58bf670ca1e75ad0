"""A watch over the reading of hostile kubeconfigs.

`python -m tests.adapters.kubernetes.watching COUNT SEED` reads that many under an audit hook and
prints what happened as JSON; with `connector` behind it, by the connector: each is identified and
a connection to it opened, which sends nothing until it is asked.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.adapters.kubernetes.hostile import CANARY, generate, good, is_harmless
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.adapters.kubernetes.stranger import stranger_access
from upid.core.errors import UpidError
from upid.kit.clock import system_clock

PUBLIC = AddressPolicy()

# What the interpreter reports before it acts; the watch counts every one of them.
COMMANDS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.forkpty")
FILES = ("open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.chmod")
PACKETS = (
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
    *("socket.bind", "socket.sendmsg", "socket.__new__"),
)


def read(text: bytes) -> object:
    """Return the access to what a stranger's kubeconfig names."""
    return stranger_access(text, PUBLIC)


def connecting() -> Callable[[bytes], object]:
    """Return what identifies a kubeconfig, and opens and closes a connection to it."""
    connector = KubernetesConnector(PUBLIC, limits=None, clock=system_clock)
    loop = asyncio.new_event_loop()  # its own sockets are made before anybody watches

    async def opened(text: bytes) -> object:
        async with connector.connect(text) as connection:
            return connection.identified

    def connect(text: bytes) -> object:
        try:
            who = connector.identify(text)
        except UpidError as error:
            _expect_the_same(error, lambda: connector.connect(text))
            raise
        if loop.run_until_complete(opened(text)) != who:
            raise AssertionError("identified and connected are not the same")
        return who

    return connect


def _expect_the_same(error: UpidError, connect: Callable[[], object]) -> None:
    try:
        connect()
    except UpidError as again:
        if (again.code, again.message) == (error.code, error.message):
            return
    raise AssertionError("refused by one and not by the other")


def watched(cases: list[tuple[str, bytes]], take: Callable[[bytes], object]) -> dict[str, Any]:
    """Take kubeconfigs under an audit hook; return what was taken, refused and done."""
    seen: Counter[str] = Counter()
    watching = False

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if watching and event in (*COMMANDS, *FILES, *PACKETS):
            seen[event] += 1

    take(json.dumps(good()).encode())  # what is imported late is imported now
    sys.addaudithook(hook)
    outcome: Counter[str] = Counter()
    wrong: list[str] = []
    slowest = 0.0
    for number, (kind, text) in enumerate(cases):
        started = time.perf_counter()
        watching = True
        try:
            taken = take(text)
            outcome[f"{kind} taken"] += 1
            shown = f"{taken!r}"
            watching = False
            if not is_harmless(text):
                wrong.append(f"{number} {kind}: taken")
        except UpidError as error:
            outcome[f"{kind} refused"] += 1
            shown = f"{error} {error.hint} {error.details} {error!r} {error.__cause__!r}"
        except Exception as error:  # noqa: BLE001 - whatever else is raised is the finding
            wrong.append(f"{number} {kind}: {type(error).__name__}")
            shown = ""
        finally:
            watching = False
        slowest = max(slowest, time.perf_counter() - started)
        if CANARY in shown:
            wrong.append(f"{number} {kind}: shows the token")
    done = {
        "commands": sum(seen[event] for event in COMMANDS),
        "files": sum(seen[event] for event in FILES),
        "packets": sum(seen[event] for event in PACKETS),
    }
    return {"outcome": dict(sorted(outcome.items())), "wrong": wrong, "slowest": slowest, **done}


def prove_the_watch() -> bool:
    """Return whether the hook sees a file that is opened, so that its silence means something."""
    seen: list[str] = []
    sys.addaudithook(lambda event, _: seen.append(event) if event == "open" else None)
    Path(__file__).read_bytes()
    return bool(seen)


if __name__ == "__main__":
    taking = connecting() if "connector" in sys.argv else read
    found = watched(generate(int(sys.argv[1]), int(sys.argv[2])), taking)
    sys.stdout.write(json.dumps({**found, "watch": prove_the_watch()}))
