"""Entity tags and the conditions upon them (RFC 9110, sections 8.8.3 and 13.1)."""

import hashlib
import re

from upid.core.errors import Kind, UpidError

_LISTED = re.compile(r'\s*(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\uffff]*")\s*(?:,|\Z)|\s*,')
_HEADER_LENGTH = 8192  # characters; a longer one lists nothing that we made
_TAG_BYTES = 16


class PreconditionFailed(UpidError):
    """What is to be changed is not in the state that the request was made for."""

    kind = Kind.CONFLICT
    code = "precondition_failed"

    def __init__(self, what: str, tag: str) -> None:
        super().__init__(
            f"{what!r} has changed since it was read",
            hint="read it again, and send the change with the ETag of that answer in If-Match",
            details={"etag": tag},
        )


def etag(*parts: object) -> str:
    """Return a strong tag of values whose text tells them apart, such as an id and a version."""
    digest = hashlib.sha256()
    for part in parts:
        text = part if isinstance(part, bytes) else str(part).encode(errors="surrogatepass")
        digest.update(f"{type(part).__name__}:{len(text)}:".encode())
        digest.update(text)
    return f'"{digest.hexdigest()[: 2 * _TAG_BYTES]}"'


def is_fresh(if_none_match: str | None, tag: str) -> bool:
    """Return whether who asks has this version already: 304, or nothing to do.

    Weak comparison: `W/"a"` is `"a"`. `*` is any version. A malformed list names none.
    """
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or any(one == tag for _, one in _tags(if_none_match))


def require_match(if_match: str | None, tag: str, what: str) -> None:
    """Return when a change may be made to this version of `what`; without a header it may.

    Strong comparison: a weak tag matches nothing. Raises PreconditionFailed.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if not any(one == tag and not weak for weak, one in _tags(if_match)):
        raise PreconditionFailed(what, tag)


def _tags(header: str) -> list[tuple[bool, str]]:
    """Return the tags of a header, each with whether it is weak; none when it is malformed."""
    found, at = [], 0
    if len(header) > _HEADER_LENGTH:
        return []
    while at < len(header):
        one = _LISTED.match(header, at)
        if one is None:
            return []
        if one["tag"] is not None:
            found.append((one["weak"] is not None, one["tag"]))
        at = one.end()
    return found
