"""Addresses and times as kubectl reads them."""

import re
from urllib.parse import SplitResult, urlsplit

_HOST = re.compile(
    r"[^\s/?#@:\[\]\\%<>^|\x00-\x20\x7f]+|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\]"
)
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PORTS = range(1, 65_536)


def server_url(raw: str) -> str:
    """Return a server's URL, without query, fragment and a last slash; a path is kept.

    Without a scheme it is http, as in kubectl. Raises `ValueError` with why not; the text itself
    may hold a password and is not repeated.
    """
    if any(ord(letter) <= 0x20 or letter == "\x7f" for letter in raw):  # noqa: PLR2004 - a blank
        raise ValueError("it holds a blank or a control character")
    url, port = _split(raw)
    if url.scheme not in ("http", "https"):
        raise ValueError("it is not of http or https")
    if "@" in url.netloc:
        raise ValueError("it holds a username or a password, which no API server takes")
    host = url.netloc if port is None else url.netloc.rpartition(":")[0]
    host = host.removesuffix(":")
    if not _HOST.fullmatch(host) or (port is not None and port not in _PORTS):
        raise ValueError("its host or port cannot be one")
    return f"{url.scheme}://{host}{'' if port is None else f':{port}'}{url.path.rstrip('/')}"


def _split(raw: str) -> tuple[SplitResult, int | None]:
    """Return the parts of a URL and its port; what has no scheme gets one."""
    try:
        url = urlsplit(raw)
        if url.scheme not in ("http", "https") and not (url.scheme and url.netloc):
            url = urlsplit(f"http://{raw}")
            bare = True
        else:
            bare = False
        port = url.port
    except ValueError:
        raise ValueError("it is not a URL") from None
    if bare and url.path not in ("", "/"):
        raise ValueError("it has a path but no scheme; write https:// before it")
    return url, port


def seconds(text: str) -> float:
    """Return what a request timeout of kubectl means: `5`, `5s`, `2m`, `1h30m`.

    Raises `ValueError`.
    """
    if re.fullmatch(r"\+?[0-9]+", text):
        return float(text)
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError("it is neither seconds nor a span such as 5s, 2m or 1h30m")
    return sum(float(part[1]) * _SECONDS[part[2]] for part in parts)
