"""When certificates end. Python's `ssl` tells this only of the certificate of a peer."""

import binascii
import re
from datetime import datetime

_PEM = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----\s(.*?)-----END (?:TRUSTED |X509 )?"
    rb"CERTIFICATE-----",
    re.DOTALL,
)
_MOST = 200  # certificates of one text; the system's own authorities are some 140


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
    from cryptography.x509 import InvalidVersion, load_der_x509_certificate  # 0.07 s: only here

    try:
        return load_der_x509_certificate(der).not_valid_after_utc
    except (ValueError, InvalidVersion):
        raise NoCertificate("it is not built as a certificate is") from None
