"""One request to a server that answers as a test says: its failures, its patience, its proof."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncGenerator

import msgspec
import pytest

from tests.adapters.kubernetes.client_server import (
    QUICK,
    Answers,
    Asked,
    Fixed,
    Reply,
    access_to,
    fails,
    one_after_the_other,
    page,
    says,
    serving,
    talking,
)
from upid.adapters.kubernetes.client import (
    AnswerTooLarge,
    ClusterClient,
    ClusterError,
    ConnectionLost,
    ConnectionRefused,
    Forbidden,
    Limits,
    NameUnknown,
    NotKubernetes,
    ObjectMissing,
    ObjectUnreadable,
    ProxyFailed,
    RequestRefused,
    ServerFailed,
    TimedOut,
    TlsFailed,
    TooManyRequests,
    Unauthorized,
    resource,
)

pytestmark = pytest.mark.anyio

PODS = resource("v1", "pods")
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64"}


async def ask(answers: Answers, limits: Limits = QUICK, **access: object) -> str:
    async with serving(answers) as server:
        return await ask_at(server.url, limits, **access)


async def ask_at(url: str, limits: Limits = QUICK, **access: object) -> str:
    async with ClusterClient(access_to(url, **access), limits) as client:
        return (await client.version()).git_version


async def test_the_version_is_what_the_server_says() -> None:
    assert await ask(lambda _: says(VERSION)) == "v1.36.2"


async def test_a_minor_version_with_a_plus_is_a_number() -> None:
    async with talking(lambda _: says(VERSION | {"minor": "27+"})) as (client, _server):
        found = await client.version()
    assert found.minor == 27
    assert found.at_least(1, 27)
    assert not found.at_least(1, 28)


async def test_a_request_says_who_asks_and_what_it_takes() -> None:
    async with serving(lambda _: says(VERSION)) as server:
        await ask_at(server.url, impersonate=(("Impersonate-User", "bob"),))
        [asked] = server.asked
    assert asked.headers["authorization"] == "Bearer secret-token"
    assert asked.headers["impersonate-user"] == "bob"
    assert asked.headers["user-agent"].startswith("upid/")
    assert asked.headers["accept"] == "application/json"


async def test_someone_else_may_be_in_several_groups() -> None:
    groups = (("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    async with serving(lambda _: says(VERSION)) as server:
        await ask_at(server.url, impersonate=(("Impersonate-User", "bob"), *groups))
        [asked] = server.asked
    assert asked.every["impersonate-group"] == ["a", "b"]


async def test_what_the_user_said_of_times_and_compression_is_heard() -> None:
    async with serving(lambda _: Reply(after=60)) as server:
        with pytest.raises(TimedOut, match=r"within 0\.5 s"):
            await ask_at(server.url, Limits(attempts=1), timeout=0.5, compress=False)
        [asked] = server.asked
    assert asked.headers["accept-encoding"] == "identity"
    async with serving(lambda _: Reply(after=0.3, body=json.dumps(VERSION).encode())) as server:
        assert await ask_at(server.url, Limits(request=0.1, attempts=1), timeout=0) == "v1.36.2"


async def test_the_path_of_the_servers_address_is_kept() -> None:
    async with serving(lambda _: says(VERSION)) as server:
        await ask_at(f"{server.url}/k8s/clusters/c-1/")
        assert server.paths() == ["/k8s/clusters/c-1/version"]


async def test_connections_are_used_again() -> None:
    seen: set[object] = set()
    async with talking(lambda _: says(VERSION)) as (client, _server):
        for _ in range(5):
            await client.version()
            pool = client._asking._connections._pool
            assert pool is not None
            seen |= {id(one) for one in pool.client._transport._pool.connections}  # type: ignore[attr-defined]
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (fails(401, "Unauthorized", "who?"), Unauthorized, "user 'ana': who?"),
        (fails(403, "Forbidden", "no pods for ana"), Forbidden, "no pods for ana"),
        (fails(404, "NotFound", "gone"), ObjectMissing, "gone"),
        (Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"}), ObjectMissing, "404"),
        (fails(400, "BadRequest", "what?"), RequestRefused, "status 400: what?"),
        (fails(429, "TooManyRequests", Retry_After="0"), TooManyRequests, "too many requests"),
        (fails(500, "InternalError", "etcd is away"), ServerFailed, "status 500: etcd is away"),
        (Reply(502, b"<html>", {"Content-Type": "text/html"}), ServerFailed, "a web page"),
        (Reply(200, b"<html>log in", {"Content-Type": "text/html"}), NotKubernetes, "a web page"),
        (Reply(401, b"<HTML>log in", {}), NotKubernetes, "a web page with status 401"),
        (Reply(200, b"hello", {"Content-Type": "text/plain"}), NotKubernetes, "not JSON"),
        (Reply(200, b"", {}), NotKubernetes, "an empty answer"),
        (says({"hello": "world"}), NotKubernetes, "no version"),
        (Reply(200, b'{"major": "1", "min'), NotKubernetes, "no version"),
        (
            Reply(302, b"", {"Location": "https://evil.example/?token=x"}),
            NotKubernetes,
            "a redirect to 'https://evil.example'",
        ),
        (Reply(200, b'{"ma', cut=True), ConnectionLost, "lost"),
    ],
)
async def test_every_failure_is_an_error_of_its_own_with_a_remedy(
    reply: Reply, kind: type[ClusterError], said: str
) -> None:
    """CLU-7."""
    with pytest.raises(ClusterError) as failed:
        await ask(lambda _: reply)
    assert type(failed.value) is kind
    assert said in failed.value.message
    assert "'test'" in failed.value.message
    assert failed.value.hint
    assert failed.value.details["cluster"] == "test"


def _codes(kind: type[ClusterError]) -> list[str]:
    return [kind.code, *(code for one in kind.__subclasses__() for code in _codes(one))]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = _codes(ClusterError)
    assert len(codes) == len(set(codes)) > 15


async def test_a_name_without_an_address_is_told() -> None:
    with pytest.raises(NameUnknown, match=r"'no-such-host\.invalid'"):
        await ask_at("https://no-such-host.invalid:6443")


def unused() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])


async def test_a_port_where_nothing_listens_is_told() -> None:
    port = unused()
    with pytest.raises(ConnectionRefused, match=f"https://127.0.0.1:{port}"):
        await ask_at(f"https://127.0.0.1:{port}")


async def test_a_proxy_where_nothing_listens_is_told_without_its_password() -> None:
    port = unused()
    with pytest.raises(ProxyFailed) as failed:
        await ask_at("https://127.0.0.1:1", proxy=f"http://me:hunter2@127.0.0.1:{port}")
    assert f"http://127.0.0.1:{port}" in failed.value.message
    assert "hunter2" not in failed.value.message


async def test_tls_with_a_server_that_speaks_none_is_told() -> None:
    async with serving(lambda _: says(VERSION)) as server:
        with pytest.raises(TlsFailed, match="did not agree on TLS"):
            await ask_at(server.url.replace("http:", "https:"))


async def test_a_server_that_accepts_and_says_nothing_times_out() -> None:
    async def silence() -> AsyncGenerator[bytes]:
        await asyncio.sleep(30)
        yield b""

    quick = Limits(request=0.2, attempts=1)
    async with serving(lambda _: Reply(pieces=silence)) as server:
        with pytest.raises(TimedOut, match=r"did not finish its answer within 0\.2 s"):
            await ask_at(server.url, quick)


async def test_a_drip_does_not_hold_a_request_open() -> None:
    """Each byte comes in time, the whole answer does not."""

    async def drip() -> AsyncGenerator[bytes]:
        for _ in range(1000):
            yield b" "
            await asyncio.sleep(0.02)

    async with serving(lambda _: Reply(pieces=drip)) as server:
        with pytest.raises(TimedOut) as failed:
            await ask_at(server.url, Limits(request=0.3))
    assert failed.value.answering
    assert len(server.asked) == 1


@pytest.mark.parametrize("compressed", [False, True])
async def test_an_answer_is_read_no_further_than_its_bound(*, compressed: bool) -> None:
    """A megabyte of zeros is a kilobyte on the wire."""
    body = b'"' + b"0" * 1_000_000 + b'"'
    headers = {"Content-Type": "application/json"}
    if compressed:
        body, headers = gzip.compress(body), headers | {"Content-Encoding": "gzip"}
    reply = Reply(200, body, headers)
    limits = Limits(answer=100_000)
    async with talking(lambda _: reply, limits) as (client, _):
        with pytest.raises(AnswerTooLarge, match="more than 100000 bytes"):
            await client.discovery()
        with pytest.raises(AnswerTooLarge, match="more than 65536 bytes"):
            await client.version()  # the first that a stranger is asked: it has 500 bytes


async def test_a_gzip_that_is_none_is_not_kubernetes() -> None:
    reply = Reply(200, b"plain", {"Content-Type": "x", "Content-Encoding": "gzip"})
    with pytest.raises(NotKubernetes):
        await ask(lambda _: reply)


async def test_credentials_are_renewed_once_after_a_401() -> None:
    def guarded(asked: Asked) -> Reply:
        fine = asked.headers["authorization"] == "Bearer fresh"
        return says(VERSION) if fine else fails(401, "Unauthorized")

    held = Fixed(["stale", "fresh"])
    assert await ask(guarded, credentials=held) == "v1.36.2"
    assert held.renewals == 1


async def test_a_401_with_fresh_credentials_is_final() -> None:
    held = Fixed(["first", "second", "third"])
    async with serving(lambda _: fails(401, "Unauthorized")) as server:
        with pytest.raises(Unauthorized):
            await ask_at(server.url, credentials=held)
        assert len(server.asked) == 2
    assert held.renewals == 1


async def test_requests_refused_together_renew_together() -> None:
    def guarded(asked: Asked) -> Reply:
        fine = asked.headers["authorization"] == "Bearer fresh"
        return says(VERSION) if fine else fails(401, "Unauthorized")

    held = Fixed(["stale", "fresh", "never"])
    async with talking(guarded, QUICK, credentials=held) as (client, _server):
        found = await asyncio.gather(*(client.version() for _ in range(6)))
    assert {str(one) for one in found} == {"v1.36.2"}
    assert held.renewals == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 422])
async def test_what_will_not_change_is_not_asked_again(status: int) -> None:
    async with serving(lambda _: fails(status)) as server:
        with pytest.raises(ClusterError):
            await ask_at(server.url)
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_may_pass_is_asked_again(status: int) -> None:
    replies = one_after_the_other(fails(status), fails(status), says(VERSION))
    assert await ask(replies) == "v1.36.2"


async def test_a_connection_that_breaks_is_made_anew() -> None:
    replies = one_after_the_other(Reply(body=b"{", cut=True), says(VERSION))
    assert await ask(replies) == "v1.36.2"


async def test_a_secret_that_the_server_repeats_is_not_shown() -> None:
    said = "the token secret-token is not known\x1b[2J\nhere"
    with pytest.raises(Unauthorized) as failed:
        await ask(lambda _: fails(401, "Unauthorized", said))
    assert "secret-token" not in failed.value.message
    assert "the token (hidden) is not known?[2J here" in failed.value.message


async def test_no_credentials_travel_in_the_clear() -> None:
    """Only within this machine; another one's address is not even asked here."""
    from upid.adapters.kubernetes.client.connections import Connections

    assert Connections(access_to("http://127.0.0.1:8001"), QUICK).may_show_credentials()
    assert Connections(access_to("https://10.0.0.1"), QUICK).may_show_credentials()
    assert not Connections(access_to("http://10.0.0.1:8080"), QUICK).may_show_credentials()


class Pod(msgspec.Struct):
    metadata: dict[str, str]


async def test_an_object_is_got_as_a_type_or_as_it_is() -> None:
    body = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web"},"spec":{}}'
    async with talking(lambda _: Reply(body=body)) as (client, server):
        assert (await client.get(PODS, "web", Pod, namespace="shop")).metadata["name"] == "web"
        assert await client.get(PODS, "web", namespace="shop") == body
        assert set(server.paths()) == {"/api/v1/namespaces/shop/pods/web"}


async def test_an_object_of_another_shape_is_told() -> None:
    async with talking(lambda _: says({"metadata": 7})) as (client, _server):
        with pytest.raises(ObjectUnreadable, match="metadata"):
            await client.get(PODS, "web", Pod, namespace="shop")


@pytest.mark.parametrize("name", ["..", ".", ""])
async def test_a_name_cannot_lead_elsewhere(name: str) -> None:
    async with ClusterClient(access_to("http://127.0.0.1:1")) as client:
        with pytest.raises(ValueError, match="no name"):
            await client.get(PODS, name, namespace="shop")


def test_a_name_stays_one_segment_of_the_path() -> None:
    roles = resource("rbac.authorization.k8s.io/v1", "clusterroles")
    assert roles.path(name="system:node") == (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node"
    )
    assert PODS.path("a/../b", "x?y#z") == "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy%23z"
    assert page(["x"])["kind"] == "PodList"
