"""Certificates and keys as text, looked at in memory only."""

import re
import ssl

_CERTIFICATE = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_LOCKED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")


def holds_authority(text: bytes) -> bool:
    """Return whether certificates of authorities can be read from a text."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text.decode("ascii"))
    except (ValueError, ssl.SSLError):
        return False
    return True


def wrong_with_pair(certificate: bytes, key: bytes) -> str | None:
    """Return what keeps a certificate and its key from being used, if anything.

    A key behind a password is refused: OpenSSL would ask for it on the terminal.
    """
    if not _CERTIFICATE.search(certificate):
        return "the client certificate is not PEM"
    if _LOCKED.search(key):
        return "the client key is behind a password"
    if not _KEY.search(key):
        return "the client key is not PEM"
    return None
