"""When certificates end, read from their bytes alone: X.509 as DER (RFC 5280), and no more of it.

Read here, because Python's `ssl` tells this only of the certificate of a peer.
"""

import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime

_PEM = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----\s(.*?)-----END (?:TRUSTED |X509 )?"
    rb"CERTIFICATE-----",
    re.DOTALL,
)
_MOST = 200  # certificates of one text; the system's own authorities are some 140

_SEQUENCE, _VERSION, _INTEGER = 0x30, 0xA0, 0x02
_UTC_TIME, _GENERAL_TIME = 0x17, 0x18
_FORMS = {_UTC_TIME: 12, _GENERAL_TIME: 14}  # digits before the Z
_LONG = 0x80  # a length in several bytes
_LENGTH_BYTES = 4  # a certificate of 4 GB is none
_PIVOT = 50  # UTCTime's two digits: 50 is 1950, 49 is 2049


class NoCertificate(ValueError):
    """Bytes are no certificate."""


def ends(text: bytes) -> tuple[datetime, ...]:
    """Return when each certificate in a PEM text ends, in its order.

    Raises `NoCertificate` for one that cannot be read, or where there is none at all.
    """
    found = [_end(_der(one[1])) for _, one in zip(range(_MOST), _PEM.finditer(text), strict=False)]
    if not found:
        raise NoCertificate("there is no certificate in it")
    return tuple(found)


def _der(encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(b"".join(encoded.split()), strict_mode=True)
    except binascii.Error:
        raise NoCertificate("it is not base64") from None


def _end(der: bytes) -> datetime:
    """Return the end of the validity: the second time of the fifth or fourth part of the body."""
    parts = _parts(_inside(der, _SEQUENCE))
    body = _parts(_of(next(parts, None), _SEQUENCE))
    tag, content = _there(next(body, None))
    if tag == _VERSION:
        tag, content = _there(next(body, None))
    _of((tag, content), _INTEGER)
    for _ in ("signature", "issuer"):
        _of(next(body, None), _SEQUENCE)
    validity = _parts(_of(next(body, None), _SEQUENCE))
    next(validity, None)
    return _time(*_there(next(validity, None)))


def _inside(der: bytes, wanted: int) -> bytes:
    return _of(next(_parts(der), None), wanted)


def _of(part: tuple[int, bytes] | None, wanted: int) -> bytes:
    tag, content = _there(part)
    if tag != wanted:
        raise NoCertificate("it is not built as a certificate is")
    return content


def _there(part: tuple[int, bytes] | None) -> tuple[int, bytes]:
    if part is None:
        raise NoCertificate("it ends too early")
    return part


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each part."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise NoCertificate("it ends too early")
        tag, size = der[at], der[at + 1]
        at += 2
        if size & _LONG:
            count = size & ~_LONG
            if not 1 <= count <= _LENGTH_BYTES:
                raise NoCertificate("a part of it has no length")
            size, at = int.from_bytes(der[at : at + count]), at + count
        if at + size > len(der):
            raise NoCertificate("it ends too early")
        yield tag, der[at : at + size]
        at += size


def _time(tag: int, content: bytes) -> datetime:
    digits = _FORMS.get(tag)
    text = content.decode("ascii", "replace")
    if digits is None or len(text) != digits + 1 or not text.endswith("Z"):
        raise NoCertificate("it does not say when it ends")
    year = text[:-11]
    if tag == _UTC_TIME:
        year = f"{'19' if year >= str(_PIVOT) else '20'}{year}"
    try:
        return datetime.strptime(year + text[-11:-1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise NoCertificate("it does not say when it ends") from None
