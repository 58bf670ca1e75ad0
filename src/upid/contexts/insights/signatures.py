"""The shipped facts about probes, checkers, scrapers and monitors, read from one small table."""

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from ipaddress import ip_network

from upid.core.noise import Noise, NoiseRules, Signature, plain_path

_TABLE = "signatures.csv"


@cache
def shipped_signatures() -> tuple[Signature, ...]:
    """Return every shipped signature, in the order of the table; read once."""
    text = files(__package__).joinpath(_TABLE).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Signature(r["field"], r["match"], r["text"], Noise[r["kind"].upper()], r["source"])
        for r in rows
    )


def noise_rules(
    *, health_paths: Iterable[str] = (), agents: Iterable[str] = (), monitors: Iterable[str] = ()
) -> NoiseRules:
    """Return the shipped rules with a user's own paths, agents and networks in front.

    health_paths  such as `/alive`; one that ends in `/*` covers everything below it too
    agents        beginnings of user agents
    monitors      IPv4 and IPv6 networks in CIDR notation; ValueError for anything else
    """
    own = [_own_path(path) for path in health_paths]
    own += [Signature("agent", "prefix", agent, Noise.MONITOR, "settings") for agent in agents]
    networks = tuple(ip_network(text, strict=False) for text in monitors)
    return NoiseRules((*own, *shipped_signatures()), networks)


def _own_path(path: str) -> Signature:
    match = "below" if path.endswith("/*") else "exact"
    return Signature("path", match, plain_path(path.removesuffix("/*")), Noise.PROBE, "settings")
