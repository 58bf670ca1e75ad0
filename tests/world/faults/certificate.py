"""A throw-away certificate for the proxy's own TLS; no file of it ever exists."""

import ipaddress
import os
import ssl
import subprocess
from pathlib import Path

_PATIENCE = 20  # seconds; it takes 0.02 on an idle machine
_END = "-----END PRIVATE KEY-----\n"


def server_context(host: str) -> tuple[ssl.SSLContext, str]:
    """Return what a server at `host` needs, and its certificate as PEM for clients to trust.

    HTTP/1.1 is all that it offers, so that Go's clients do not speak HTTP/2. Raises
    CalledProcessError where there is no usable openssl.
    """
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=fault proxy"),
            *("-addext", f"subjectAltName={_names(host)}", "-keyout", "-", "-out", "-"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE,
    ).stdout
    # ssl loads a key from a file only; this one is in memory and has no name
    number = os.memfd_create("fault-proxy-certificate")
    try:
        os.write(number, made.encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"/proc/self/fd/{number}")
    finally:
        os.close(number)
    context.set_alpn_protocols(["http/1.1"])
    return context, made[made.index("-----BEGIN CERTIFICATE-----") :].partition(_END)[0]


def _names(host: str) -> str:
    names = ["DNS:localhost", "IP:127.0.0.1"]
    try:
        names.append(f"IP:{ipaddress.ip_address(host)}")
    except ValueError:
        names.append(f"DNS:{host}")
    return ",".join(dict.fromkeys(names))


def client_context(authority: Path | None) -> ssl.SSLContext:
    """Return how to reach upstream: checked against `authority`, or not checked without one."""
    context = ssl.create_default_context(cafile=authority)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
