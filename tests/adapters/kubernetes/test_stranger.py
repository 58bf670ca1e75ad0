"""A stranger's kubeconfig is data: CLU-2, A8."""

import asyncio
import json
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.kubernetes import hostile
from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.errors import AddressRefused, KubeconfigRefused
from upid.adapters.kubernetes.stranger import stranger_access
from upid.core.errors import UpidError

PUBLIC = AddressPolicy()
FULL, QUICK = 100_000, 2_000


def taken(kubeconfig: dict[str, Any], policy: AddressPolicy = PUBLIC) -> Access:
    return stranger_access(json.dumps(kubeconfig).encode(), policy)


def refusal(kubeconfig: dict[str, Any], policy: AddressPolicy = PUBLIC) -> UpidError:
    with pytest.raises((KubeconfigRefused, AddressRefused)) as caught:
        taken(kubeconfig, policy)
    assert isinstance(caught.value, UpidError)
    return caught.value


def to(server: str) -> dict[str, Any]:
    found = hostile.good()
    found["clusters"][0]["cluster"]["server"] = server
    return found


def hosts(server: str) -> str:
    """Return the host that the client's own library would connect to."""
    return httpx2.URL(server).raw_host.decode()


def read_hostile(root: Path, count: int, seed: int, how: str) -> dict[str, Any]:
    module = "tests.adapters.kubernetes.watching"
    command = [sys.executable, "-m", module, str(count), str(seed), how]
    ran = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=600)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize(
    "count", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)], ids=["quick", "full"]
)
@pytest.mark.parametrize("how", ["reader", "connector"])
def test_hostile_kubeconfigs_run_nothing_read_nothing_and_send_nothing(
    root: Path, count: int, how: str
) -> None:
    """A8, CLU-2: by who reads them, and by the connector, which opens a connection, too."""
    marker = Path("/tmp/upid-was-here")  # noqa: S108 - what the commands in them would write
    marker.unlink(missing_ok=True)

    found = read_hostile(root, count, seed=7, how=how)

    assert found["watch"], "the audit hook sees nothing at all"
    assert (found["commands"], found["files"], found["packets"]) == (0, 0, 0)
    assert found["wrong"] == []
    assert found["slowest"] < 2
    assert not marker.exists()
    outcome = found["outcome"]
    for kind in ("field", "server", "hidden", "text"):
        assert f"{kind} taken" not in outcome
        assert outcome[f"{kind} refused"] > 0
    assert outcome["harmless taken"] > count / 20
    assert "harmless refused" not in outcome


def test_what_is_needed_is_taken() -> None:
    """CLU-2."""
    access = taken(hostile.good())

    assert access.server == "https://k8s.example.com:6443"
    assert (access.context, access.cluster, access.user, access.namespace) == (
        "prod",
        "c",
        "u",
        "web",
    )
    assert asyncio.run(access.credentials.headers()) == {
        "Authorization": f"Bearer {hostile.CANARY}"
    }
    assert access.addresses is PUBLIC
    assert hostile.CANARY not in repr(access)


@pytest.mark.parametrize(
    ("sort", "field", "value"),
    [
        ("users", "exec", {"command": "id"}),
        ("users", "auth-provider", {"name": "oidc"}),
        ("users", "tokenFile", "/t"),
        ("users", "client-certificate", "/c"),
        ("users", "client-key", "/k"),
        ("users", "password", "p"),
        ("users", "as", "admin"),
        ("clusters", "certificate-authority", "/a"),
        ("clusters", "proxy-url", "http://p"),
        ("clusters", "insecure-skip-tls-verify", True),
        ("contexts", "exec", {}),
    ],
)
def test_each_field_that_is_not_on_the_list_is_refused_by_its_name(
    sort: str, field: str, value: object
) -> None:
    """CLU-2."""
    found = hostile.good()
    inner = sort[:-1]
    found[sort].append({"name": "unused", inner: {field: value}})

    error = refusal(found)

    assert f"{sort}[1].{inner}.{field}" in error.message
    assert error.details["fields"] == [f"{sort}[1].{inner}.{field}"]


def test_all_refused_fields_are_named_at_once() -> None:
    found = hostile.good()
    found["users"][0]["user"] |= {"exec": {}, "tokenFile": "/t"}
    found["hooks"] = {}

    assert refusal(found).details["fields"] == [
        "hooks",
        "users[0].user.exec",
        "users[0].user.tokenFile",
    ]


def test_an_unchecked_certificate_is_taken_only_where_the_operator_lets_it() -> None:
    """CLU-1."""
    found = hostile.good()
    found["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True

    assert "insecure-skip-tls-verify" in refusal(found).message
    assert taken(found, AddressPolicy(insecure=True)).tls.insecure


def test_a_key_behind_a_password_is_refused_before_anyone_is_asked_for_it() -> None:
    found = hostile.good()
    pem = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
    locked = "LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVktLS0tLQo="
    found["users"][0]["user"] = {"client-certificate-data": pem, "client-key-data": locked}

    assert "password" in refusal(found).message


def test_private_servers_are_taken_where_the_operator_opened_their_network() -> None:
    policy = AddressPolicy.allowing(["10.0.0.0/8", "fd00::/8"])

    assert taken(to("https://10.1.2.3:6443"), policy).server == "https://10.1.2.3:6443"
    assert taken(to("https://[FD00::1]"), policy).server == "https://[fd00::1]"
    assert policy.permits("::ffff:10.1.2.3")
    assert not policy.permits("169.254.169.254")
    assert refusal(to("https://192.168.1.1"), policy).code == "address_refused"


def test_published_ways_to_hide_an_address_are_refused_when_saved_or_when_connected(
    shared: Path,
) -> None:
    """A8."""
    cases = json.loads((shared / "vectors/payloads/ssrf_urls.json").read_text())["cases"]
    judged_late = {}
    for case in cases:
        for url in (case["url"], case["url"].replace("http:", "https:", 1)):
            try:
                access = taken(to(url))
            except UpidError:
                continue
            judged_late[url] = (case, hosts(access.server))

    assert len(cases) == 129
    # Only names pass; what they stand for is refused at the connection.
    for case, host in judged_late.values():
        assert host == case["whatwg_host"]
        for address in case.get("stands_for", "169.254.169.254").split(" then ")[-1:]:
            assert not PUBLIC.permits(address), case


def test_urls_that_no_browser_takes_are_refused_and_of_the_others_the_judged_host_is_the_used_one(
    shared: Path,
) -> None:
    """A8: the web platform's 891 URLs."""
    listed = json.loads((shared / "vectors/whatwg-url/urltestdata.json").read_text())
    cases = [case for case in listed if isinstance(case, dict)]
    judged = 0
    for case in cases:
        for url in {case["input"], case["input"].replace("http:", "https:", 1)}:
            try:
                server = PUBLIC.server(url)
            except AddressRefused:
                continue
            judged += 1
            assert not case.get("failure"), url
            assert hosts(server) == case["hostname"], url

    assert len(cases) == 891
    assert judged > 10


def test_host_names_of_the_unicode_tables_are_refused_or_left_as_they_are(shared: Path) -> None:
    """A8."""
    folder = shared / "vectors/whatwg-url"
    cases = [
        case
        for name in ("toascii.json", "IdnaTestV2.json", "verifydnslength_tests.json")
        for case in json.loads((folder / name).read_text())
        if isinstance(case, dict)
    ]
    for case in cases:
        try:
            server = PUBLIC.server(f"https://{case['input']}/")
        except AddressRefused:
            continue
        if case.get("output") is not None:
            assert server.removeprefix("https://") == case["output"], case
        try:
            used = hosts(server)
        except httpx2.InvalidURL:
            continue  # the client refuses it: nothing is sent
        assert f"https://{used}" == server, case


@given(st.ip_addresses(v=4))
def test_an_address_in_ipv6_clothes_is_judged_as_what_it_is(address: IPv4Address) -> None:
    assert PUBLIC.permits(f"::ffff:{address}") == PUBLIC.permits(str(address))


@given(st.ip_addresses())
def test_no_private_address_is_permitted_without_the_operator(
    address: IPv4Address | IPv6Address,
) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not PUBLIC.permits(str(address))


@given(st.text(max_size=60))
def test_whatever_is_taken_for_a_server_has_one_spelling_and_one_host(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com{text}"):
        try:
            server = PUBLIC.server(url)
        except AddressRefused:
            continue
        assert PUBLIC.server(server) == server
        assert hosts(server) in server


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_an_error_of_upid(text: bytes) -> None:
    with pytest.raises(UpidError):
        stranger_access(text, PUBLIC)
