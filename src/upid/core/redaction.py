"""What is taken out of every object that UPID keeps: the places where people put secrets (SEC-8).

Wherever in an object: values of environment variables and HTTP headers, arguments and commands,
ConfigMap values, last-applied configurations, and text under keys that are called after a
password, a token or a key. What looks like a secret within other text is for the caller's `mask`.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

Json: TypeAlias = Any  # as a decoder gives it
Mask = Callable[[str], str]

_NAMED_VALUES = frozenset({"env", "httpHeaders"})
_COMMANDS = frozenset({"args", "command"})
_DROPPED = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})
_CONFIG = frozenset({"data", "binaryData", "stringData"})
_TELLING = re.compile(
    r"(password|passwd|passphrase|token|api[-_.]?key|secret[-_.]?key|access[-_.]?key|private[-_.]?key"
    r"|credentials?|authorization|cookie|connection[-_.]?string|cabundle)$",
    re.IGNORECASE,
)


def clean(node: Json, removed: Counter[str], mask: Mask, *, config: bool = False) -> Json:
    """Return a tree of an object without what may hold secrets; `removed` counts what went.

    config  whether it is a ConfigMap, whose values go as well
    Raises RecursionError for a tree that is nested too deeply.
    """
    if isinstance(node, str):
        told = mask(node)
        if told != node:
            removed["secrets in text"] += 1
        return told
    if isinstance(node, list):
        return [clean(item, removed, mask) for item in node]
    return _cleaned(node, removed, mask, config=config) if isinstance(node, dict) else node


def _cleaned(
    node: dict[str, Json], removed: Counter[str], mask: Mask, *, config: bool
) -> dict[str, Json]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        if key in _DROPPED:
            removed["last-applied" if "/" in key else key] += 1
        elif key in _COMMANDS and isinstance(value, list | str):
            removed[key] += 1
        elif key in _NAMED_VALUES and isinstance(value, list):
            found[key] = [_without_value(item, key, removed, mask) for item in value]
        elif config and key in _CONFIG and isinstance(value, dict):
            found[key] = dict.fromkeys(value, "")
            removed["ConfigMap values"] += len(value)
        elif isinstance(value, str) and value and _tells(key, node):
            removed["telling keys"] += 1
        else:
            found[key] = clean(value, removed, mask)
    return found


def _tells(key: str, node: Mapping[str, Json]) -> bool:
    """Say whether a text is a secret by its key, or by the name that stands beside a value."""
    named = str(node.get("name")) if key == "value" else key
    return _is_telling(named)


@lru_cache(maxsize=4_096)
def _is_telling(name: str) -> bool:
    """Say it of a key; a cluster uses the same hundreds of keys over and over."""
    return _TELLING.search(name) is not None


def _without_value(item: Json, key: str, removed: Counter[str], mask: Mask) -> Json:
    if not isinstance(item, dict) or "value" not in item:
        return clean(item, removed, mask)
    removed["env values" if key == "env" else "header values"] += 1
    return {name: clean(value, removed, mask) for name, value in item.items() if name != "value"}
