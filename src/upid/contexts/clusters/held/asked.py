"""What was asked of a cluster just now, a page at a time: ConfigMaps, and Secrets' metadata."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from upid.contexts.clusters.schemas import rows as r
from upid.contexts.clusters.schemas.shared import instant
from upid.core.ports.cluster_connection import ConfigMapFacts, SecretFacts
from upid.core.window import rfc3339
from upid.kit.pagination import Page, read_cursor, write_cursor

MOST = 20_000  # objects of one answer; the largest clusters that are known have fewer
_CUT = f"only the first {MOST:,} were read: name a namespace"


class _Named(Protocol):
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Named)


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """What a cluster answered; `cut` says whether there is more than was read."""

    cluster_id: str
    at: datetime
    items: Sequence[T]
    cut: bool = False


def config_map_rows(
    asked: Asked[ConfigMapFacts], cursor: str | None, limit: int
) -> r.ConfigMapRows:
    """Return one page of ConfigMaps. Raises BadCursor."""
    return _page("configmaps", asked, cursor, limit, _config_map, r.ConfigMapRows)


def secret_rows(asked: Asked[SecretFacts], cursor: str | None, limit: int) -> r.SecretRows:
    """Return one page of Secrets' metadata. Raises BadCursor."""
    return _page("secrets", asked, cursor, limit, _secret, r.SecretRows)


_Answer = TypeVar("_Answer", bound=r.Listed)
_Row = TypeVar("_Row")


def _page(
    name: str,
    asked: Asked[T],
    cursor: str | None,
    limit: int,
    row: Callable[[T], _Row],
    answer: Callable[..., _Answer],
) -> _Answer:
    after = None if cursor is None else read_cursor(cursor, name, str, str)
    found = [one for one in asked.items if after is None or _place(one) > after]
    found.sort(key=_place)
    page = Page.cut(found[: limit + 1], limit, lambda one: write_cursor(name, *_place(one)))
    return answer(
        cluster_id=asked.cluster_id,
        as_of=rfc3339(asked.at),
        freshness="live",
        left_out=[_CUT] if asked.cut else [],
        next_cursor=page.next,
        items=[row(one) for one in page.items],
    )


def _place(one: _Named) -> tuple[str, str]:
    return one.namespace, one.name


def _config_map(one: ConfigMapFacts) -> r.ConfigMapRow:
    return r.ConfigMapRow(
        namespace=one.namespace,
        name=one.name,
        entries=[r.EntryRow(key=entry.key, bytes=entry.bytes) for entry in one.entries],
        bytes=sum(entry.bytes for entry in one.entries),
        immutable=one.immutable,
        created=instant(one.created),
        version=one.version,
    )


def _secret(one: SecretFacts) -> r.SecretRow:
    return r.SecretRow(
        namespace=one.namespace,
        name=one.name,
        type=one.type,
        created=instant(one.created),
        version=one.version,
    )
