"""One kind of object, followed: listed, watched, listed anew when the past is forgotten.

Rules by which nothing goes back in time:

- A list from before what was seen is not taken; it is asked for again, and believed after several
  such answers in a row, for then history itself was replaced (etcd restored from a copy).
- An event that is not younger than what is known of its object is not taken; nor is one of an
  unknown object that is not younger than everything seen of its kind, which is an echo.
- An object under a known name with another UID is another object, and the known one has gone.
"""

import asyncio
from contextlib import aclosing
from datetime import datetime

from upid.adapters.kubernetes.client import (
    Change,
    Event,
    Expired,
    Limits,
    ObjectMissing,
    Page,
    Resource,
    WhenExpired,
)
from upid.adapters.kubernetes.client.limits import Bucket, Pace
from upid.adapters.kubernetes.mirror.comparing import Key, differences, names
from upid.adapters.kubernetes.mirror.contact import Contact, is_hopeless
from upid.adapters.kubernetes.mirror.entries import Entry, entry
from upid.adapters.kubernetes.mirror.errors import MirrorFull
from upid.adapters.kubernetes.mirror.habits import Habits, Readable
from upid.adapters.kubernetes.mirror.slim import NoObject, slim
from upid.adapters.kubernetes.mirror.store import Store
from upid.adapters.kubernetes.mirror.versions import is_newer, is_older, latest
from upid.core.errors import UpidError

_TURN = 20  # objects, 150 µs each, until others may use the loop
NEEDED = frozenset({"nodes", "pods"})  # without them there is nothing to say


class FromThePast(Exception):
    """A list from before what was seen; never leaves this package."""


class Follower:
    """Keeps the objects of one kind in the store equal to the cluster's.

    left_out    why the kind is not read; empty: it is, or the cluster does not have it
    unreadable  objects that were no objects
    relists     lists begun anew because the past was forgotten
    mended      objects that a comparison found to be wrong
    """

    def __init__(
        self,
        plural: str,
        client: Readable,
        store: Store,
        contact: Contact,
        habits: Habits,
        pace: Pace,
        gate: asyncio.Semaphore,
    ) -> None:
        self.plural = plural
        self._client, self._store, self._contact = client, store, contact
        self._habits, self._pace, self._gate = habits, pace, gate
        spaced = Limits(per_second=1 / habits.relist_every, burst=habits.relists)
        self._bucket = Bucket(spaced, pace)
        self._resource: Resource | None = None
        self._wanted = asyncio.Event()
        self._settled = asyncio.Event()
        self._since = self._floor = ""
        self._anew = self._unsure = self._listed = self._stands = False
        self._gone: set[str] | None = None  # UIDs of those that go during a comparison
        self._behind = self._failures = self._missing = 0
        self._trouble: float | None = None
        self._scope: asyncio.Timeout | None = None
        self.left_out = ""
        self.unreadable = self.relists = self.mended = 0

    # ── what the mirror tells it ────────────────────────────────────────────────────────────────

    def offer(self, found: Resource | None, why: str = "") -> None:
        """Say where the kind is served; None: nowhere, and `why` if that is a failure."""
        if found is None:
            if self._resource is None:
                self.left_out = f"{self.plural} are left out: {why}" if why else ""
                self._settled.set()
            return
        if found != self._resource:
            self._resource, self._since = found, ""
        self._wanted.set()

    def resume(self) -> None:
        """Watch on another connection, from where the present one is.

        One that is just being made is left alone: TLS that is cancelled while it is agreed upon
        leaves its socket open until it is collected.
        """
        if self._scope is not None and self._stands:
            self._scope.reschedule(asyncio.get_running_loop().time())
            self._scope, self._stands = None, False

    def begin_anew(self) -> None:
        """List anew and believe what comes, whatever was seen before."""
        self._anew = True
        self.resume()

    async def settled(self) -> None:
        """Return once the kind was listed, or is known not to be read."""
        await self._settled.wait()

    @property
    def is_followed(self) -> bool:
        """Return whether it was listed and nothing speaks against going on."""
        return self._listed and self._resource is not None and not self.left_out

    @property
    def in_trouble(self) -> bool:
        """Return whether it has not worked for too long."""
        since = self._trouble
        return since is not None and self._pace.now() - since > self._habits.silence

    # ── following ───────────────────────────────────────────────────────────────────────────────

    async def follow(self) -> None:
        """Follow the kind until cancelled. Raises an `UpidError` for a kind that is needed."""
        while True:
            await self._wanted.wait()
            found = self._resource
            if found is None:
                self._wanted.clear()
                continue
            try:
                await self._go_on(found)
            except Expired:
                self.relists += bool(self._since)
                self._since = ""
            except ObjectMissing as error:
                await self._after_missing(error)
            except FromThePast:
                await self._rest()
            except MirrorFull:
                raise
            except UpidError as error:
                await self._after(error)

    async def _go_on(self, found: Resource) -> None:
        if self._anew:
            self._floor = ""
        if self._anew or self._unsure:
            self.relists += bool(self._since)
            self._since = ""
        if not self._since:
            await self._list(found)
        await self._watch(found)

    async def _after(self, error: UpidError) -> None:
        """Wait after a failure; give a kind up that waiting does not help with."""
        patience = self._habits.patience if self._listed else 1
        if is_hopeless(error):
            self._since = ""  # what came cannot be read, or may not: go round it
            if self._failures + 1 >= patience:
                if self.plural in NEEDED:
                    raise error
                self._leave_out(f"{self.plural} are left out: {error}")
                return
        await self._rest()

    async def _after_missing(self, error: ObjectMissing) -> None:
        """Wait for a kind that is not there, for a server that starts may lack it for a moment."""
        self._missing += 1
        if self._missing < self._habits.patience:
            await self._rest()
            return
        if self.plural in NEEDED:
            raise error
        for known in self._store.table(self.plural).values():
            self._store.remove(self.plural, known, self._now())
        self._resource, self._missing = None, 0
        self._leave_out("")

    def _leave_out(self, why: str) -> None:
        """Wait until somebody offers the kind again."""
        self._store.forget(self.plural)
        self.left_out = why
        self._since = self._floor = ""
        self._listed, self._failures, self._trouble = False, 0, None
        self._wanted.clear()
        self._settled.set()

    async def _rest(self) -> None:
        self._failures += 1
        if self._trouble is None:
            self._trouble = self._pace.now()
        self._contact.doubt()
        await self._pace.sleep(self._habits.pause(self._failures, self._pace))
        await self._contact.there()

    def _opened(self) -> None:
        """Note that the server took a watch; whether it has anything to say is another matter."""
        self._trouble, self._stands = None, True
        if self._anew or self._unsure:
            asyncio.get_running_loop().call_soon(self.resume)

    def _works(self) -> None:
        self._failures, self._missing, self._trouble = 0, 0, None
        self._contact.heard()

    def _now(self) -> datetime:
        return self._pace.clock()

    # ── lists ───────────────────────────────────────────────────────────────────────────────────

    async def _list(self, found: Resource) -> None:
        """Take the whole list; what is known and not in it has gone."""
        await self._bucket.take()
        force, seen, version = self._anew, set[Key](), ""
        pages = self._client.list(found, expired=WhenExpired.RESTART)
        async with self._gate, aclosing(pages):
            async for page in pages:
                force = self._is_believed(page.version) or force
                if page.first:
                    seen.clear()
                    self.unreadable = 0
                await self._keep(page, seen, force=force)
                version = page.version
                self._contact.heard()
        for key, known in self._store.table(self.plural).items():
            if key not in seen:
                self._store.remove(self.plural, known, self._now(), quiet=not self._listed)
        self._since = self._floor = version
        self._listed, self.left_out = True, ""
        self._anew = self._unsure = False
        self._works()
        self._settled.set()

    def _is_believed(self, version: str) -> bool:
        """Return whether a list is from before what was seen and taken all the same."""
        if not is_older(version, self._floor):
            self._behind = 0
            return False
        self._behind += 1
        if self._behind < self._habits.believed:
            raise FromThePast
        self._floor = ""
        return True

    async def _keep(self, page: Page[bytes], seen: set[Key], *, force: bool) -> None:
        for number, body in enumerate(page.items, 1):
            found = self._read(body)
            if found is not None:
                seen.add(found.key)
                self._put(found, force=force)
            if number % _TURN == 0:
                await asyncio.sleep(0)
        if self._store.weight > self._habits.most_bytes:
            raise MirrorFull(self._client.access.cluster, self._habits.most_bytes)

    def _put(self, found: Entry, *, force: bool = False) -> None:
        now = self._now()
        self._store.put(self.plural, found, now, quiet=not self._listed, force=force)

    def _read(self, body: bytes) -> Entry | None:
        try:
            return entry(slim(body))
        except NoObject:
            self.unreadable += 1
            return None

    # ── watches ─────────────────────────────────────────────────────────────────────────────────

    async def _watch(self, found: Resource) -> None:
        """Take events until the past is forgotten, something fails, or `resume`."""
        events = self._client.watch(found, since=self._since, opened=self._opened)
        scope = asyncio.timeout(None)
        try:
            async with scope, aclosing(events):
                self._scope, number = scope, 0
                async for event in events:
                    self._take(event)
                    number += 1
                    if number % _TURN == 0:
                        await asyncio.sleep(0)
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._scope, self._stands = None, False

    def _take(self, event: Event[bytes]) -> None:
        if is_older(event.version, self._floor):
            self._contact.doubt()  # an echo, or another history
        else:
            self._works()
        body = event.item
        found = None if body is None else self._read(body)
        if found is not None:
            fresh = is_newer(event.version, self._floor)
            if event.change is Change.DELETED:
                self._remove(found, fresh=fresh)
            else:
                self._arrive(found, fresh=fresh)
        if event.version:
            self._floor = self._since = latest(event.version, self._floor)
        if self._store.weight > self._habits.most_bytes:
            raise MirrorFull(self._client.access.cluster, self._habits.most_bytes)

    def _arrive(self, found: Entry, *, fresh: bool) -> None:
        known = self._store.get(self.plural, found.key)
        if fresh or (known is not None and known.uid == found.uid):
            self._put(found)

    def _remove(self, found: Entry, *, fresh: bool) -> None:
        if self._gone is not None:
            self._gone.add(found.uid)
        known = self._store.get(self.plural, found.key)
        if known is not None and known.uid == found.uid:
            if not is_older(found.version, known.version):
                self._store.remove(self.plural, known, self._now(), last=found)
        elif fresh:
            self._store.mention(found, self._now())

    # ── comparisons ─────────────────────────────────────────────────────────────────────────────

    async def compare(self) -> None:
        """Compare names and versions with a list; list anew what the watch did not tell.

        Raises `UpidError`s of the client.
        """
        if self._resource is None or not self.is_followed:
            return
        self._gone = gone = set[str]()
        try:
            pages = self._client.list(
                self._resource, expired=WhenExpired.RESTART, metadata_only=True
            )
            async with self._gate, aclosing(pages):
                listed, moment = await names(pages)
            before = differences(self._store.table(self.plural), listed, moment, gone)
            if before:
                await self._pace.sleep(self._habits.grace)
                after = differences(self._store.table(self.plural), listed, moment, gone)
                wrong = [key for key, version in before.items() if after.get(key) == version]
                self._mend(len(wrong))
        finally:
            self._gone = None

    def _mend(self, wrong: int) -> None:
        if wrong and self.is_followed:
            self.mended += wrong
            self._unsure = True
            self.resume()
