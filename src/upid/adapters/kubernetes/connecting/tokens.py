"""When a token ends, if it says so itself: the claim `exp` of a JWT (RFC 7519). Nothing is trusted.

No signature is checked: what a token says is shown to its owner, and the cluster judges it.
"""

import base64
import binascii
import re
from datetime import UTC, datetime

import msgspec

_PART = re.compile(r"[A-Za-z0-9_-]+")
_PARTS = 3


class _Claims(msgspec.Struct, frozen=True):
    exp: int | float | None = None


def token_end(token: str) -> datetime | None:
    """Return when a token says that it ends; None where it does not, or is no JWT."""
    parts = token.split(".")
    if len(parts) != _PARTS or not all(_PART.fullmatch(part) for part in parts):
        return None
    claims = parts[1]
    try:
        raw = base64.b64decode(claims + "=" * (-len(claims) % 4), altchars=b"-_", validate=True)
        end = msgspec.json.decode(raw, type=_Claims).exp
        return None if end is None else datetime.fromtimestamp(end, UTC)
    except (binascii.Error, msgspec.MsgspecError, ValueError, OverflowError, OSError):
        return None
