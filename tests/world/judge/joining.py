"""Who wrote which revision: audit log and etcd history brought together. Pure.

Two things are certain. An answer with resourceVersion R was given after revision R was written,
and by its writer or by somebody who found nothing left to do. And a request writes after it was
received and before it was answered. From these, each revision gets the requests that can have
written it; what is left with one is settled, which bounds the others in time, until nothing moves.
What is left with several is said to be ambiguous, and what is left with none unseen.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate

from tests.world.judge.fitting import ends_one, fits, is_proof, is_single, must_write
from tests.world.judge.records import Attribution, How, Outcome, Place, Request, Write

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
TIMED_OUT = 504
MOST_ROUNDS = 100  # each settles at least one revision; two to five are usual


@dataclass(frozen=True)
class Joined:
    """What came of it: one attribution for each write, one outcome for each request."""

    attributions: list[Attribution]
    outcomes: list[Outcome]


def join(writes: Sequence[Write], requests: Sequence[Request]) -> Joined:
    """Return who wrote what.

    writes    in order of revision, from the first on
    requests  in any order
    """
    search = _Search(writes, requests)
    search.run()
    return Joined(search.attributions(), search.outcomes())


@dataclass
class _Search:
    writes: Sequence[Write]
    requests: Sequence[Request]
    fitting: list[set[int]] = field(init=False)  # of each write, the requests that fit
    settled: dict[int, int] = field(default_factory=dict)  # write → request
    writers: set[int] = field(default_factory=set)  # requests that have a settled write
    used: set[int] = field(default_factory=set)  # those of them that write once

    def run(self) -> None:
        self._revisions = [one.revision for one in self.writes]
        self._find_fitting()
        self._answers = self._answer_bounds()
        for _ in range(MOST_ROUNDS):
            before = (len(self.settled), sum(map(len, self.fitting)))
            self._settle()
            self._bound_by_time()
            self._require()
            if before == (len(self.settled), sum(map(len, self.fitting))):
                break
        self._weigh_evidence()

    def _answer_bounds(self) -> list[datetime]:
        """Return for each write the earliest answer that was given after it, for certain.

        Such an answer carries this revision or a later one; or it says that an object is in
        deletion, and this is where the only one of its name came to be.
        """
        bounds = [NEVER] * len(self.writes)
        for request in self.requests:
            if request.answered_revision is None or request.completed is None:
                continue
            row = bisect_right(self._revisions, request.answered_revision) - 1
            if row >= 0:
                bounds[row] = min(bounds[row], request.completed)
        for one, rows in self._ends.items():
            request = self.requests[one]
            if len(rows) == 1 and ends_one(request):
                bounds[rows[0]] = min(bounds[rows[0]], _end(request))
        return list(accumulate(reversed(bounds), min))[::-1]

    def _find_fitting(self) -> None:
        by_place: dict[Place, list[int]] = defaultdict(list)
        by_kind: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        by_revision: dict[int, list[int]] = defaultdict(list)
        for row, request in enumerate(self.requests):
            if not request.may_have_written:
                continue
            place = request.place
            if request.answered_revision is not None and is_single(request):
                by_revision[request.answered_revision].append(row)
                if not request.lets_go:
                    continue
            if place.name and request.subresource != "eviction":
                by_place[place].append(row)
            else:
                by_kind[place.group, place.resource, place.namespace].append(row)
        self.fitting, self._ends = [], defaultdict(list)
        for number, write in enumerate(self.writes):
            at = write.place
            near = {*by_revision[write.revision], *by_place[at]}
            near.update(by_kind[at.group, at.resource, at.namespace])
            near.update(by_kind[at.group, at.resource, ""] if at.namespace else ())
            if write.disrupted:
                near.update(by_kind["", "pods", at.namespace])
            fit = {row for row in near if not write.own and fits(self.requests[row], write)}
            certain = {row for row in fit if is_proof(self.requests[row], write)}
            self.fitting.append(certain or fit)
            for row in fit if write.begins_end else ():
                if not is_single(self.requests[row]):
                    self._ends[row].append(number)

    def _settle(self) -> None:
        """Settle every write that one request fits; such a request writes nothing else."""
        waiting = [row for row, fit in enumerate(self.fitting) if fit and row not in self.settled]
        settled = True
        while settled:
            left = []
            for row in waiting:
                self.fitting[row] = {one for one in self.fitting[row] if one not in self.used}
                if len(self.fitting[row]) == 1:
                    self._give(row, next(iter(self.fitting[row])))
                else:
                    left.append(row)
            settled = len(left) < len(waiting)
            waiting = left

    def _give(self, row: int, request: int) -> None:
        self.settled[row] = request
        self.fitting[row] = {request}
        self.writers.add(request)
        if is_single(self.requests[request]):
            self.used.add(request)

    def _bound_by_time(self) -> None:
        """Drop requests that were received too late, or answered too early, for a write."""
        received = [BEGINNING] * len(self.writes)
        completed = list(self._answers)
        for row, one in self.settled.items():
            received[row] = self.requests[one].received
            completed[row] = min(completed[row], _end(self.requests[one]))
        earliest = list(accumulate(received, max))
        latest = list(accumulate(reversed(completed), min))[::-1]
        own = self._bounds_by_order()
        for row, fit in enumerate(self.fitting):
            if row in self.settled or not fit:
                continue
            least, most = own.get(row, (BEGINNING, NEVER))
            least, most = max(least, earliest[row]), min(most, latest[row])
            self.fitting[row] = {
                one
                for one in fit
                if self.requests[one].received <= most and _end(self.requests[one]) >= least
            }

    def _bounds_by_order(self) -> dict[int, tuple[datetime, datetime]]:
        """Bound writes of one object by counting: the third of them needs three requests.

        Only where each request that fits writes once. i writes up to this one took i requests, so
        the i-th that was received had been received; and the same from the end.
        """
        rows: dict[tuple[Place, str], list[int]] = defaultdict(list)
        for row, fit in enumerate(self.fitting):
            if fit and all(is_single(self.requests[one]) for one in fit):
                rows[self.writes[row].place, self.writes[row].uid].append(row)
        bounds = {}
        for same in rows.values():
            if all(row in self.settled for row in same):
                continue
            pool = set().union(*(self.fitting[row] for row in same))
            received = sorted(self.requests[one].received for one in pool)
            completed = sorted(_end(self.requests[one]) for one in pool)
            if len(pool) >= len(same):  # else somebody wrote whom the log does not show
                for place, row in enumerate(same):
                    bounds[row] = (received[place], completed[place - len(same)])
        return bounds

    def _require(self) -> None:
        """A request that cannot have succeeded without writing takes the one place it fits."""
        places: dict[int, list[int]] = defaultdict(list)
        for row, fit in enumerate(self.fitting):
            if row not in self.settled:
                for one in fit:
                    places[one].append(row)
        for one, rows in places.items():
            if len(rows) == 1 and must_write(self.requests[one]):
                row = rows[0]
                if row not in self.settled and one not in self.writers:
                    self._give(row, one)

    def _weigh_evidence(self) -> None:
        """Let the API server's own stamp on the object decide what time and order cannot."""
        for row, write in enumerate(self.writes):
            if row in self.settled or len(self.fitting[row]) < 2 or not write.stamps:
                continue
            agreeing = {one for one in self.fitting[row] - self.used if self._agrees(one, write)}
            if agreeing:
                self.fitting[row] = agreeing
        self._settle()

    def _agrees(self, row: int, write: Write) -> bool:
        request = self.requests[row]
        begun = request.received.replace(microsecond=0)
        return any(
            stamp.manager == request.field_manager and begun <= stamp.at <= (_end(request))
            for stamp in write.stamps
        )

    def attributions(self) -> list[Attribution]:
        return [self._attribution(row) for row in range(len(self.writes))]

    def outcomes(self) -> list[Outcome]:
        possible = set().union(*self.fitting)
        found = []
        for row, request in enumerate(self.requests):
            if row in self.writers:
                found.append(Outcome.WROTE)
            elif row in possible:
                found.append(Outcome.MAYBE_WROTE)
            else:
                found.append(self._idle_outcome(request))
        return found

    def _attribution(self, row: int) -> Attribution:
        write = self.writes[row]
        candidates = tuple(self.requests[one] for one in sorted(self.fitting[row]))
        if row in self.settled:
            request = self.requests[self.settled[row]]
            told = write.revision == request.answered_revision or is_proof(request, write)
            return Attribution(How.ANSWERED if told else How.DEDUCED, request, candidates)
        if candidates:
            return Attribution(How.AMBIGUOUS, None, candidates)
        if write.own:
            return Attribution(How.BOOKKEEPING)
        return Attribution(How.EXPIRED if write.leased else How.UNSEEN)

    def _idle_outcome(self, request: Request) -> Outcome:
        if not request.stores:
            return Outcome.READ
        if request.dry_run:
            return Outcome.DRY_RUN
        if not request.may_have_written:
            return Outcome.REFUSED
        return Outcome.UNKNOWN if request.unknown else self._without_revision(request)

    def _without_revision(self, request: Request) -> Outcome:
        if request.answered_revision is not None:
            row = bisect_left(self._revisions, request.answered_revision)
            same = (
                row < len(self.writes)
                and self.writes[row].revision == request.answered_revision
                and self.writes[row].uid == request.uid
            )
            return Outcome.NO_OP if same else Outcome.NOT_WRITTEN
        if request.collected is not None and not request.collected:
            return Outcome.NO_OP
        return Outcome.NOT_WRITTEN if must_write(request) else Outcome.NO_OP_OR_LOST


def _end(request: Request) -> datetime:
    """Return when at the latest a request can have written."""
    if request.code == TIMED_OUT or request.panicked:  # what it began may go on behind the answer
        return request.gone_by or NEVER
    return request.completed or request.gone_by or NEVER
