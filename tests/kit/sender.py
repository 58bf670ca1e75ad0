"""A client's request whose program dies at one statement after the other.

    python -m tests.kit.sender URL

Sends the same request from one process after the other. Each is killed one statement later than
the one before, the last but one after the commit; what each answered is printed, a line each.
"""

import asyncio
import os
import signal
import sys

import sqlalchemy as sa
from sqlalchemy import event

from tests.fixtures.clock import FixedClock
from tests.kit.news import leave
from upid.kit.db import Database, Transaction
from upid.kit.idempotency import Reply, once

STATEMENTS = 6  # set_config or BEGIN, two that forget, one that reserves, the work, the reply
BEFORE_COMMIT, AFTER_COMMIT, NEVER = STATEMENTS, STATEMENTS + 1, STATEMENTS + 2


async def work(tx: Transaction) -> Reply:
    """Leave a mark."""
    await leave(tx, "done", "k", 1)
    return Reply(201, b"the reply")


def die() -> None:
    """End at once, without a word to the database or to who asked."""
    os.kill(os.getpid(), signal.SIGKILL)


async def send(url: str, moment: int) -> None:
    """Send the request and die at a moment, or print the reply."""
    db = Database(url)
    await db.ping()
    seen: list[str] = []

    def executing(*given: object) -> None:
        if len(seen) == moment:
            die()
        seen.append(str(given[2]))

    def committing(_: object) -> None:
        if moment == BEFORE_COMMIT:
            die()

    event.listen(sa.Engine, "before_cursor_execute", executing)
    event.listen(sa.Engine, "commit", committing)
    reply = await once(db, "k", b"one", work, clock=FixedClock())
    if moment == AFTER_COMMIT:
        die()
    os.write(1, reply.body)
    await db.close()


def main() -> int:
    """Send from one process after the other."""
    for moment in range(NEVER + 1):
        child = os.fork()
        if not child:
            try:
                asyncio.run(send(sys.argv[1], moment))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        os.write(1, f" {os.waitstatus_to_exitcode(status)}\n".encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
