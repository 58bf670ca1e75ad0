"""The node is a real one: pods run, are reached, are probed, are resized, are evicted."""

import socket
import subprocess

import httpx2
import pytest

from tests.world import parts, pods
from tests.world.acting import Steered
from tests.world.api import ApiError
from tests.world.cluster import Cluster, is_ready
from tests.world.node import Node
from tests.world.waiting import wait_until

pytestmark = pytest.mark.world


@pytest.fixture
def cluster(node: Node, cluster: Cluster) -> Cluster:
    """Return a namespace of a cluster that has a node."""
    return cluster


def _get(address: str, path: str = "/", port: int = pods.HTTP) -> httpx2.Response:
    with httpx2.Client(trust_env=False, timeout=5) as client:
        return client.get(f"http://{address}:{port}{path}", headers={"X-Request-Id": "one"})


def _limits(cpu: str, memory: str) -> dict[str, dict[str, str]]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}


def test_a_pod_is_reached_by_its_address_and_by_its_service(cluster: Cluster) -> None:
    pod = cluster.run("web", pods.actor())
    assert _get(pod["status"]["podIP"]).status_code == httpx2.codes.OK
    port = {"port": 80, "targetPort": pods.HTTP}
    spec = {"selector": {"app": "web"}, "ports": [port]}
    made = cluster.create("services", {"metadata": {"name": "web"}, "spec": spec})
    address = made["spec"]["clusterIP"]

    def answers() -> bool:
        try:
            return _get(address, port=80).status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    wait_until("the service to answer from the host", answers, 20)
    # not wget: a static glibc cannot look names up, and busybox's dies of it
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {address} 80 | head -n 1"
    client = {"name": "client", "image": "localhost/busybox:1", "command": ["sh", "-c", script]}
    spec = {"restartPolicy": "Never", "containers": [client], "dnsPolicy": "Default"}
    cluster.create("pods", {"metadata": {"name": "client"}, "spec": spec})
    wait_until(
        "the client to end", lambda: cluster.pod("client")["status"]["phase"] == "Succeeded", 30
    )
    assert cluster.api.text(cluster.path("pods", "client") + "/log").strip() == "HTTP/1.0 200 OK"


def test_kubectl_runs_a_command_in_a_pod(cluster: Cluster) -> None:
    shell = {"name": "shell", "image": "localhost/busybox:1", "command": ["sleep", "1000"]}
    spec = {"containers": [shell], "terminationGracePeriodSeconds": 0, "dnsPolicy": "Default"}
    cluster.run("shell", spec)
    where = [f"--kubeconfig={cluster.control_plane.kubeconfig()}", "-n", cluster.namespace]
    said = subprocess.run(
        [parts.program("kubectl"), *where, "exec", "shell", "--", "echo", "inside"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert said.stdout == "inside\n"


def test_a_pod_that_fails_its_probe_is_not_ready_and_then_is(cluster: Cluster) -> None:
    pod = cluster.run("moody", pods.actor())
    actor = Steered(f"{pod['status']['podIP']}:{pods.HTTP}")
    for on in ("true", "false"):
        (actor.fail if on == "true" else actor.heal)("readiness")

        def told(expected: bool = on == "false") -> bool:
            return is_ready(cluster.pod("moody")) == expected

        wait_until(f"what follows from failing being {on}", told, 30)


def test_a_container_that_dies_is_started_again(cluster: Cluster) -> None:
    cluster.run("frail", pods.actor("--crash-after=2s"))

    def restarted() -> bool:
        [status] = cluster.pod("frail")["status"]["containerStatuses"]
        return int(status["restartCount"]) > 0

    wait_until("a restart", restarted, 30)
    [status] = cluster.pod("frail")["status"]["containerStatuses"]
    assert (status["lastState"].get("terminated") or {}).get("exitCode") == 70


def test_a_pod_is_resized_in_place(cluster: Cluster) -> None:
    """The cgroup has the new limit and the container the same start: nothing was restarted."""
    pod = cluster.run("grows", pods.actor(resources=_limits("100m", "64Mi")))
    [before] = pod["status"]["containerStatuses"]
    change = {"spec": {"containers": [{"name": "actor", "resources": _limits("200m", "96Mi")}]}}
    path = cluster.path("pods", "grows")
    cluster.api.patch(f"{path}/resize", change, "strategic")

    def resized() -> bool:
        [status] = cluster.pod("grows")["status"]["containerStatuses"]
        return bool(status["resources"]["limits"] == {"cpu": "200m", "memory": "96Mi"})

    wait_until("the new limits to be in force", resized, 30)
    [after] = cluster.pod("grows")["status"]["containerStatuses"]
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)


def test_a_container_over_its_memory_limit_is_killed_by_the_kernel(cluster: Cluster) -> None:
    spec = pods.actor(memory="leak:64Mi/s,max=1Gi", resources=_limits("200m", "48Mi"))
    cluster.create("pods", {"metadata": {"name": "leaks"}, "spec": spec})

    def reason() -> str:
        [status] = cluster.pod("leaks")["status"].get("containerStatuses", [{}])
        ended = [status.get(when, {}).get("terminated", {}) for when in ("state", "lastState")]
        return next((one["reason"] for one in ended if "reason" in one), "")

    wait_until("it to be killed", lambda: reason() == "OOMKilled", 40)


def test_an_eviction_is_refused_while_a_disruption_budget_says_so(cluster: Cluster) -> None:
    cluster.run("only", pods.actor())
    selector = {"matchLabels": {"app": "only"}}
    budget = {"metadata": {"name": "only"}, "spec": {"minAvailable": 1, "selector": selector}}
    made = cluster.create("poddisruptionbudgets", budget, "policy/v1")
    path = cluster.path("poddisruptionbudgets", made["metadata"]["name"], "policy/v1")

    def seen() -> bool:
        return int(cluster.api.get(path)["status"].get("currentHealthy", 0)) == 1

    wait_until("the budget to be counted", seen, 20)
    eviction = cluster.path("pods", "only") + "/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "only"}}
    with pytest.raises(ApiError) as refused:
        cluster.api.create(eviction, body)
    assert refused.value.status == 429
    cluster.api.delete(path)

    def evicted() -> bool:  # once more: the budget's going has to reach the API server
        try:
            cluster.api.create(eviction, body)
        except ApiError as error:
            return error.status == 404
        return True

    wait_until("the eviction to be granted", evicted, 10)
    cluster.wait_gone("pods", "only")


def test_the_kubelet_tells_what_pods_use(cluster: Cluster, node: Node) -> None:
    """Containers' series have their names, which cadvisor gets only from containerd's socket."""
    cluster.run("told", pods.actor())
    path = f"/api/v1/nodes/{node.name}/proxy/metrics"
    label = f'namespace="{cluster.namespace}",pod="told"'

    def named() -> bool:
        lines = cluster.api.text(f"{path}/cadvisor").splitlines()
        usage = [line for line in lines if line.startswith("container_cpu_usage_seconds_total")]
        return any(label in line and 'container="actor"' in line for line in usage)

    wait_until("cadvisor to name the container", named, 30, pause=0.3)
    assert f'container="actor",{label}' in cluster.api.text(f"{path}/resource")
    assert label in cluster.api.text(f"{path}/probes").replace('",pod_uid', '"')


def test_only_the_world_can_reach_a_pods_port_by_the_hosts_own_address(cluster: Cluster) -> None:
    """Nothing of the world listens on the machine's own addresses."""
    cluster.run("hidden", pods.actor())
    for port in (pods.HTTP, 6443, 10250, 2379):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=2)
