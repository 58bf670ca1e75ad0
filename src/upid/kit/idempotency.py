"""Does what a request asks for once, however often it is sent (`Idempotency-Key`)."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from upid.core.errors import UpidError
from upid.kit.clock import Clock
from upid.kit.db import DEFAULT_TENANT, Database, Transaction

KEPT = timedelta(hours=24)  # by then whoever sends again has given up
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


class IdempotencyKeyInvalid(UpidError):
    """An idempotency key is no short printable text."""

    code = "idempotency_key_invalid"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the idempotency key {key[:40]!r} is not 1 to 255 printable ASCII characters",
            hint="send a UUID, a fresh one for each change",
        )


class IdempotencyKeyReused(UpidError):
    """The same idempotency key came with another request."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} was used for another request",
            hint="send a fresh key with each change; the same one only to repeat a request",
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, byte for byte, so that it can be answered again."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


async def once(
    db: Database,
    key: str | None,
    fingerprint: bytes,
    work: Callable[[Transaction], Awaitable[Reply]],
    *,
    clock: Clock,
    tenant: str = DEFAULT_TENANT,
) -> Reply:
    """Return the reply of `work`, done in one transaction, or what it was the first time.

    key          what the sender calls this change; None runs `work` each time
    fingerprint  of everything that was asked: method, path, body

    A key is remembered for KEPT. What `work` refuses by raising is not remembered. Of several at
    once with one key one works, the others wait for its reply as long as for a lock.
    Raises IdempotencyKeyInvalid, IdempotencyKeyReused, and what `work` and the database raise.
    """
    if key is None:
        async with db.transaction(tenant) as tx:
            return await work(tx)
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid(key)
    from upid.kit.db import replies

    asked = hashlib.sha256(fingerprint).digest()
    async with db.transaction(tenant) as tx:
        now = clock()
        await replies.forget(tx, key, now)
        if await replies.reserve(tx, key, asked, now + KEPT):
            reply = await work(tx)
            await replies.remember(tx, key, reply.status, reply.headers, reply.body)
            return reply
        known = await replies.recall(tx, key)
    if known is None:  # removed between two statements: its time was over
        return await once(db, key, fingerprint, work, clock=clock, tenant=tenant)
    if known.fingerprint != asked:
        raise IdempotencyKeyReused(key)
    return Reply(known.status, known.body, known.headers)
