"""`upid serve` with a real cluster: registered over the API, followed, listed, told of."""

import base64
import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_serve import Serving
from tests.world.cluster import Cluster, namespace
from tests.world.control_plane import ControlPlane
from tests.world.judge import Judge
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world

PATIENCE = 30  # seconds
CANARY = "canary-of-a-value-7e3a"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Server:
    """A running `upid serve`, and what is asked of it."""

    serving: Serving
    home: Path

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.serving.address}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                text = answer.read()
                return Answer(answer.status, json.loads(text or b"null"), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            return Answer(error.code, json.loads(text or b"null"), dict(error.headers))

    def until(self, path: str, true: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - any JSON
        found: list[Any] = []

        def there() -> bool:
            answer = self.ask("GET", path)
            found[:] = [answer.body]
            return answer.status == 200 and true(answer.body)

        wait_until(f"{path} to be as wanted", there, PATIENCE, pause=0.2)
        return found[0]


@contextmanager
def serving(home: Path, **environ: str) -> Iterator[Server]:
    quick = {
        "UPID_CLUSTERS__ALLOWED_NETWORKS": '["10.213.0.0/16"]',
        "UPID_CLUSTERS__CHECK_INTERVAL": "1s",
        "UPID_CLUSTERS__USAGE_INTERVAL": "1s",
        "UPID_LOGS__LEVEL": "DEBUG",
        **environ,
    }
    found = Serving(home, quick)
    try:
        assert found.address, found.end()[1]
        yield Server(found, home)
    finally:
        code, log = found.end() if found.process.poll() is None else (0, "")
    assert code == 0, log[-3000:]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "home") as found:
        yield found


@contextmanager
def reading(plane: ControlPlane, name: str, *, but: tuple[str, ...] = ()) -> Iterator[None]:
    """Let the user `upid` read, some resources not."""
    rules = [
        {"apiGroups": [group], "resources": ["*"], "verbs": ["get", "list", "watch"]}
        for group in ("apps", "batch", "policy", "autoscaling", "metrics.k8s.io")
    ]
    core = ["pods", "nodes", "namespaces", "services", "configmaps", "secrets", "limitranges"]
    core += ["resourcequotas", "replicationcontrollers", "persistentvolumes"]
    core += ["persistentvolumeclaims"]
    wanted = [one for one in core if one not in but]
    rules.append({"apiGroups": [""], "resources": wanted, "verbs": ["get", "list", "watch"]})
    api = plane.api()
    api.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    api.create(
        f"{RBAC}/clusterrolebindings",
        {
            "metadata": {"name": name},
            "roleRef": {
                "kind": "ClusterRole",
                "name": name,
                "apiGroup": "rbac.authorization.k8s.io",
            },
            "subjects": [{"kind": "User", "name": "upid"}],
        },
    )
    try:
        yield
    finally:
        api.delete(f"{RBAC}/clusterrolebindings/{name}")
        api.delete(f"{RBAC}/clusterroles/{name}")


def register(server: Server, plane: ControlPlane, user: str = "upid") -> str:
    sent = {"name": "world", "kubeconfig": plane.kubeconfig(user).read_text()}
    made = server.ask("POST", "/clusters", sent)
    assert made.status == 201, made.body
    return f"/clusters/{made.body['id']}"


def pod_body(name: str) -> dict[str, Any]:
    asked = {"requests": {"cpu": "100m", "memory": "64Mi"}}
    return {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "containers": [{"name": "app", "image": "localhost/none:1", "resources": asked}],
            "nodeSelector": {"nowhere": "true"},
        },
    }


def topics(home: Path) -> list[str]:
    with sqlite3.connect(home / "upid.db") as rows:
        found = [row[0] for row in rows.execute("SELECT topic FROM outbox ORDER BY seq")]
    rows.close()
    return found


def test_a_cluster_is_registered_listed_and_seen_to_change_and_no_secret_leaks(
    cluster: Cluster, server: Server, judge: Judge
) -> None:
    """CLU-5, CLU-6, EVT-1: by the audit log and every byte of the database, not by UPID's word."""
    since = datetime.now(UTC)
    plane, corner = cluster.control_plane, cluster.namespace
    cluster.create("pods", pod_body("first"))
    value = base64.b64encode(CANARY.encode()).decode()
    cluster.create("configmaps", {"metadata": {"name": "conf"}, "data": {"key": CANARY}})
    cluster.create("secrets", {"metadata": {"name": "hidden"}, "data": {"key": value}})
    cluster.create("services", {"metadata": {"name": "front"}, "spec": {"ports": [{"port": 80}]}})
    answers: list[str] = []
    with reading(plane, corner):
        place = register(server, plane)
        pods = f"{place}/pods?namespace={corner}"
        server.until(pods, lambda found: len(found["items"]) == 1)
        told = len(topics(server.home))

        cluster.create("pods", pod_body("second"))
        server.until(pods, lambda found: len(found["items"]) == 2)
        cluster.api.delete(cluster.path("pods", "second"), {"gracePeriodSeconds": 0})
        server.until(pods, lambda found: len(found["items"]) == 1)
        wanted = {"pod.created", "pod.deleted"}
        wait_until(
            "the news", lambda: wanted <= set(topics(server.home)[told:]), PATIENCE, pause=0.2
        )

        for path in (
            *("nodes", "namespaces", "workloads", "deployments", "pods", "services", "configmaps"),
            *("health", "status", "metrics", "checks", ""),
        ):
            answer = server.ask("GET", f"{place}/{path}".rstrip("/"))
            assert answer.status == 200, (path, answer.body)
            answers.append(json.dumps(answer.body))
        maps = server.ask("GET", f"{place}/configmaps?namespace={corner}").body["items"]
        refused = server.ask("GET", f"{place}/secrets")
        validated = server.ask("POST", f"{place}/validate")
        server.ask("PUT", f"/config{place}", {"secrets_metadata": True})
        secrets = server.ask("GET", f"{place}/secrets?namespace={corner}")
        answers += [json.dumps(one.body) for one in (refused, validated, secrets)]
        analysed = server.ask("POST", "/analyze/cluster", {"cluster_id": place.split("/")[-1]})
        used = judge.granted_used("upid", since)

    conf = next(one for one in maps if one["name"] == "conf")
    assert conf["entries"] == [{"key": "key", "bytes": len(CANARY)}]
    assert (refused.status, refused.body["code"]) == (403, "secrets_not_enabled")
    assert [one["name"] for one in secrets.body["items"]] == ["hidden"]
    assert validated.body["ok"] is True, validated.body
    assert analysed.status == 200, analysed.body
    asked = {(verb, resource) for verb, _, resource, _ in used}
    assert {verb for verb, resource in asked if resource == "secrets"} <= {"list"}
    assert {verb for verb, _ in asked} <= {"get", "list", "watch", "create"}

    _, log = server.serving.end()
    stored = b"".join(file.read_bytes() for file in server.home.glob("upid.db*"))
    assert '"event": "request"' in log
    token = plane.token("upid")
    for canary in (token, CANARY, value):
        assert canary not in "".join(answers) + log
        assert canary.encode() not in stored


def test_a_wrong_token_is_told_and_nothing_is_stored(
    control_plane: ControlPlane, server: Server
) -> None:
    """CLU-7: 401 has its own error and remedy."""
    text = control_plane.kubeconfig("upid").read_text()
    wrong = text.replace(control_plane.token("upid"), "not-a-token")
    answer = server.ask("POST", "/clusters", {"name": "world", "kubeconfig": wrong})
    assert (answer.status, answer.body["code"]) == (403, "cluster_unauthorized")
    assert answer.body["hint"]
    assert server.ask("GET", "/clusters").body["items"] == []


def test_what_is_forbidden_is_named_and_known_once_it_is_granted(
    cluster: Cluster, server: Server
) -> None:
    """CLU-5: permissions it lacks, one by one, and the YAML that grants them."""
    plane = cluster.control_plane
    with reading(plane, cluster.namespace, but=("services",)):
        place = register(server, plane)
        found = server.ask("POST", f"{place}/validate").body
        lacking = [one["permission"] for one in found["permissions"] if not one["allowed"]]
        listed = server.until(f"{place}/pods", lambda answer: bool(answer["left_out"]))
        services = server.ask("GET", f"{place}/services").body

    assert {"list services", "watch services"} <= set(lacking)
    assert "services" in found["missing_rbac"]
    assert any("services" in sentence for sentence in listed["left_out"])
    assert services["items"] == []


def test_a_deleted_namespace_goes_from_every_list(
    control_plane: ControlPlane, server: Server
) -> None:
    with namespace(control_plane, "gone") as corner:
        corner.create("services", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
        place = register(server, control_plane, "admin")
        services = f"{place}/services?namespace={corner.namespace}"
        server.until(services, lambda found: len(found["items"]) == 1)
    server.until(services, lambda found: found["items"] == [])
    server.until(
        f"{place}/namespaces?limit=500",
        lambda found: corner.namespace not in [one["name"] for one in found["items"]],
    )


def test_a_restart_connects_again_with_the_sealed_credentials(
    cluster: Cluster, tmp_path: Path
) -> None:
    """CLU-6; the key file alone opens what the database holds."""
    plane = cluster.control_plane
    home = tmp_path / "home"
    with serving(home) as first:
        place = register(first, plane, "admin")
    with serving(home) as second:
        second.until(f"{place}/nodes", lambda _: True)
        looked = second.until(f"{place}/health", lambda found: found["last_check"] is not None)
        assert looked["last_check"]["ok"] is True
    assert (home / "key").stat().st_mode & 0o077 == 0
