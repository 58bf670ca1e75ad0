"""The ledger: every client's log and every server's book, read in time."""

import contextlib
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from tests.world.ledger.account import Account, Sent
from tests.world.ledger.client_log import read_client_log
from tests.world.ledger.served import Book, ServedFile, ServerBook

READ_EVERY = 0.5  # seconds: at 5,000 servings a second the smallest useful ring holds them 13 times
_END = 30.0  # seconds for the last reading of a server that hangs


class Ledger:
    """What was sent and what was served; several clients, several servers."""

    def __init__(self) -> None:
        self._clients: list[tuple[Path, frozenset[str] | None]] = []
        self._books: dict[str, Book] = {}
        self._failure: Exception | None = None

    def add_client(self, log: Path, servers: Collection[str] | None = None) -> None:
        """Take up a client's log; `servers` are those that may serve it, None means any."""
        self._clients.append((log, None if servers is None else frozenset(servers)))

    def add_server(self, name: str, url: str) -> None:
        """Take up the server whose HTTP port is at `url`; it may be down, and come and go."""
        self._add(ServerBook(name, url))

    def add_served_file(self, name: str, path: Path) -> None:
        """Take up the file of a server started with --served-log: nothing of it is ever blind."""
        self._add(ServedFile(name, path))

    def _add(self, book: Book) -> None:
        if book.name in self._books:
            raise ValueError(f"there is a server {book.name!r} already")
        self._books = {**self._books, book.name: book}  # the reading thread sees old or new, whole

    def retire(self, name: str) -> None:
        """Read a server for the last time; call it when nothing is sent there any more."""
        self._books[name].read()
        self._books[name].close()

    def read(self) -> None:
        """Read every book now. Raises what a book raises, also what it raised unnoticed before."""
        for book in self._books.values():
            book.read()
        if self._failure is not None:
            raise self._failure

    @contextlib.contextmanager
    def following(self, every: float = READ_EVERY) -> Iterator[None]:
        """Read all books every so many seconds meanwhile, so that no ring runs over."""
        ending = threading.Event()
        reader = threading.Thread(target=self._follow, args=(ending, every), name="ledger")
        reader.start()
        try:
            yield
        finally:
            ending.set()
            reader.join(_END)
        if reader.is_alive():
            raise TimeoutError(f"the ledger still waits for a server after {_END:g} s")
        if self._failure is not None:
            raise self._failure

    def _follow(self, ending: threading.Event, every: float) -> None:
        while not ending.wait(every):
            try:
                self.read()
            except Exception as failure:  # noqa: BLE001 - raised by whoever asks next
                self._failure = failure
                return

    def account(self) -> Account:
        """Read everything and set it against each other.

        Raises `RingOverrun`, `BookBroken` or `LogBroken` rather than judge by half of it.
        """
        self.read()
        books = list(self._books.values())
        return Account(
            clients=tuple(Sent(read_client_log(log), meant) for log, meant in self._clients),
            served=tuple(one for book in books for one in book.servings()),
            blind=tuple(span for book in books for span in book.blind()),
        )

    def close(self) -> None:
        """Close the connections to servers, without reading them again."""
        for book in self._books.values():
            book.close()
