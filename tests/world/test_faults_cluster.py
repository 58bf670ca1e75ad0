"""The fault proxy before a real API server: what a client of Kubernetes meets, and what is true."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.world import parts
from tests.world.api import Api, ApiError, Json
from tests.world.cluster import Cluster
from tests.world.faults import (
    Answer,
    DropReply,
    FaultProxy,
    Kill,
    Moment,
    Outcome,
    Plan,
    Record,
    Truncate,
    crash_points,
    learn,
)
from tests.world.node import Node

pytestmark = pytest.mark.world

PATIENCE = 30  # seconds


def before(cluster: Cluster, plan: Plan | None = None, *, tls: bool = False) -> FaultProxy:
    plane = cluster.control_plane
    return FaultProxy(plane.server, plan, upstream_ca=plane.ca, tls=tls)


def reach(cluster: Cluster, proxy: FaultProxy) -> "closing[Api]":
    return closing(cluster.control_plane.api(url=proxy.url))


def config(name: str, **content: str) -> Json:
    return {"metadata": {"name": name}, "data": content}


def creates(record: Record) -> bool:
    return record.method == "POST" and record.path.endswith("/configmaps")


def names(cluster: Cluster) -> list[str]:
    found = cluster.api.get(cluster.path("configmaps"))["items"]
    return [one["metadata"]["name"] for one in found if one["metadata"]["name"].startswith("mine")]


def test_an_object_whose_reply_was_dropped_exists_exactly_once(cluster: Cluster) -> None:
    path = cluster.path("configmaps")
    with before(cluster, Plan().when(creates, DropReply())) as proxy, reach(cluster, proxy) as api:
        with pytest.raises(httpx2.RemoteProtocolError):
            api.create(path, config("mine"))
        assert names(cluster) == ["mine"]
        with pytest.raises(ApiError) as again:
            api.create(path, config("mine"))
        assert again.value.reason == "AlreadyExists"
        dropped, refused = proxy.requests
    assert (dropped.outcome, dropped.status, dropped.reply_bytes) == (Outcome.DROPPED, 201, 0)
    assert (refused.outcome, refused.status) == (Outcome.PASSED, 409)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(409, "Conflict"), (410, "Expired"), (429, "TooManyRequests"), (503, "ServiceUnavailable")],
)
def test_an_answer_reads_like_the_servers_own_and_nothing_is_made(
    cluster: Cluster, status: int, reason: str
) -> None:
    plan = Plan().when(creates, Answer(status, retry_after=2))
    with before(cluster, plan) as proxy, reach(cluster, proxy) as api:
        answer = api.client.post(cluster.path("configmaps"), json=config("mine"))
        body = answer.json()
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "2")
        assert (body["reason"], body["details"]["retryAfterSeconds"]) == (reason, 2)
        assert names(cluster) == []
        api.create(cluster.path("configmaps"), config("mine"))
    assert names(cluster) == ["mine"]


def test_a_watch_is_cut_in_the_middle_of_an_event(cluster: Cluster) -> None:
    plan = Plan().when(lambda r: r.parameters.get("watch") == "1", Truncate(after=900))
    with before(cluster, plan) as proxy, reach(cluster, proxy) as api:
        cluster.create("configmaps", config("mine", text="x" * 2000))
        events = api.watch(cluster.path("configmaps"), fieldSelector="metadata.name=mine")
        with pytest.raises(httpx2.RemoteProtocolError):
            list(events)
        (record,) = proxy.requests
        assert (record.outcome, record.reply_bytes) == (Outcome.CUT, 900)


def test_an_event_of_a_watch_passes_before_the_next_change_is_made(cluster: Cluster) -> None:
    with before(cluster) as proxy, reach(cluster, proxy) as api:
        path = cluster.path("configmaps")
        version = api.get(path)["metadata"]["resourceVersion"]
        events = api.watch(path, seconds=PATIENCE, resourceVersion=version)
        for number in range(3):
            cluster.create("configmaps", config(f"mine-{number}"))
            assert next(events)["object"]["metadata"]["name"] == f"mine-{number}"


def test_a_partition_ends_a_watch_and_after_it_the_same_address_answers(cluster: Cluster) -> None:
    with before(cluster) as proxy, reach(cluster, proxy) as api:
        cluster.create("configmaps", config("mine"))
        events = api.watch(cluster.path("configmaps"), seconds=PATIENCE)
        assert next(events)["type"] == "ADDED"
        with proxy.partitioned():
            with pytest.raises(httpx2.TransportError):
                list(events)
            with pytest.raises(httpx2.ConnectError):
                api.get("/version")
        assert api.get("/version")["major"] == "1"


@pytest.fixture
def author(cluster: Cluster, tmp_path: Path) -> list[str]:
    """Return a command but for its address: creates two objects and changes the first of them."""
    script = tmp_path / "author.py"
    script.write_text(
        "import http.client, json, sys\n"
        "client = http.client.HTTPConnection(sys.argv[3], timeout=30)\n"
        "def ask(method, path, body, kind='application/json'):\n"
        "    headers = {'Authorization': 'Bearer ' + sys.argv[1], 'Content-Type': kind}\n"
        "    client.request(method, sys.argv[2] + path, json.dumps(body), headers)\n"
        "    client.getresponse().read()\n"
        "ask('POST', '', {'metadata': {'name': 'mine-1'}})\n"
        "ask('POST', '', {'metadata': {'name': 'mine-2'}})\n"
        "ask('PATCH', '/mine-1', {'data': {'a': 'b'}}, 'application/merge-patch+json')\n"
    )
    token, path = cluster.control_plane.token(), cluster.path("configmaps")
    return [sys.executable, "-I", str(script), token, path]


def test_at_every_crash_point_of_a_job_the_cluster_holds_what_was_forwarded(
    cluster: Cluster, author: list[str]
) -> None:
    """Three writes, nine ways to die: before one it is not there, after it it is."""

    def job(proxy: FaultProxy) -> None:
        at = f"{proxy.address[0]}:{proxy.address[1]}"
        with subprocess.Popen([*author, at]) as child:
            proxy.victim = child.pid
            child.wait(PATIENCE)

    def steps() -> int:
        made = names(cluster)
        changed = made and "data" in cluster.api.get(cluster.path("configmaps", "mine-1"))
        return len(made) + bool(changed)

    requests = learn(job, before(cluster))
    assert [r.method for r in requests] == ["POST", "POST", "PATCH"]
    for case in crash_points(requests):
        for name in names(cluster):
            cluster.api.delete(cluster.path("configmaps", name))
        with before(cluster, case.plan) as proxy:
            job(proxy)
        (rule,) = case.plan.rules
        assert isinstance(rule.fault, Kill)
        assert rule.number is not None
        done = rule.number - (rule.fault.moment is Moment.BEFORE_FORWARD)
        assert steps() == done, case.name


def test_kubectl_speaks_through_the_proxy(node: Node, cluster: Cluster) -> None:
    """Go's client: TLS, and for `exec` a connection that is upgraded."""
    shell = {"name": "shell", "image": "localhost/busybox:1", "command": ["sleep", "1000"]}
    spec = {"containers": [shell], "terminationGracePeriodSeconds": 0, "dnsPolicy": "Default"}
    cluster.run("shell", spec)
    with before(cluster, tls=True) as proxy:
        told = json.loads(cluster.control_plane.kubeconfig(url=proxy.url).read_text())
        trusted = cluster.control_plane.folder / "fault-proxy.crt"
        trusted.write_text(proxy.certificate)
        told["clusters"][0]["cluster"] = {
            "server": proxy.url,
            "certificate-authority": str(trusted),
        }
        settings = cluster.control_plane.folder / "fault-proxy.kubeconfig"
        settings.write_text(json.dumps(told))
        where = [f"--kubeconfig={settings}", "-n", cluster.namespace]
        said = subprocess.run(
            [parts.program("kubectl"), *where, "exec", "shell", "--", "echo", "inside"],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        assert said.stdout == "inside\n"
        assert any(r.status == 101 for r in proxy.requests)
