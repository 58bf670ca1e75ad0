"""What is never in a recording: secrets, and the places where people put them (SEC-8, COL-9).

Removed from every object, wherever in it: values of environment variables and HTTP headers,
arguments and commands, ConfigMap values, last-applied configurations, text under keys that are
called after a password, a token or a key, and within any other text what looks like one: users'
passwords in addresses, tokens, addresses of webhooks. Objects of kind Secret are left out
altogether.
"""

from collections import Counter

import msgspec

from upid.adapters.recordings.errors import RecordingRefused
from upid.adapters.recordings.layout import MAX_BODY
from upid.core.redaction import Json
from upid.core.redaction import clean as without_places
from upid.kit.masking import without_secrets

_SECRET_KINDS = frozenset({"secret", "sealedsecret"})  # in small letters: kinds are not checked


def redacted(kind: str, name: str, body: bytes, removed: Counter[str]) -> bytes | None:
    """Return an object without its secrets, or None for one that is nothing else.

    `removed` counts what was taken out. Raises RecordingRefused for what is not an object.
    """
    if kind.lower() in _SECRET_KINDS:
        removed["secrets"] += 1
        return None
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordingRefused(f"{kind} {name}", f"its body is not JSON ({error})") from error
    if not isinstance(tree, dict):
        raise RecordingRefused(f"{kind} {name}", "its body is not an object")
    try:
        cleaned = msgspec.json.encode(clean(tree, removed, config=kind == "ConfigMap"))
    except (RecursionError, UnicodeEncodeError) as error:
        raise RecordingRefused(f"{kind} {name}", f"its body: {error}") from error
    if len(cleaned) > MAX_BODY:
        raise RecordingRefused(f"{kind} {name}", f"it has {len(cleaned)} bytes")
    return cleaned


def clean(node: Json, removed: Counter[str], *, config: bool = False) -> Json:
    """Return a tree of an object without what may hold secrets."""
    return without_places(node, removed, without_secrets, config=config)
