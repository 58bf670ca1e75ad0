"""The objects of a fleet as they look in real clusters: nodes, pods, workloads."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

FAKE = "kwok.x-k8s.io/node"  # the label, annotation and taint of a simulated node
PLAYED = "fleet.test/played"  # the label of a node that the simulator plays; without it: cut off
FLEET = "fleet.test/pod"  # the label of every pod of a fleet
REGION, ZONES = "eu-west-1", ("eu-west-1a", "eu-west-1b", "eu-west-1c")
_KUBELET = "v1.36.3"
_HEADROOM = 1.6  # how much more the nodes have than is asked for, so that packing never fails
_SPOT = 0.3  # share of nodes
_KUBELET_PODS = 110  # that a kubelet takes by default
_MEBIBYTE = 2**20

# vCPUs of instance sizes, and GiB for each vCPU of families.
_SIZES = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
    "24xlarge": 96,
    "48xlarge": 192,
}
_FAMILIES = {"m6i": 4, "m7i": 4, "r6i": 8}
_LEAST_GIB = min(_FAMILIES.values())
_RESERVED_CPU, _RESERVED_MIB = 80, 1024  # what a kubelet keeps back from allocatable

# What containers ask for: CPU request, memory request (MiB), CPU limit, memory limit; None: not
# said. Guaranteed, burstable, without CPU limit, with requests only, and nothing at all.
_ASKED = (
    (50, 64, None, 128),
    (100, 128, None, 256),
    (100, 128, 200, 128),
    (100, 256, None, None),
    (200, 256, 1000, 512),
    (250, 512, 250, 512),
    (250, 512, None, 1024),
    (500, 1024, 2000, 2048),
    (500, 512, 500, 512),
    (1000, 2048, None, 4096),
    (None, None, None, None),
)
_OFTEN = (8, 12, 6, 8, 8, 5, 8, 4, 3, 2, 2)  # of each of them
_SIDECAR = 0.15  # share of workloads with a second container
_NAMES = (
    ("cart", "catalog", "billing", "search", "orders", "ledger", "media", "fraud", "users", "mail"),
    ("api", "web", "worker", "consumer", "gateway", "sync", "cache", "export", "index", "admin"),
)
_TEAMS = ("shop", "payments", "platform", "growth", "logistics", "insight", "support", "identity")


@dataclass(frozen=True)
class Size:
    """CPU in millicores and memory in MiB."""

    cpu: int
    memory: int

    def __add__(self, other: "Size") -> "Size":
        return Size(self.cpu + other.cpu, self.memory + other.memory)

    def times(self, count: int) -> "Size":
        """Return so many of it."""
        return Size(self.cpu * count, self.memory * count)


def namespaces(count: int) -> tuple[str, ...]:
    """Return so many names of namespaces."""
    stages = ("prod", "staging", "dev")
    found = (f"{team}-{stage}" for stage in stages for team in _TEAMS)
    further = (f"{_TEAMS[n % len(_TEAMS)]}-{n}" for n in itertools.count())
    return tuple(itertools.islice(itertools.chain(found, further), count))


def names(dice: random.Random) -> Iterator[str]:
    """Yield names of workloads, none twice."""
    for number in itertools.count(1):
        yield f"{dice.choice(_NAMES[0])}-{dice.choice(_NAMES[1])}-{number}"


def pod(name: str, dice: random.Random) -> Json:
    """Return the template of a workload's pods."""
    labels = {"app.kubernetes.io/name": name, FLEET: "true"}
    containers = [_container("main", f"registry.test/{name}:1.{dice.randrange(40)}", dice)]
    if dice.random() < _SIDECAR:
        containers.append(_container("sidecar", "registry.test/sidecar:2.1", dice))
    spec = {
        "containers": containers,
        "nodeSelector": {FAKE: "fake"},
        "tolerations": [{"key": FAKE, "operator": "Equal", "value": "fake"}],
        "terminationGracePeriodSeconds": 30,
    }
    return {"metadata": {"labels": labels}, "spec": spec}


def workload(kind: str, namespace: str, name: str, replicas: int, template: Json) -> Json:
    """Return a Deployment, StatefulSet, DaemonSet, Job or CronJob around a pod's template."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": namespace}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    if kind == "Job":
        spec = _job(template, replicas)
    elif kind == "CronJob":
        # once a year: it is there to be read, and makes no pods while a test counts
        spec = {"schedule": "0 4 1 1 *", "jobTemplate": {"spec": _job(template, 1)}}
    elif kind == "DaemonSet":
        spec = {"selector": selector, "template": template}
    else:
        spec = {"selector": selector, "template": template, "replicas": replicas}
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return {"metadata": metadata, "spec": spec}


def requested(spec: Json) -> Size:
    """Return what a pod's containers request together."""
    total = Size(0, 0)
    for container in spec["containers"]:
        asked = container["resources"].get("requests", {})
        cpu, memory = asked.get("cpu", "0m"), asked.get("memory", "0Mi")
        total += Size(int(cpu.removesuffix("m")), int(memory.removesuffix("Mi")))
    return total


def instance(needed: Size, nodes: int, pods: int) -> tuple[str, int]:
    """Return the smallest instance size of which `nodes` carry it all, and its limit of pods.

    Raises `ValueError` when none is large enough.
    """
    most_pods = max(_KUBELET_PODS, int(pods / nodes * _HEADROOM) + 1)
    for size, cpus in _SIZES.items():
        has = Size(cpus * 1000 - _RESERVED_CPU, cpus * _LEAST_GIB * 1024 - _RESERVED_MIB)
        all_of_it = has.times(nodes)
        if (
            needed.cpu * _HEADROOM <= all_of_it.cpu
            and needed.memory * _HEADROOM <= all_of_it.memory
        ):
            return size, most_pods
    raise ValueError(f"{nodes} of the largest instances do not carry {pods} pods")


def node(dice: random.Random, number: int, kind: tuple[str, int]) -> Json:
    """Return a simulated node: labels as a cloud's nodes have, tainted, with its capacity.

    Addresses are of 198.18.0.0/15 (RFC 2544: benchmarks), pods' of 100.64.0.0/10: nothing answers
    there, and nothing real is asked.
    """
    (size, most_pods), name = kind, f"fleet-{number}"
    family, zone = dice.choice(list(_FAMILIES)), ZONES[number % len(ZONES)]
    spot = dice.random() < _SPOT
    cpus, gib = _SIZES[size], _SIZES[size] * _FAMILIES[family]
    labels = {
        FAKE: "fake",
        PLAYED: "true",
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": f"{family}.{size}",
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": zone,
        "eks.amazonaws.com/capacityType": "SPOT" if spot else "ON_DEMAND",
        "karpenter.sh/capacity-type": "spot" if spot else "on-demand",
    }
    address = f"198.18.{number // 250}.{number % 250 + 1}"
    return {
        "metadata": {"name": name, "labels": labels, "annotations": {FAKE: "fake"}},
        "spec": {
            "podCIDR": f"100.{64 + number // 256}.{number % 256}.0/24",
            "podCIDRs": [f"100.{64 + number // 256}.{number % 256}.0/24"],
            "providerID": f"aws:///{zone}/i-{dice.getrandbits(64):017x}",
            "taints": [{"key": FAKE, "value": "fake", "effect": "NoSchedule"}],
        },
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "capacity": _amounts(cpus * 1000, gib * 1024, most_pods),
            "allocatable": _amounts(
                cpus * 1000 - _RESERVED_CPU, gib * 1024 - _RESERVED_MIB, most_pods
            ),
            "nodeInfo": _node_facts(number),
        },
    }


def _amounts(cpu: int, memory: int, pods: int) -> Json:
    return {"cpu": f"{cpu}m", "memory": f"{memory}Mi", "pods": str(pods)}


def _node_facts(number: int) -> Json:
    return {
        "architecture": "amd64",
        "bootID": f"ec2{number:05x}-0000-4000-8000-000000000000",
        "containerRuntimeVersion": "containerd://2.3.0",
        "kernelVersion": "6.12.0",
        "kubeProxyVersion": _KUBELET,
        "kubeletVersion": _KUBELET,
        "machineID": f"ec2{number:029x}",  # kwok's stage does not quote it: not a number, then
        "operatingSystem": "linux",
        "osImage": "Simulated",
        "systemUUID": f"ec2{number:05x}-0000-4000-8000-000000000001",
    }


def _container(name: str, image: str, dice: random.Random) -> Json:
    cpu, memory, most_cpu, most_memory = dice.choices(_ASKED, weights=_OFTEN)[0]
    resources = {
        "requests": _said(cpu, memory),
        "limits": _said(most_cpu, most_memory),
    }
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "LOG_LEVEL", "value": "warning"}],
        "resources": {key: asked for key, asked in resources.items() if asked},
    }


def _said(cpu: int | None, memory: int | None) -> Json:
    found = {} if cpu is None else {"cpu": f"{cpu}m"}
    return found if memory is None else found | {"memory": f"{memory}Mi"}


def _job(template: Json, pods: int) -> Json:
    spec = {**template["spec"], "restartPolicy": "Never"}
    return {
        "parallelism": pods,
        "completions": pods,
        "template": {"metadata": template["metadata"], "spec": spec},
    }
