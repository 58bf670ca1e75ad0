"""Who wants to hear of what: handlers by name, and the topics that each asks for."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from upid.kit.db import Transaction
from upid.kit.events import Envelope

NAME_LENGTH = 100  # characters of a handler's name
_ALL_BELOW = ".*"

Handler = Callable[[Transaction, Envelope], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A handler and what it asked for.

    name  stored with what it has done: renaming a handler makes it a new one
    """

    name: str
    topics: tuple[str, ...]
    handler: Handler

    def wants(self, topic: str) -> bool:
        """Return whether one of its topics is this one, or a pattern over it."""
        return any(_covers(wanted, topic) for wanted in self.topics)


class Bus:
    """The handlers of the program."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, Subscription] = {}

    def subscribe(self, name: str, topics: Sequence[str], handler: Handler) -> None:
        """Have a handler called with each event of its topics: exact, or such as "cluster.*".

        A handler writes with the transaction that it is given and does nothing slow in it: what
        it writes happens exactly once, anything else at least once. It may emit events itself.
        """
        if name in self._subscriptions:
            raise ValueError(f"there is a handler {name!r} already")
        if not name or len(name) > NAME_LENGTH or not topics:
            raise ValueError(f"no handler: {name!r} for {list(topics)}")
        self._subscriptions[name] = Subscription(name, tuple(topics), handler)

    def wanting(self, topic: str) -> list[Subscription]:
        """Return who wants events of a topic, in the order of their subscription."""
        return [one for one in self._subscriptions.values() if one.wants(topic)]


def _covers(wanted: str, topic: str) -> bool:
    if wanted.endswith(_ALL_BELOW):
        return topic.startswith(wanted.removesuffix("*"))
    return topic == wanted
