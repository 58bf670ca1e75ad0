"""The judge itself: reads on to the present, joins, and answers questions."""

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tests.world.judge.audit import AuditLog
from tests.world.judge.history import EtcdHistory, Held
from tests.world.judge.joining import Joined, join
from tests.world.judge.records import Change, How, Outcome, Request
from tests.world.judge.timeline import told

PATIENCE = 3.0  # seconds; the API server logs an answer just after it gave it
PAUSE = 0.02  # seconds between two looks at the log
UNSURE = frozenset({How.UNSEEN, How.AMBIGUOUS})


class Judge:
    """Says what was changed in a cluster, by whom and in which order.

    audit_log  of the API server; rotated files beside it are read too
    etcd       URL of etcd with its JSON gateway; history must not have been compacted
    more_logs  of further API servers on the same etcd
    patience   seconds to wait for the log, once for each revision or request that stays open

    Every question first reads on to the present. Raises HistoryUnreadable when etcd cannot tell.
    """

    def __init__(
        self,
        audit_log: Path,
        etcd: str,
        *,
        more_logs: Sequence[Path] = (),
        patience: float = PATIENCE,
    ) -> None:
        self._logs = [AuditLog(path) for path in (audit_log, *more_logs)]
        self._etcd = EtcdHistory(etcd)
        self._held = Held()
        self._patience = patience
        self._read_to = 0
        self._requests: list[Request] = []
        self._joined = Joined([], [])
        self._waited_revision = 0
        self._waited_requests: set[str] = set()

    def now(self) -> int:
        """Return etcd's present revision: what comes later is `changes(since=…)`."""
        return self._etcd.newest()

    def changes(
        self,
        since: int = 0,
        *,
        namespace: str | None = None,
        kind: str | None = None,
        name: str | None = None,
        user: str | None = None,
    ) -> list[Change]:
        """Return what was changed after revision `since`, in order.

        `user` leaves what that user did for certain; see `Change.may_be_by` for the rest.
        """
        self._refresh()
        found = []
        for row, write in enumerate(self._held.writes):
            if write.revision <= since:
                continue
            if namespace is not None and write.place.namespace != namespace:
                continue
            if name is not None and write.place.name != name:
                continue
            change = self._change(row)
            if kind in {None, change.kind} and user in {None, change.user}:
                found.append(change)
        return found

    def requests(
        self,
        *,
        user: str | None = None,
        verb: str | None = None,
        resource: str | None = None,
        namespace: str | None = None,
        outcome: Outcome | None = None,
    ) -> list[Request]:
        """Return requests in the order in which they were received, reads included."""
        return [
            request
            for request, came_of_it in self._outcomes()
            if user in {None, request.user}
            and verb in {None, request.verb}
            and resource in {None, request.place.resource}
            and namespace in {None, request.place.namespace}
            and outcome in {None, came_of_it}
        ]

    def outcome(self, request: Request) -> Outcome:
        """Return what became of a request; KeyError if it is not in the log."""
        for one, came_of_it in self._outcomes():
            if one == request:
                return came_of_it
        raise KeyError(str(request))

    def unattributed(self, since: int = 0) -> list[Change]:
        """Return changes after a revision whose writer is not known for certain.

        The API server's own notes and keys whose lease ran out are not among them.
        """
        return [one for one in self.changes(since) if one.how in UNSURE]

    def unwritten(self) -> list[Request]:
        """Return requests that were answered with success, but of which etcd knows nothing."""
        return self.requests(outcome=Outcome.NOT_WRITTEN)

    def granted_used(
        self, user: str, since: datetime | None = None
    ) -> set[tuple[str, str, str, str]]:
        """Return the rights that a user made use of: verb, group, resource, subresource.

        `since` leaves out what was received before, such as by other tests as the same user.
        What was refused for want of a right (403) is not among them; a dry run is.
        """
        return {
            (one.verb, one.group, one.place.resource, one.subresource)
            for one in self.requests(user=user)
            if one.place.resource and one.code not in {401, 403}
            if since is None or one.received >= since
        }

    def torn(self) -> list[str]:
        """Return the parts of the log that could not be read."""
        self._refresh()
        return [line for log in self._logs for line in log.torn]

    def timeline(
        self,
        since: int = 0,
        *,
        namespace: str | None = None,
        kind: str | None = None,
        name: str | None = None,
    ) -> str:
        """Return one line for each change, for people who read why a test failed."""
        return told(self.changes(since, namespace=namespace, kind=kind, name=name))

    def _outcomes(self) -> list[tuple[Request, Outcome]]:
        self._refresh()
        return list(zip(self._requests, self._joined.outcomes, strict=True))

    def _change(self, row: int) -> Change:
        write = self._held.writes[row]
        before, after = self._held.sides(write)
        return Change(
            revision=write.revision,
            shape=write.shape,
            place=write.place,
            uid=write.uid,
            before=before,
            after=after,
            attribution=self._joined.attributions[row],
        )

    def _refresh(self) -> None:
        newest = self._etcd.newest()
        for event in self._etcd.events(self._read_to + 1, newest):
            self._held.add(event)
        grown = newest > self._read_to
        self._read_to = newest
        end = time.monotonic() + self._patience
        while True:
            lines = sum(log.read() for log in self._logs)
            if lines or grown:
                self._rejoin()
                grown = False
            if not self._is_waiting() or time.monotonic() > end:
                break
            time.sleep(PAUSE)
        self._waited_revision = newest
        self._waited_requests |= self._open()

    def _rejoin(self) -> None:
        self._requests = sorted(
            (one for log in self._logs for one in log.requests),
            key=lambda one: (one.received, one.audit_id),
        )
        self._joined = join(self._held.writes, self._requests)

    def _is_waiting(self) -> bool:
        if self._open() - self._waited_requests:
            return True
        return any(
            write.revision > self._waited_revision and attribution.how is How.UNSEEN
            for write, attribution in zip(self._held.writes, self._joined.attributions, strict=True)
        )

    def _open(self) -> set[str]:
        return {
            one.audit_id
            for one in self._requests
            if one.stores and one.completed is None and one.gone_by is None
        }
