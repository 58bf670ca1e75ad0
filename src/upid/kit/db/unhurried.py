"""SQLite connections that end a statement before their task is cancelled.

A cancelled statement goes on in the connection's thread. SQLAlchemy then gives the connection up,
and a transaction that was begun meanwhile can lock the file for everybody: of 60 programs whose
transactions were cancelled at various moments, 4 to 6 could not write afterwards.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiosqlite


class Unhurried(aiosqlite.Connection):
    """Lets a cancellation wait for the statement that runs, which the query timeout bounds.

    It comes with the task's next wait that is not for this connection: after the transaction.
    """

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as in aiosqlite
        work = asyncio.ensure_future(super()._execute(fn, *args, **kwargs))  # type: ignore[no-untyped-call]  # the library's
        task, wanted = asyncio.current_task(), 0
        while not work.done():
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                wanted += 1
        if task is not None:
            for _ in range(wanted):
                task.uncancel()
                asyncio.get_running_loop().call_soon(task.cancel)
        return work.result()


def connect(database: str, **options: Any) -> Unhurried:  # noqa: ANN401 - SQLite's own
    """Return a connection, not open yet."""
    made = Unhurried(aiosqlite.connect(database, **options)._connector, 64)  # noqa: SLF001
    made._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does with its own
    return made
