"""An API server does to its clients, on request, what real ones do on bad days."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import httpx2
import pytest

from tests.world import control_plane as planes
from tests.world import needs, parts
from tests.world.api import Api, ApiError, Json, connect
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import Enclosure, Program
from tests.world.switches import Switches
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

MAPS = "/api/v1/namespaces/default/configmaps"
_TOXIPROXY = 8474  # its own port for orders
_LINK = 3379  # of no slot: where the second API server finds etcd


@pytest.fixture(scope="module")
def plane(enclosure: Enclosure) -> Iterator[ControlPlane]:
    """Yield a control plane of these tests' own: they restart its API server."""
    needs.need_parts("kubernetes")
    with planes.running(enclosure, slot=2, controllers=False) as running:
        yield running


def _touch(api: Api, name: str, value: str) -> Json:
    body = {"metadata": {"name": name}, "data": {"value": value}}
    if api.exists(f"{MAPS}/{name}"):
        return api.patch(f"{MAPS}/{name}", body)
    return api.create(MAPS, body)


def test_history_that_was_compacted_is_gone(plane: ControlPlane) -> None:
    plane.restart_api_server(Switches(compaction="1s", watch_cache=False))
    api = plane.api()
    first = _touch(api, "old", "1")["metadata"]["resourceVersion"]

    def gone() -> bool:
        _touch(api, "old", str(time.monotonic()))
        try:
            api.get(MAPS, resourceVersion=first, resourceVersionMatch="Exact")
        except ApiError as error:
            return error.status == 410 and error.reason == "Expired"
        return False

    wait_until("the old version to be gone", gone, 15, pause=0.2)


def test_history_is_kept_unless_it_is_to_go(plane: ControlPlane) -> None:
    plane.restart_api_server(Switches())
    api = plane.api()
    before = _touch(api, "kept", "1")["metadata"]["resourceVersion"]
    _touch(api, "kept", "2")
    [then] = [
        one
        for one in api.get(MAPS, resourceVersion=before, resourceVersionMatch="Exact")["items"]
        if one["metadata"]["name"] == "kept"
    ]
    assert then["data"] == {"value": "1"}


def test_a_watch_ends_when_the_server_says_so(plane: ControlPlane) -> None:
    """A watch without a limit of its own is ended at random, at one to two times the setting."""
    plane.restart_api_server(Switches(min_request_timeout=1))
    asked = {"watch": "1"}
    with plane.api().client.stream("GET", MAPS, params=asked, timeout=20) as answer:
        assert answer.status_code == httpx2.codes.OK
        started = time.monotonic()
        assert len([*answer.iter_lines()]) >= 0  # ends without an error
    assert time.monotonic() - started < 15


def test_too_many_requests_at_once_are_refused_with_the_time_to_wait(plane: ControlPlane) -> None:
    plane.restart_api_server(Switches())
    with closing(plane.api()) as api:
        for number in range(20):
            _touch(api, f"big-{number}", "x" * 200_000)  # so that a list takes a while
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
        user = {"kind": "User", "name": "viewer"}
        binding = {"metadata": {"name": "look"}, "roleRef": role, "subjects": [user]}
        api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    plane.restart_api_server(Switches(inflight=(1, 1), priority=False))
    told: list[str | None] = []

    def hammer() -> None:
        with closing(plane.api("viewer")) as own:  # the group system:masters is let through
            for _ in range(20):
                answer = own.client.get(MAPS)
                if answer.status_code == 429:
                    told.append(answer.headers.get("Retry-After"))

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert told
    assert set(told) == {"1"}


def test_a_server_that_shuts_down_refuses_with_the_time_to_wait(plane: ControlPlane) -> None:
    """As long as a request is open, here one whose body does not end, others are told to wait."""
    plane.restart_api_server(Switches(send_retry_after=True))
    program = plane.program("apiserver")
    seen: list[tuple[int, str | None]] = []
    sending, enough = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        yield b'{"metadata": {"name": "slow"},'
        sending.set()
        enough.wait(30)
        yield b'"data": {}}'

    def send_slowly() -> None:
        with closing(plane.api()) as own, suppress(httpx2.TransportError):
            own.client.post(MAPS, content=body(), headers={"Content-Type": "application/json"})

    def refusing() -> bool:
        with connect(plane.server, plane.token(), str(plane.ca)).client as client:
            answer = client.get("/api/v1/namespaces")
        seen.append((answer.status_code, answer.headers.get("Retry-After")))
        return answer.status_code == 429

    slow = threading.Thread(target=send_slowly)
    slow.start()
    assert sending.wait(10)
    program.signal(signal.SIGTERM)
    try:
        wait_until("a refusal", refusing, 15)
    finally:
        enough.set()
        slow.join(60)
    assert seen[-1] == (429, "5")
    wait_until("the server to end", lambda: not program.alive, 90)
    plane.switches = Switches()
    plane.start_api_server()


def test_a_server_cut_off_from_etcd_serves_the_past(plane: ControlPlane) -> None:
    """Whoever is moved to it sees an older state than it saw before: time travel."""
    needs.need_parts("neighbours")
    plane.restart_api_server(Switches())
    address = plane.address
    orders = f"http://{address}:{_TOXIPROXY}/proxies"
    toxiproxy = plane.enclosure.start(
        "toxiproxy", parts.program("toxiproxy-server"), "-host", address, "-port", str(_TOXIPROXY)
    )
    with httpx2.Client(trust_env=False, timeout=5) as client:
        _travel(plane, client, orders, toxiproxy)
    toxiproxy.stop()


def _travel(plane: ControlPlane, client: httpx2.Client, orders: str, toxiproxy: Program) -> None:
    address = plane.address
    wait_until("toxiproxy", lambda: _answers(client, orders), 10, toxiproxy.log)
    listen, upstream = f"{address}:{_LINK}", plane.etcd.removeprefix("http://")
    link = {"name": "etcd", "listen": listen, "upstream": upstream, "enabled": True}
    client.post(orders, json=link).raise_for_status()
    fresh = plane.api()
    _touch(fresh, "travel", "before")
    with plane.second_api_server(etcd=f"http://{listen}") as second:
        stale = plane.api(url=second)
        assert stale.get(f"{MAPS}/travel", resourceVersion=0)["data"]["value"] == "before"
        client.post(f"{orders}/etcd", json={"enabled": False}).raise_for_status()
        _touch(fresh, "travel", "after")
        assert fresh.get(f"{MAPS}/travel")["data"]["value"] == "after"
        assert stale.get(f"{MAPS}/travel", resourceVersion=0)["data"]["value"] == "before"
        client.post(f"{orders}/etcd", json={"enabled": True}).raise_for_status()
        wait_until("the present", lambda: _value(stale) == "after", 30)


def _value(api: Api) -> str:
    try:
        return str(api.get(f"{MAPS}/travel", resourceVersion=0)["data"]["value"])
    except (ApiError, httpx2.TransportError):
        return "unknown"


def _answers(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx2.TransportError:
        return False
