"""Client logs and servers' books set against each other: what was lost, doubled or misled."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf

from tests.world.ledger.client_log import ANSWERED, ClientLog, Request
from tests.world.ledger.served import Blind, Serving, path_of
from tests.world.ledger.wording import Finding, refuse

_ROUNDING = 1e-9  # keeps 0.07 * 100, which is a little above 7, from asking for the 8th
_NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Sent:
    """The log of a client, and the servers that may serve its requests; None: any."""

    log: ClientLog
    servers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of requests; `planned` is the sum of the next four."""

    planned: int
    answered: int
    failed: int
    unknown: int
    not_sent: int
    lost: int
    duplicated: int


@dataclass(frozen=True)
class Account:
    """Who sent what, and who served it. Every tuple is in the order of planning.

    clients  what the clients wrote down
    served   what the servers saw, in any order
    blind    times of which a server's book tells nothing
    """

    clients: tuple[Sent, ...]
    served: tuple[Serving, ...]
    blind: tuple[Blind, ...] = ()

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """Return all requests that were planned, sent or not."""
        every = [one for client in self.clients for one in client.log.requests]
        return tuple(sorted(every, key=lambda one: (one.planned_ns, one.id)))

    @cached_property
    def servings(self) -> Mapping[str, tuple[Serving, ...]]:
        """Return who served each id, in the order of arrival."""
        found: dict[str, list[Serving]] = defaultdict(list)
        for one in sorted(self.served, key=lambda one: (one.received_ns, one.server, one.number)):
            found[one.id].append(one)
        return {id: tuple(several) for id, several in found.items()}

    def _seen(self, one: Request) -> bool:
        return one.id in self.servings

    @cached_property
    def answered(self) -> tuple[Request, ...]:
        """Return the requests whose clients got the right answer."""
        return tuple(one for one in self.requests if one.outcome == ANSWERED)

    @cached_property
    def failed(self) -> tuple[Request, ...]:
        """Return the requests that were sent and whose clients got no good answer."""
        return tuple(one for one in self.requests if one.failed)

    @cached_property
    def not_sent(self) -> tuple[Request, ...]:
        """Return the requests that never left their clients."""
        return tuple(one for one in self.requests if not one.was_sent)

    @cached_property
    def unknown(self) -> tuple[Request, ...]:
        """Return the requests whose clients were killed before they ended."""
        return tuple(one for one in self.requests if one.was_sent and one.outcome is None)

    @cached_property
    def lost(self) -> tuple[Request, ...]:
        """Return the failed requests that no server saw."""
        return tuple(one for one in self.failed if not self._seen(one))

    @cached_property
    def served_in_vain(self) -> tuple[Request, ...]:
        """Return the failed requests that a server did see: the answer was lost."""
        return tuple(one for one in self.failed if self._seen(one))

    @cached_property
    def unwitnessed(self) -> tuple[Request, ...]:
        """Return the answered requests that only a server's blind time can have served."""
        unseen = (one for one in self.answered if not self._seen(one))
        return tuple(one for one in unseen if any(span.covers(one) for span in self.blind))

    @cached_property
    def contradicted(self) -> tuple[Request, ...]:
        """Return what cannot be: answered but served by nobody, or served but never sent."""
        excused = {one.id for one in self.unwitnessed}
        return tuple(
            one
            for one in self.requests
            if (one.outcome == ANSWERED and not self._seen(one) and one.id not in excused)
            or (not one.was_sent and self._seen(one))
        )

    @cached_property
    def duplicated(self) -> Mapping[str, tuple[Serving, ...]]:
        """Return the ids that were served more than once, and where."""
        return {
            one.id: self.servings[one.id]
            for one in self.requests
            if len(self.servings.get(one.id, ())) > 1
        }

    @cached_property
    def misrouted(self) -> Mapping[str, tuple[Serving, ...]]:
        """Return the ids that arrived at a server, or as a kind of request, that was not meant."""
        found = {}
        for client in self.clients:
            for one in client.log.requests:
                wrong = [
                    serving
                    for serving in self.servings.get(one.id, ())
                    if _strays(one, serving, client.servers)
                ]
                if wrong:
                    found[one.id] = tuple(wrong)
        return found

    @cached_property
    def strangers(self) -> Mapping[str, tuple[Serving, ...]]:
        """Return the ids in a client's own style that no client wrote down."""
        known = {one.id for one in self.requests}
        styles = tuple(f"{client.log.run}-" for client in self.clients if client.log.run)
        return {
            id: servings
            for id, servings in self.servings.items()
            if id not in known and id.startswith(styles)
        }

    @property
    def protocols(self) -> tuple[str, ...]:
        """Return the protocols that were planned, in the order of the alphabet."""
        return tuple(sorted({one.protocol for one in self.requests}))

    def counts(self, protocol: str | None = None) -> Counts:
        """Return how many requests of one protocol, or of all, fared how."""

        def number(several: Iterable[Request]) -> int:
            return sum(protocol in {None, one.protocol} for one in several)

        return Counts(
            planned=number(self.requests),
            answered=number(self.answered),
            failed=number(self.failed),
            unknown=number(self.unknown),
            not_sent=number(self.not_sent),
            lost=number(self.lost),
            duplicated=number(one for one in self.requests if one.id in self.duplicated),
        )

    def latency(self, quantile: float, protocol: str | None = None) -> float:
        """Return a quantile, above 0 and up to 1, of the seconds from plan to right answer.

        Counted from when the request was due, so that a client that fell behind hides nothing; a
        request without the right answer took for ever. Nearest rank. NaN has no place: raises
        ValueError when nothing was planned.
        """
        return _ranked(
            [
                (one.done_ns - one.planned_ns) / _NANOSECONDS
                if one.outcome == ANSWERED and one.done_ns is not None
                else inf
                for one in self.requests
                if protocol in {None, one.protocol}
            ],
            quantile,
        )

    def lateness(self, quantile: float) -> float:
        """Return a quantile of the seconds by which requests left later than planned."""
        return _ranked(
            [
                (one.sent_ns - one.planned_ns) / _NANOSECONDS
                for one in self.requests
                if one.sent_ns is not None
            ],
            quantile,
        )

    def assert_nothing_lost(self) -> None:
        """Raise `AssertionError` when a request was answered by nobody and seen by nobody."""
        refuse(
            Finding.of("sent, not answered and seen by no server", self.lost),
            Finding.of("told of in two ways that cannot both be", self.contradicted),
        )

    def assert_nothing_failed(self) -> None:
        """Raise `AssertionError` when a planned request did not get the right answer."""
        refuse(
            Finding.of("sent without a good answer", self.failed),
            Finding.of("left open by a client that was killed", self.unknown),
            Finding.of("never sent", self.not_sent),
        )

    def assert_nothing_duplicated(self) -> None:
        """Raise `AssertionError` when a request was served twice, or may have been unseen."""
        refuse(
            Finding.of("served more than once", self._named(self.duplicated), self.servings),
            Finding("times of which a server tells nothing", tuple(map(str, self.blind))),
        )

    def assert_nothing_misrouted(self) -> None:
        """Raise `AssertionError` when a request arrived where, or as what, it was not meant to."""
        strangers = tuple(f"{id} at {several[0].where}" for id, several in self.strangers.items())
        refuse(
            Finding.of(
                "served elsewhere or otherwise", self._named(self.misrouted), self.misrouted
            ),
            Finding("ids that no client sent", strangers),
        )

    def assert_exactly_once(self) -> None:
        """Raise `AssertionError` unless each planned request was answered and served once."""
        self.assert_nothing_lost()
        self.assert_nothing_failed()
        self.assert_nothing_duplicated()
        self.assert_nothing_misrouted()

    def _named(self, ids: Mapping[str, object]) -> tuple[Request, ...]:
        return tuple(one for one in self.requests if one.id in ids)


def _strays(one: Request, serving: Serving, servers: frozenset[str] | None) -> bool:
    meant = (one.protocol, one.method, path_of(one.path))
    arrived = (serving.protocol, serving.method, serving.path)
    return meant != arrived or (servers is not None and serving.server not in servers)


def _ranked(values: Sequence[float], quantile: float) -> float:
    if not values or not 0 < quantile <= 1:
        raise ValueError(f"no quantile {quantile} of {len(values)} requests")
    rank = max(1, ceil(quantile * len(values) - _ROUNDING))
    return sorted(values)[rank - 1]
