"""What is never in a recording: secrets, and the places where people put them (SEC-8, COL-9).

Removed from every object, wherever in it: values of environment variables and HTTP headers,
arguments and commands, ConfigMap values, last-applied configurations, text under keys that are
called after a password, a token or a key, and within any other text what looks like one: users'
passwords in addresses, tokens, addresses of webhooks. Objects of kind Secret are left out
altogether.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from upid.adapters.recordings.errors import RecordingRefused
from upid.adapters.recordings.layout import MAX_BODY
from upid.kit.masking import MASK, masked

Json: TypeAlias = Any  # as msgspec decodes it

_SECRET_KINDS = frozenset({"secret", "sealedsecret"})  # in small letters: kinds are not checked
_NAMED_VALUES = frozenset({"env", "httpHeaders"})
_COMMANDS = frozenset({"args", "command"})
_DROPPED = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})
_CONFIG = frozenset({"data", "binaryData", "stringData"})
_TELLING = re.compile(
    r"(password|passwd|passphrase|token|api[-_.]?key|secret[-_.]?key|access[-_.]?key|private[-_.]?key"
    r"|credentials?|authorization|cookie|connection[-_.]?string|cabundle)$",
    re.IGNORECASE,
)

_HINT = re.compile(r"[:=@]|eyJ|bearer|basic", re.IGNORECASE)  # without one, nothing is masked
_WITHOUT_SCHEME = re.compile(r"(^|\s)([^\s:/@]+):[^\s/@]+@(?=[^\s@]+)")  # user:password@registry
_WEBHOOK = re.compile(
    r"(hooks\.slack\.com/\w+|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/\w+)/[^\s\"']+"
)


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
    if isinstance(node, str):
        return _masked(node, removed)
    if isinstance(node, list):
        return [clean(item, removed) for item in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key in _DROPPED:
            removed["last-applied" if "/" in key else key] += 1
        elif key in _COMMANDS and isinstance(value, list | str):
            removed[key] += 1
        elif key in _NAMED_VALUES and isinstance(value, list):
            found[key] = [_without_value(item, key, removed) for item in value]
        elif config and key in _CONFIG and isinstance(value, dict):
            found[key] = dict.fromkeys(value, "")
            removed["ConfigMap values"] += len(value)
        elif isinstance(value, str) and value and _tells(key, node):
            removed["telling keys"] += 1
        else:
            found[key] = clean(value, removed)
    return found


def _tells(key: str, node: Mapping[str, Json]) -> bool:
    """Say whether a text is a secret by its key, or by the name that stands beside a value."""
    named = str(node.get("name")) if key == "value" else key
    return _TELLING.search(named) is not None


def _masked(text: str, removed: Counter[str]) -> str:
    told = without_secrets(text)
    if told != text:
        removed["secrets in text"] += 1
    return told


def without_secrets(text: str) -> str:
    """Return a text with what looks like a secret replaced; a second time changes nothing."""
    if not _HINT.search(text):
        return text
    text = _WITHOUT_SCHEME.sub(rf"\1\2:{MASK}@", masked(text))
    return _WEBHOOK.sub(rf"\1/{MASK}", text)


def _without_value(item: Json, key: str, removed: Counter[str]) -> Json:
    if not isinstance(item, dict) or "value" not in item:
        return clean(item, removed)
    removed["env values" if key == "env" else "header values"] += 1
    return {name: clean(value, removed) for name, value in item.items() if name != "value"}
