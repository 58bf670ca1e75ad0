"""A real node in an enclosure: containerd, kubelet, kube-proxy, and a network for its pods."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.world import debian, parts, place
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import Enclosure
from tests.world.waiting import wait_until

NAME = "node-1"
PAUSE = "localhost/pause:1"  # the image that holds a pod's namespaces
READY = 60  # seconds; eight are usual
MAX_PODS = 200
_USUAL_SOCKET = "/run/containerd/containerd.sock"
_IMPORT = 60  # seconds
_V1_HIERARCHIES = ("cpu", "cpuacct", "cpuset", "memory", "pids", "systemd", "hugetlb", "blkio")

_CONTAINERD = """\
version = 3
root = "{folder}/containerd"
state = "{folder}/containerd-state"
# erofs fails without mkfs.erofs and takes the CRI down with it
disabled_plugins = ["io.containerd.differ.v1.erofs", "io.containerd.snapshotter.v1.erofs", \
"io.containerd.snapshotter.v1.blockfile"]
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  # machines without CAP_SYS_RESOURCE cannot lower a score below their own
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


@dataclass(frozen=True)
class Node:
    """A node that is Ready."""

    enclosure: Enclosure
    control_plane: ControlPlane
    folder: Path
    name: str = NAME

    @property
    def address(self) -> str:
        """Return the node's address; the kubelet answers there at port 10250."""
        return self.enclosure.address

    def load(self, *archives: Path) -> None:
        """Make images known to the node from docker archives; no registry is asked."""
        for archive in archives:
            self.ctr("images", "import", str(archive))

    def ctr(self, *arguments: str) -> str:
        """Ask containerd; return what it printed."""
        socket = f"{self.folder}/containerd.sock"
        asked = ("-a", socket, "-n", "k8s.io", *arguments)
        return self.enclosure.run(parts.program("ctr"), *asked, seconds=_IMPORT)

    def stop(self) -> None:
        """End the programs; the pods' processes go with the enclosure."""
        for name in ("kube-proxy", "kubelet", "containerd"):
            if name in self.enclosure.programs:
                self.enclosure.program(name).stop()


def start(control_plane: ControlPlane, archives: Sequence[Path]) -> Node:
    """Start a node for a control plane and load images into it; one node an enclosure."""
    enclosure = control_plane.enclosure
    node = Node(enclosure, control_plane, enclosure.folder / "node")
    _start_containerd(node)
    _start_kubelet(node)
    _start_proxy(node)
    node.load(*archives)
    wait_ready(node)
    return node


@contextmanager
def running(control_plane: ControlPlane, archives: Sequence[Path]) -> Iterator[Node]:
    """Yield a node that is stopped afterwards."""
    node = start(control_plane, archives)
    try:
        yield node
    finally:
        node.stop()


def wait_ready(node: Node) -> None:
    """Wait until the API server says that the node is Ready."""
    api = node.control_plane.api()

    def ready() -> bool:
        found = api.get("/api/v1/nodes", fieldSelector=f"metadata.name={node.name}")["items"]
        conditions = found[0]["status"].get("conditions", []) if found else []
        tainted = any(taint["effect"] == "NoSchedule" for taint in _taints(found))
        states = {condition["type"]: condition["status"] for condition in conditions}
        return states.get("Ready") == "True" and not tainted

    log = node.enclosure.program("kubelet").log
    wait_until("the node to be ready", ready, READY, log)


def _taints(nodes: list[dict[str, dict[str, list[dict[str, str]]]]]) -> list[dict[str, str]]:
    return nodes[0]["spec"].get("taints", []) if nodes else []


def _start_containerd(node: Node) -> None:
    folder = node.folder
    folder.mkdir(mode=0o700)  # what pods mount lies in it
    (folder / "cni").mkdir()
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                # a link of its own for each pod, no bridge: all traffic is routed, so that what a
                # service answers passes the rules that rewrote the request
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(folder / "ipam"),
                    "ranges": [[{"subnet": node.enclosure.networks.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    (folder / "cni" / "10-pods.conflist").write_text(json.dumps(network))
    settings = folder / "containerd.toml"
    settings.write_text(_CONTAINERD.format(folder=folder, pause=PAUSE))
    containerd = parts.program("containerd")
    path = {"PATH": f"{containerd.parent}:{debian.SYSTEM_PATH}"}  # its shim lies beside it
    program = node.enclosure.start("containerd", containerd, "-c", settings, environment=path)
    socket = folder / "containerd.sock"
    wait_until("containerd's socket", socket.exists, READY, program.log)
    # cadvisor finds containers' names only by the usual socket; /run is the enclosure's own
    usual = f"mkdir -p /run/containerd && ln -sf {socket} {_USUAL_SOCKET}"
    node.enclosure.run("sh", "-c", usual)


def _start_kubelet(node: Node) -> None:
    folder, control = node.folder, node.control_plane
    group = place.cgroup_of(node.enclosure.number)
    _make_cgroups(group)
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(control.ca)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        "syncFrequency": "1s",
        "nodeStatusUpdateFrequency": "2s",
        "nodeStatusReportFrequency": "10s",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%"}
        | {"nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "address": node.address,
        "healthzPort": 0,
        "resolvConf": "",
        "maxPods": MAX_PODS,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
    }
    path = folder / "kubelet.json"
    path.write_text(json.dumps(settings))
    node.enclosure.start(
        "kubelet",
        parts.program("kubelet"),
        f"--config={path}",
        f"--kubeconfig={control.kubeconfig('node')}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        f"--root-dir={folder}/kubelet",
        f"--cert-dir={folder}/kubelet-certificates",
        "--housekeeping-interval=1s",  # how often cadvisor reads: tests scrape every second
    )


def _start_proxy(node: Node) -> None:
    node.enclosure.start(
        "kube-proxy",
        parts.program("kube-proxy"),
        f"--kubeconfig={node.control_plane.kubeconfig('control')}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={node.enclosure.networks.pods}",
        f"--hostname-override={node.name}",
        f"--bind-address={node.address}",
        f"--healthz-bind-address={node.address}:10256",
        f"--metrics-bind-address={node.address}:10249",
        "--conntrack-max-per-core=0",  # the table's size belongs to the machine
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--iptables-sync-period=5s",
        "--iptables-min-sync-period=100ms",
    )


def _make_cgroups(group: str) -> None:
    """Make the group that holds all pods: the kubelet asks for it in every hierarchy."""
    for root in place.cgroup_roots():
        if root.name in _V1_HIERARCHIES or (root / "cgroup.subtree_control").exists():
            made = root / group
            made.mkdir(exist_ok=True)
            _prefer(made)
            for name in ("cpuset.cpus", "cpuset.mems"):  # v1: empty until copied, and then useless
                if (made / name).exists() and root.name == "cpuset":
                    (made / name).write_text((root / name).read_text())


def _prefer(group: Path) -> None:
    """Let pods have the processor before the rest of the machine.

    A node does nothing else; here tests and builds run beside it, and a pod that has to wait for
    them would take less than it was told to.
    """
    for name, most in (("cpu.shares", 262144), ("cpu.weight", 10000)):  # cgroup v1, v2
        if (group / name).exists():
            (group / name).write_text(str(most))
