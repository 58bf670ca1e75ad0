"""Starts the parts of a program in order, watches them, and stops them in reverse."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any

from upid.core.errors import UpidError

Loop = Callable[[], Coroutine[Any, Any, None]]
Start = Callable[[], AbstractAsyncContextManager[Loop | None]]


@dataclass(frozen=True, slots=True)
class Module:
    """One part of the program.

    says   what it does, in a line
    start  opens it and yields the loop that it runs, if any; leaving closes it
    needs  modules that must be open before it
    """

    name: str
    says: str
    start: Start
    needs: tuple[str, ...] = ()


class UnknownTarget(UpidError):
    """A target that is not in the table of modules."""

    code = "unknown_target"

    def __init__(self, target: str, known: Sequence[str]) -> None:
        super().__init__(
            f"there is no target {target!r}", hint=f"one of, or several with commas: {_all(known)}"
        )


class LoopEnded(UpidError):
    """A loop that should run for ever has ended."""

    code = "loop_ended"

    def __init__(self, module: str, error: BaseException | None) -> None:
        why = f": {type(error).__name__}: {error}" if error else " without an error"
        super().__init__(
            f"the module {module!r} has stopped working{why}",
            hint="the program ends, so that whoever watches it starts it again; see the log",
        )


def plan(
    modules: Sequence[Module], targets: Mapping[str, Sequence[str]], target: str
) -> list[Module]:
    """Return the modules that the named targets need, each after what it needs."""
    table = {module.name: module for module in modules}
    ordered: dict[str, Module] = {}

    def take(name: str) -> None:
        for needed in table[name].needs:
            take(needed)
        ordered.setdefault(name, table[name])

    for part in target.split(","):
        if part.strip() not in targets:
            raise UnknownTarget(part.strip(), sorted(targets))
        for name in targets[part.strip()]:
            take(name)
    return list(ordered.values())


async def run(modules: Sequence[Module], stop: asyncio.Event) -> None:
    """Run modules until `stop`; raises LoopEnded when one of their loops ends before."""
    async with AsyncExitStack() as opened:
        stopping = asyncio.create_task(stop.wait())
        opened.push_async_callback(_cancelled, stopping)
        loops: dict[asyncio.Task[Any], str] = {}
        for module in modules:
            loop = await opened.enter_async_context(module.start())
            if loop is not None:
                task = asyncio.create_task(loop())
                opened.push_async_callback(_cancelled, task)
                loops[task] = module.name
        ended, _ = await asyncio.wait({stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
        for task, name in loops.items():
            if task in ended and not stop.is_set():
                raise LoopEnded(name, task.exception()) from task.exception()


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on SIGINT and SIGTERM; a second SIGINT ends the program at once."""
    loop = asyncio.get_running_loop()

    def stopped() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped)


async def _cancelled(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait for its end; its outcome was looked at before, or is no news now."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def _all(known: Sequence[str]) -> str:
    return ", ".join(known)
