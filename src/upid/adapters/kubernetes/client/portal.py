"""The one place where code that does not await asks a client that does.

A thread with an event loop of its own: the client's connections live in it, and any number of
threads ask through it. So a service that is plain Python works alone in the command line, and in
a worker thread of the server.
"""

import asyncio
from collections.abc import Coroutine
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Portal:
    """An event loop in a thread; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="upid-portal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.run(self._loop.shutdown_asyncgens())
            self.run(self._loop.shutdown_default_executor())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns; an interruption from the keyboard cancels it."""
        running = asyncio.run_coroutine_threadsafe(asked, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise
