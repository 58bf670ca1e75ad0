"""No packet goes where a stranger may not send one, by the kernel's own counters: A8.

In a network namespace whose names lead to forbidden addresses, as an attacker's would, and where
every packet is counted and none leaves. Broken on purpose, and seen: a policy that permits
everything sends to 169.254.169.254.
"""

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

import pytest

from tests.adapters.kubernetes import hostile
from tests.adapters.kubernetes.sending import to
from tests.world import needs
from tests.world.enclosure import Enclosure, enclosed
from tests.world.judge.counters import counters
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.connecting import KubernetesConnector
from upid.core.errors import UpidError
from upid.kit.clock import system_clock

pytestmark = pytest.mark.world

QUICK, FULL = 2_000, 20_000
_SECONDS = 300
# Written down here anew (RFC 6890 and the clouds' hosts), so that two lists have to agree.
_FORBIDDEN = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4"),
    *("240.0.0.0/4", "168.63.129.16/32"),
)
_FORBIDDEN_6 = ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8")
# What names lead to here, one after the other.
_TRAPS = ("169.254.169.254", "127.0.0.1", "10.0.0.1", "fd00:ec2::254", "::1", "100.100.100.200")
_SPECIMENS = ("169.254.169.254", "127.0.0.1", "10.0.0.1", "8.8.8.8")


@pytest.fixture(scope="module")
def trap() -> Iterator[Enclosure]:
    """Yield a network of its own from which nothing leaves, with a counter for each network."""
    needs.need_enclosure()
    with enclosed() as made:
        lines = ["ip link add sink type veth peer name drain"]
        lines += ["ip link set drain up", "ip link set sink up"]
        lines += ["ip addr add 198.51.100.1/24 dev sink", "ip route replace default dev sink"]
        lines += ["ip -6 addr add 3fff::1/64 dev sink nodad", "ip -6 route add default dev sink"]
        for program, networks in (("iptables", _FORBIDDEN), ("ip6tables", _FORBIDDEN_6)):
            for network in networks:
                for protocol in ("tcp", "udp"):
                    lines.append(f"{program} -A OUTPUT -p {protocol} -d {network} -j DROP")
            lines.append(f"{program} -A OUTPUT -p tcp --syn -j REJECT --reject-with tcp-reset")
            lines.append(f"{program} -A OUTPUT -p udp -j REJECT")
        made.run("sh", "-ec", "\n".join(lines))
        yield made


def sent(trap: Enclosure) -> tuple[int, int]:
    """Return how many packets were sent to forbidden networks, and to others."""
    saved = trap.run("iptables-save", "-c") + trap.run("ip6tables-save", "-c")
    rules = [one for one in counters(saved) if one.chain == "OUTPUT"]
    forbidden = sum(one.packets for one in rules if one.rule.endswith("-j DROP"))
    return forbidden, sum(one.packets for one in rules) - forbidden


def hosts_of(texts: Sequence[str]) -> list[str]:
    """Return the names that kubeconfigs lead to where they are taken."""
    connector = KubernetesConnector(AddressPolicy(), limits=None, clock=system_clock)
    found = set()
    for text in texts:
        with contextlib.suppress(UpidError):
            server = connector.identify(text.encode("utf-8", "surrogatepass")).server
            found.add(urlsplit(server).hostname or "")
    return sorted(found)


def ask(trap: Enclosure, root: Path, texts: Sequence[str]) -> dict[str, object]:
    """Ask all servers from within; every name leads to a forbidden address."""
    folder = trap.folder
    (folder / "cases.json").write_text(json.dumps(texts))
    names = hosts_of(texts)
    lines = [f"{_TRAPS[at % len(_TRAPS)]} {name}" for at, name in enumerate(names)]
    (folder / "hosts").write_text("\n".join(lines) + "\n")
    (folder / "nsswitch.conf").write_text("hosts: files\n")
    own = " && ".join(
        f"mount --bind {quote(str(folder / name))} /etc/{name}"
        for name in ("hosts", "nsswitch.conf")
    )
    module = "tests.adapters.kubernetes.sending"
    run = f"exec {quote(sys.executable)} -m {module} {quote(str(folder / 'cases.json'))}"
    script = f"{own} && cd {quote(str(root))} && {run}"
    said = trap.run("unshare", "-m", "sh", "-ec", script, seconds=_SECONDS)
    found: dict[str, object] = json.loads(said)
    return found


def judge(trap: Enclosure, root: Path, texts: Sequence[str]) -> dict[str, object]:
    before = sent(trap)
    found = ask(trap, root, texts)
    after = sent(trap)
    assert after[0] - before[0] == 0, found
    assert found["commands"] == []
    connected = [ip_address(str(one)) for one in found["connected"]]  # type: ignore[attr-defined]
    networks = [ip_network(one) for one in (*_FORBIDDEN, *_FORBIDDEN_6)]
    assert not [one for one in connected for network in networks if one in network]
    assert len(connected) <= after[1] - before[1], "the counters do not see what is sent"
    return found


def test_the_counters_see_what_is_sent_where_it_may_not_be(trap: Enclosure) -> None:
    """A8: so that their silence means something."""
    send = "import socket,sys\nfor a in sys.argv[1:]:\n s=socket.socket(socket.AF_INET,2)\n"
    send += " s.setblocking(False)\n try: s.sendto(b'x',(a,9))\n except OSError: pass\n s.close()\n"
    before = sent(trap)
    trap.run(sys.executable, "-c", send, *_SPECIMENS)
    after = sent(trap)
    assert (after[0] - before[0], after[1] - before[1]) == (3, 1)


@pytest.mark.parametrize(
    "count", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)], ids=["quick", "full"]
)
def test_hostile_kubeconfigs_send_no_packet_where_none_may_go(
    trap: Enclosure, root: Path, count: int
) -> None:
    """A8: and run nothing while they are really connected to."""
    texts = [text.decode("utf-8", "replace") for _, text in hostile.generate(count, seed=11)]
    found = judge(trap, root, texts)
    outcome = found["outcome"]
    assert isinstance(outcome, dict)
    assert outcome["asked: address_refused"] > count / 50  # names that led to a trap
    assert outcome["asked: cluster_refused"] > 0  # public addresses, where a packet may go
    assert outcome["refused: kubeconfig_refused"] > count / 4


def test_hostile_addresses_send_no_packet_where_none_may_go(
    trap: Enclosure, root: Path, shared: Path
) -> None:
    """A8: published URLs, encodings of addresses, and the web platform's host names."""
    folder = shared / "vectors"
    listed = json.loads((folder / "whatwg-url/urltestdata.json").read_text())
    urls = [case["input"] for case in listed if isinstance(case, dict)]
    urls += [
        one["url"] for one in json.loads((folder / "payloads/ssrf_urls.json").read_text())["cases"]
    ]
    urls += [url.replace("http:", "https:", 1) for url in urls if url.startswith("http:")]
    for name in ("toascii.json", "IdnaTestV2.json", "verifydnslength_tests.json"):
        cases = json.loads((folder / "whatwg-url" / name).read_text())
        urls += [f"https://{case['input']}/" for case in cases if isinstance(case, dict)]
    assert len(urls) > 3_000
    found = judge(trap, root, [to(url) for url in urls])
    outcome = found["outcome"]
    assert isinstance(outcome, dict)
    assert outcome["refused: address_refused"] > 1_000
    assert outcome["asked: address_refused"] > 20
    assert "answered" not in outcome
