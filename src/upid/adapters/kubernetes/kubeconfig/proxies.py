"""Which proxy lies on the way to a server: `proxy-url`, else HTTPS_PROXY and NO_PROXY as in Go."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}
_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_for(server: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the environment's proxy for a server, or None for none.

    The rules are those of Go's `http.ProxyFromEnvironment`: capital letters first, this machine
    never through a proxy, HTTP_PROXY not within a CGI program.
    """
    url = urlsplit(server)
    host = url.hostname or ""
    if not host or _is_here(host):
        return None
    name = f"{url.scheme}_proxy"
    if name == "http_proxy" and environment.get("REQUEST_METHOD"):
        return None
    found = environment.get(name.upper()) or environment.get(name) or ""
    excepted = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if not found or any(_matches(one, host, _port(url)) for one in excepted.split(",")):
        return None
    return found if urlsplit(found).scheme in _SCHEMES and "://" in found else f"http://{found}"


def _port(url: SplitResult) -> int:
    return url.port or _PORTS.get(url.scheme, 0)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(rule: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY is about a host."""
    rule = rule.strip().lower()
    if rule in ("", "*"):
        return rule == "*"
    if "/" in rule:
        return _within(rule, host)
    name, _, number = (
        rule.rpartition(":") if rule.count(":") == 1 or "]:" in rule else (rule, "", "")
    )
    if number and number != str(port):
        return False
    name = name.strip("[]")
    address = _address(host)
    if address is not None:
        return address == _address(name)
    domain = name.removeprefix("*")
    return host == name or host.endswith(domain if domain.startswith(".") else f".{domain}")


def _within(rule: str, host: str) -> bool:
    address = _address(host)
    try:
        network = ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False
    return address is not None and address in network


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
