"""What iptables counted, from the text of `iptables-save --counters`. Pure.

kube-proxy says in a rule's comment which service and which endpoint it leads to; its NAT rules
see the first packet of each connection, so these are connections rather than requests.
"""

import re
from dataclasses import dataclass

_RULE = re.compile(r"\[(\d+):(\d+)\] -A (\S+) ?(.*)")
_ENDPOINT = re.compile(r'--comment "(\S+) -> (\S+)"')


@dataclass(frozen=True, slots=True)
class Counter:
    """One rule: its chain, its text, and what it has matched (packets, bytes)."""

    chain: str
    rule: str
    packets: int
    octets: int


def counters(saved: str) -> list[Counter]:
    """Return the rules of `iptables-save --counters`, in order."""
    found = (_RULE.fullmatch(line) for line in saved.splitlines())
    return [Counter(one[3], one[4], int(one[1]), int(one[2])) for one in found if one]


def endpoint_packets(saved: str) -> dict[tuple[str, str], int]:
    """Return the connections that kube-proxy sent on: by service (`ns/name:port`) and endpoint."""
    sums: dict[tuple[str, str], int] = {}
    for counter in counters(saved):
        found = _ENDPOINT.search(counter.rule)
        if found and counter.chain.startswith("KUBE-SVC"):
            at = (found[1], found[2])
            sums[at] = sums.get(at, 0) + counter.packets
    return sums
