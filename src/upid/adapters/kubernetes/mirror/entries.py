"""One object in memory: squeezed, with what it is found by."""

from datetime import datetime
from sys import getsizeof

import msgspec

from upid.adapters.kubernetes.mirror.slim import Slim, death
from upid.adapters.kubernetes.mirror.squeezing import squeeze, unsqueeze
from upid.core.ports.cluster_source import ObjectVersion

_AROUND = 800  # bytes beside the body: strings, times, the record, its places; measured


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One object; `until` is when it went, None while it is there."""

    kind: str
    namespace: str
    name: str
    uid: str
    version: str
    since: datetime
    ended: datetime | None
    until: datetime | None
    squeezed: bytes

    @property
    def key(self) -> tuple[str, str]:
        """Return namespace and name."""
        return self.namespace, self.name

    @property
    def weight(self) -> int:
        """Return the bytes that it takes."""
        return getsizeof(self.squeezed) + _AROUND

    def buried(self, heard: datetime) -> "Entry":
        """Return it as gone, of which was heard just now."""
        until = death(self.since, self.ended, heard)
        return msgspec.structs.replace(self, until=until)

    def shown(self) -> ObjectVersion:
        """Return it as others see it."""
        body = unsqueeze(self.squeezed)
        return ObjectVersion(
            self.kind, self.namespace, self.name, self.uid, self.since, self.until, body
        )


def entry(found: Slim) -> Entry:
    """Return an object that is there, squeezed."""
    return Entry(
        found.kind,
        found.namespace,
        found.name,
        found.uid,
        found.version,
        found.since,
        found.ended,
        None,
        squeeze(found.body),
    )
