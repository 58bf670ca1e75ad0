"""Lists: which revision they show, page by page, and what a page says of the next one."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tests.world.simulated.answers import (
    About,
    Answer,
    Cause,
    Object,
    bad_request,
    expired,
    invalid,
    refusal,
)
from tests.world.simulated.selectors import everything, selector, single_name
from tests.world.simulated.store import Stored, Table

Query = Mapping[str, str]

EXACT, NOT_OLDER = "Exact", "NotOlderThan"
LIST_EXPIRED = "The resourceVersion for the provided list is too old."
CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start"
    " a new list without the continue parameter, or use the continue token in this response to"
    " retrieve the remainder of the results. Continuing with the provided token results in an"
    " inconsistent list - objects that were created, modified, or deleted between the time the"
    " first chunk was returned and now may show up in the list."
)
LATEST = -1  # the revision in a token that goes on with whatever is there now
_TOKEN_FORM = "meta.k8s.io/v1"  # noqa: S105 - the form of a page token
_OPTIONS = About(group="meta.k8s.io", kind="ListOptions")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Page:
    """What a list asks for: from which key, as of which revision (None: now), how many (0: all)."""

    start: str
    revision: int | None
    limit: int


def answer_list(table: Table, prefix: str, query: Query, current: int, compacted: int) -> Answer:
    """Answer a list of the objects whose keys begin with `prefix`.

    current, compacted   the latest revision, and the one below which history is forgotten
    """
    match = selector(query.get("labelSelector", ""), query.get("fieldSelector", ""))
    name = single_name(query.get("fieldSelector", "")) if prefix else ""
    page = _page(prefix, query, current, compacted, single=bool(name))
    found = list(table.list(page.start, prefix, page.revision))
    if name:
        found = [stored for stored in found if stored.name == name]
    chosen: list[Stored] = []
    looked = 0
    for stored in found:
        looked += 1
        if match is everything or stored.matches(match):
            chosen.append(stored)
            if page.limit and len(chosen) == page.limit:
                break
    revision = current if page.revision is None else page.revision
    metadata: Object = {"resourceVersion": str(revision)}
    if looked < len(found):  # what is left may hold no match: the next page is then empty
        metadata["continue"] = _token(prefix, _key(found[looked - 1]), revision)
        if match is everything:
            metadata["remainingItemCount"] = len(found) - page.limit
    return _encoded(table, metadata, chosen)


def _encoded(table: Table, metadata: Object, items: list[Stored]) -> Answer:
    kind = table.kind
    head = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
    body = _encode(head)[:-1] + b',"items":[' + b",".join(each.item for each in items) + b"]}"
    return Answer(200, body)


def _key(stored: Stored) -> str:
    return f"{stored.namespace}/{stored.name}"


def _page(prefix: str, query: Query, current: int, compacted: int, *, single: bool) -> Page:
    """Return what is asked for; `single`: one object by its name, which is never paged."""
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    token = query.get("continue", "")
    _check_match(version, match, token)
    limit = max(0, number(query.get("limit", "0")))
    wanted = revision_of(version, "invalid resource version: ")
    if wanted and wanted > current:
        raise too_large(wanted, current)
    if version == "0":
        limit = 0  # what the cache answers to "any version" is never cut
    if token:
        going_on = _continued(prefix, token, limit, compacted)
        if wanted:
            raise bad_request("specifying resource version is not allowed when using continue")
        if not single:
            return going_on
    if match == EXACT or (not match and limit and wanted and not single):
        if wanted < compacted:
            raise expired(LIST_EXPIRED)
        return Page(prefix, wanted, limit)
    return Page(prefix, None, limit)


def _continued(prefix: str, token: str, limit: int, compacted: int) -> Page:
    revision, start = _read_token(token)
    if revision == LATEST:
        return Page(prefix + start, None, limit)
    if revision < compacted:
        fresh = _written({"v": _TOKEN_FORM, "rv": LATEST, "start": start})
        raise expired(CONTINUE_EXPIRED, fresh)
    return Page(prefix + start, revision, limit)


def _token(prefix: str, key: str, revision: int) -> str:
    """Return the token that goes on after `key`; its form is Kubernetes' own."""
    start = f"/{key.removeprefix(prefix)}\0"
    return _written({"v": _TOKEN_FORM, "rv": revision, "start": start})


def _written(token: Object) -> str:
    return base64.urlsafe_b64encode(_encode(token)).rstrip(b"=").decode()


def _read_token(token: str) -> tuple[int, str]:
    try:
        read = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(read["rv"]), str(read["start"]).removeprefix("/")
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from None


def _check_match(version: str, match: str, token: str) -> None:
    if not match:
        return
    causes = []
    place = "resourceVersionMatch"
    if not version:
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        causes.append(Cause.forbidden(place, why))
    if token:
        why = "resourceVersionMatch is forbidden when continue is provided"
        causes.append(Cause.forbidden(place, why))
    if match not in {EXACT, NOT_OLDER}:
        causes.append(Cause.unsupported(place, match, (EXACT, NOT_OLDER, "")))
    if match == EXACT and version == "0":
        why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        causes.append(Cause.forbidden(place, why))
    if causes:
        raise invalid(_OPTIONS, causes)


def check_watch_match(match: str, initial: str) -> None:
    """Refuse a watch whose `sendInitialEvents` and `resourceVersionMatch` do not go together."""
    causes = []
    place = "resourceVersionMatch"
    if initial and match != NOT_OLDER:
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(Cause.forbidden(place, why))
    if match and not initial:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        causes.append(Cause.forbidden(place, why))
    if match not in {"", NOT_OLDER}:
        causes.append(Cause.unsupported(place, match, (NOT_OLDER,)))
    if causes:
        raise invalid(_OPTIONS, causes)


def number(text: str) -> int:
    """Return a query's number; raises a 400 refusal."""
    try:
        return int(text or "0")
    except ValueError:
        message = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise bad_request(message) from None


def revision_of(text: str, prefix: str = "") -> int:
    """Return a resourceVersion of a query, 0 for none; raises a refusal: 400, or 500 of a watch."""
    if not text:
        return 0
    if text.isascii() and text.isdigit():
        return int(text)
    why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
    message = f'{prefix}resourceVersion: Invalid value: "{text}": {why}'
    raise bad_request(message) if prefix else refusal(500, "", message)


def too_large(wanted: int, current: int) -> Exception:
    """Return the refusal of a read that asks for what has not happened yet."""
    cause = Cause("", "ResourceVersionTooLarge", "Too large resource version")
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return refusal(504, "Timeout", message, About(causes=(cause,)))
