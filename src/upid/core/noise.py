"""Requests that are no work: probes, load balancers' checks, scrapes and monitors (IDL-2).

Why not a list of paths alone: a kubelet may probe `/login`, where only the agent tells, and a
product may sell `/health` insurance, where only the caller does. Why no regular expressions:
paths and agents are written by strangers; every test here is a comparison, linear in the text.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Network = IPv4Network | IPv6Network
Ints = NDArray[np.int64]

_GO_CLIENT = "go-http-client/"  # Go programs that set no agent: old kubelets, but services too
_BROWSER = ("gecko", "applewebkit", "trident/")  # engines that browsers name
_ROBOT = "compatible;"  # how robots with a browser-like agent mark themselves
_NO_REQUEST_LINE = "-"  # how access logs write that there was none: a TCP check
_TECHNICAL = frozenset(
    (
        "live", "liveness", "livez", "ready", "readiness", "readyz", "health", "healthz",
        "startup", "started", "check", "ping", "up", "ok", "db", "deep", "shallow", "full",
    )
)  # fmt: skip  # what follows a health path that is an everyday word, such as /health/live


class Noise(IntEnum):
    """What a request is; everything but BUSINESS is noise."""

    BUSINESS = 0
    PROBE = 1
    BALANCER = 2
    SCRAPE = 3
    MONITOR = 4


NAMES: dict[Noise, str] = {
    Noise.BUSINESS: "business requests",
    Noise.PROBE: "health probes",
    Noise.BALANCER: "load balancer checks",
    Noise.SCRAPE: "metrics scrapes",
    Noise.MONITOR: "monitoring requests",
}


class Signature(NamedTuple):
    """One fact about what noise looks like.

    field   agent; path; or go_client (a path asked for by Go's default agent)
    match   agents: prefix, contains. Paths: exact; below (and all sub-paths); words (and
            sub-paths of technical words only, because a product may use the word as well)
    text    compared without regard to case
    source  where the fact is documented
    """

    field: str
    match: str
    text: str
    kind: Noise
    source: str


@dataclass(frozen=True, slots=True)
class Streams:
    """Streams of requests, one row each: to which path, by which agent, from whom.

    probed  the paths that the serving pod itself declares for its probes
    """

    path: Sequence[str]
    agent: Sequence[str]
    source: Sequence[str]
    probed: Sequence[frozenset[str]] | None = None


@dataclass(frozen=True, slots=True)
class NoiseRules:
    """What counts as noise: known signatures and addresses that only monitoring uses."""

    signatures: tuple[Signature, ...]
    monitors: tuple[Network, ...] = ()

    def classify(self, streams: Streams) -> Ints:
        """Return (s,) the kind of noise of each stream, `Noise.BUSINESS` for real work.

        In this order: the agent is known to check or scrape; there was no request line; the
        source is a monitoring address; the path is a health path (unless a person in a browser
        asks for one that is an everyday word); a Go client without a workload's name asks for a
        path that the pod declares for its probes. All else is business. Each distinct agent,
        path and source is looked at once: O(streams + distinct texts × signatures).
        """
        agents, agent_of = _distinct(streams.agent)
        paths, path_of = _distinct(streams.path)
        sources, source_of = _distinct(streams.source)
        by_agent = _table(agents, self.agent)[agent_of]
        by_path = _table(paths, lambda p: self.path(p)[0])[path_of]
        everyday = _table(paths, lambda p: int(self.path(p)[1]))[path_of] > 0
        person = _table(agents, lambda a: int(is_browser(a)))[agent_of] > 0
        watched = _table(sources, self.source)[source_of]
        workload = _table(sources, lambda s: int(is_workload(s)))[source_of] > 0
        unasked = _table(paths, lambda p: int(p == _NO_REQUEST_LINE))[path_of] > 0
        go_client = _table(agents, lambda a: int(a.lower().startswith(_GO_CLIENT)))[agent_of] > 0
        by_path[everyday & person] = Noise.BUSINESS
        by_path[unasked & ~workload] = Noise.PROBE
        found = np.where(by_agent > 0, by_agent, np.where(watched > 0, watched, by_path))
        for i in np.flatnonzero((found == Noise.BUSINESS) & go_client & ~workload).tolist():
            found[i] = self._go_client(streams, i)
        return found

    def agent(self, text: str) -> Noise:
        """Return what an agent does, BUSINESS when it is not known to check or scrape."""
        low = text.strip().lower()
        for signature in self.signatures:
            if signature.field != "agent":
                continue
            wanted = signature.text.lower()
            if low.startswith(wanted) or (signature.match == "contains" and wanted in low):
                return signature.kind
        return Noise.BUSINESS

    def path(self, text: str) -> tuple[Noise, bool]:
        """Return what a path is for, and whether it is a word that a product may use too."""
        path = plain_path(text)
        for signature in self.signatures:
            if signature.field == "path" and _matches(path, signature):
                return signature.kind, signature.match == "words"
        return Noise.BUSINESS, False

    def source(self, text: str) -> Noise:
        """Return MONITOR for an address within the monitoring networks."""
        address = _address(text) if self.monitors else None
        if address is not None and any(address in network for network in self.monitors):
            return Noise.MONITOR
        return Noise.BUSINESS

    def _go_client(self, streams: Streams, row: int) -> Noise:
        path = plain_path(streams.path[row])
        for signature in self.signatures:
            if signature.field == "go_client" and _matches(path, signature):
                return signature.kind
        declared = streams.probed[row] if streams.probed else frozenset()
        if path != "/" and any(plain_path(p) == path for p in declared):
            return Noise.PROBE  # a kubelet from before it named itself
        return Noise.BUSINESS


def plain_path(text: str) -> str:
    """Return the path alone, lower case: no host, query, fragment, parameters, doubled slashes."""
    path = text.strip().lower()
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    for mark in "?#;":
        path = path.partition(mark)[0]
    parts = [part for part in path.split("/") if part]
    return "/" + "/".join(parts)


def is_browser(agent: str) -> bool:
    """Return whether an agent looks like a person's browser; anyone may claim to be one."""
    low = agent.lower()
    return low.startswith("mozilla/") and _ROBOT not in low and any(e in low for e in _BROWSER)


def is_workload(source: str) -> bool:
    """Return whether a source names a workload: `namespace/Kind/name`."""
    parts = source.split("/")
    return len(parts) == 3 and all(parts) and not parts[0].replace(".", "").isdigit()  # noqa: PLR2004


def _matches(path: str, signature: Signature) -> bool:
    wanted = signature.text.lower()
    if path == wanted:
        return True
    if signature.match == "exact" or not path.startswith(wanted + "/"):
        return False
    return signature.match == "below" or all(
        part in _TECHNICAL for part in path[len(wanted) + 1 :].split("/")
    )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a source names, its port left off, IPv4 in IPv6 unwrapped."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _distinct(texts: Iterable[str]) -> tuple[list[str], Ints]:
    """Return the distinct texts in order of appearance, and the index of each text in them."""
    seen: dict[str, int] = {}
    rows = [seen.setdefault(text, len(seen)) for text in texts]
    return list(seen), np.asarray(rows, np.int64)


def _table(texts: Sequence[str], judge: Callable[[str], int]) -> Ints:
    return np.fromiter((judge(text) for text in texts), np.int64, len(texts))
