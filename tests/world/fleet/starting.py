"""Making a fleet: a control plane of its own, the simulator, then nodes, then workloads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.world import control_plane as planes
from tests.world import parts
from tests.world.api import Api, Json
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import Enclosure, Program
from tests.world.fleet import shapes
from tests.world.fleet.census import pages
from tests.world.fleet.plan import Plan, plan
from tests.world.fleet.running import Fleet, Through
from tests.world.fleet.together import at_once
from tests.world.switches import Switches
from tests.world.waiting import wait_until

SLOT = 2  # 0 is the session's own control plane, 1 the older one
HEARTBEAT = 40  # seconds that a kubelet's lease is good for
PATIENCE = 300  # seconds that pods stay on a node that does not answer
_RENEWALS = 4  # of a lease before it runs out; kwok's count
_MOST_RENEWALS = 12  # a second, of all leases: those of 500 nodes would be 50
_GRACE = 1.25  # leases: how long the node controller waits for a sign; Kubernetes has 50 s to 40 s
_READY = 60  # seconds for nodes and namespaces
_STAGES = Path(__file__).parent.parent / "stages"  # our own, of pods
_SHIPPED = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-delete.yaml",
)


@contextmanager
def running(
    enclosure: Enclosure,
    nodes: int,
    pods: int,
    *,
    slot: int = SLOT,
    seed: int = 0,
    through: Through = "controllers",
    heartbeat: int = HEARTBEAT,
    patience: int = PATIENCE,
    switches: Switches | None = None,
) -> Iterator[Fleet]:
    """Yield a fleet whose every pod is Running and Ready; it ends with its control plane.

    through    "controllers": workloads, whose pods real controllers make and a real scheduler
               binds. "binding": the pods alone, with their nodes, which is quicker
    heartbeat  seconds after which a node that is cut off is missed; longer for many nodes
    patience   seconds after which its pods are given up
    """
    wanted = plan(nodes, pods, seed)
    beat = max(heartbeat, nodes * _RENEWALS // _MOST_RENEWALS)
    chosen = _switches(switches or Switches(audit="people"), beat, patience)
    with planes.running(enclosure, slot=slot, switches=chosen) as control_plane:
        fleet = populate(control_plane, wanted, through, beat)
        try:
            fleet.wait_ready()
            yield fleet
        finally:
            fleet.api.close()
            enclosure.program(_named(control_plane)).stop()


def populate(
    control_plane: ControlPlane, wanted: Plan, through: Through, heartbeat: int = HEARTBEAT
) -> Fleet:
    """Start the simulator in a control plane and create a fleet there; its pods come by and by."""
    program = start_simulator(control_plane, heartbeat)
    api = control_plane.api(agent="fleet")
    at_once(lambda node: api.create("/api/v1/nodes", node), wanted.nodes)
    _make_namespaces(api, wanted)
    wait_until(
        f"{len(wanted.nodes)} nodes to be ready",
        lambda: _ready_nodes(api) >= len(wanted.nodes),
        _READY,
        program.log,
        pause=0.1,
    )
    if through == "binding":
        at_once(lambda one: api.create(one[0], one[1]), wanted.bound())
    else:
        at_once(lambda one: api.create(one.path, one.body), wanted.workloads)
    return Fleet(control_plane, api, wanted, through, program.log)


def start_simulator(control_plane: ControlPlane, heartbeat: int = HEARTBEAT) -> Program:
    """Start kwok for the nodes of a control plane that have the label `shapes.PLAYED`."""
    shipped = parts.files("stages")
    stages = [shipped / name for name in _SHIPPED] + sorted(_STAGES.glob("*.yaml"))
    settings = control_plane.folder / "kwok.yaml"
    settings.write_text(_SETTINGS)
    return control_plane.enclosure.start(
        _named(control_plane),
        parts.program("kwok"),
        f"--kubeconfig={control_plane.kubeconfig('control')}",
        *(f"--config={path}" for path in (settings, *stages)),
        # by the label: taking it away is seen as the node's going (an annotation's is not)
        f"--manage-nodes-with-label-selector={shapes.PLAYED}=true",
        f"--node-lease-duration-seconds={heartbeat}",
        "--v=WARN",
    )


_SETTINGS = """\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  podPlayStageParallelism: 16
  nodePlayStageParallelism: 8
  nodeLeaseParallelism: 8
  # without it, a node that comes back does not look after the pods it had
  podsOnNodeSyncParallelism: 8
"""


def _switches(asked: Switches, beat: int, patience: int) -> Switches:
    extra = {
        "default-unreachable-toleration-seconds": patience,
        "default-not-ready-toleration-seconds": patience,
    }
    controllers = {
        "node-monitor-grace-period": f"{int(beat * _GRACE)}s",
        "node-monitor-period": "2s",
    }
    return replace(asked, extra=extra | asked.extra, controllers=controllers | asked.controllers)


def _make_namespaces(api: Api, wanted: Plan) -> None:
    """Make namespaces, and wait for their service accounts: until then no pod is admitted."""
    names = set(wanted.namespaces)
    at_once(
        lambda name: api.create("/api/v1/namespaces", {"metadata": {"name": name}}), sorted(names)
    )
    names |= {workload.namespace for workload in wanted.workloads}

    def made() -> bool:
        accounts = pages(api, "/api/v1/serviceaccounts", fieldSelector="metadata.name=default")
        return names <= {account["metadata"]["namespace"] for account in accounts}

    wait_until("the namespaces' service accounts", made, _READY, pause=0.1)


def _ready_nodes(api: Api) -> int:
    found = pages(api, "/api/v1/nodes", labelSelector=f"{shapes.FAKE}=fake")
    return sum(is_node_ready(node) for node in found)


def is_node_ready(node: Json) -> bool:
    """Return whether a node's condition Ready is true."""
    conditions = node["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _named(control_plane: ControlPlane) -> str:
    return f"kwok-{control_plane.slot}"
