"""Keeps secrets out of what is written for people: log lines, messages, settings shown."""

import re
from collections.abc import Mapping

MASK = "***"

_SECRET_KEY = re.compile(
    r"(?i)pass(word|wd|phrase)?$|secret|token$|authorization|api[-_]?key|private[-_]?key"
    r"|client[-_]key[-_]data|client[-_]certificate[-_]data|cookie|credential|session[-_]?id"
)
_KEY_WORDS = (
    r"[\w.-]*(?:password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key"
    r"|client-key-data|client-certificate-data|access[-_]key|secret[-_]access[-_]key)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        MASK,
    ),
    # user:password@ in a URL; greedy up to the last @ before the path, since passwords hold @
    (re.compile(r"(?i)([a-z][a-z0-9+.-]*://[^\s:/?#@]*):[^\s/?#]*@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"(?i)((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?)(?:(basic|bearer|digest)\s+)?[^\s'\",;]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"), MASK),
    (
        re.compile(rf"(?i)\b({_KEY_WORDS}['\"]?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s&,;'\"]+)"),
        rf"\1{MASK}",
    ),
)

_HINT = re.compile(r"[:=@]|eyJ|bearer|basic", re.IGNORECASE)  # without one, nothing is masked
_WITHOUT_SCHEME = re.compile(r"(^|\s)([^\s:/@]+):[^\s/@]+@(?=[^\s@]+)")  # user:password@registry
_WEBHOOK = re.compile(
    r"(hooks\.slack\.com/\w+|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/\w+)/[^\s\"']+"
)


def masked(text: str) -> str:
    """Return the text without tokens, passwords in URLs, Authorization headers and keys."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def without_secrets(text: str) -> str:
    """Return a text that others wrote without what looks like a secret, addresses of webhooks too.

    A second time changes nothing.
    """
    if not _HINT.search(text):
        return text
    text = _WITHOUT_SCHEME.sub(rf"\1\2:{MASK}@", masked(text))
    return _WEBHOOK.sub(rf"\1/{MASK}", text)


def masked_value(value: object, key: str = "") -> object:
    """Return plain values with every secret replaced, whether its name or its form tells."""
    if key and _SECRET_KEY.search(key) and value not in (None, ""):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): masked_value(part, str(name)) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked_value(part) for part in value]
    return masked(value.decode(errors="replace") if isinstance(value, bytes) else str(value))
