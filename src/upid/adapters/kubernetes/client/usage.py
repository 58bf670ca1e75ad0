"""The metrics API: what pods and nodes use just now, as a metrics server measured it."""

import re
from datetime import datetime

import msgspec

from upid.adapters.kubernetes.client.resources import resource
from upid.core.quantity import parse_bytes, parse_cpu

POD_USAGE = resource("metrics.k8s.io/v1beta1", "pods")
NODE_USAGE = resource("metrics.k8s.io/v1beta1", "nodes")

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s|us|µs|ns)")
_WHOLE = re.compile(f"({_PART.pattern})+")
_LONGEST = 40  # characters


def seconds(window: str) -> float:
    """Return the seconds of a Go duration such as `1m0.05s`; 0 for anything else."""
    if not _WHOLE.fullmatch(window[:_LONGEST]):
        return 0.0
    return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(window))


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Measured(_Part, frozen=True):
    """Quantities as the server writes them."""

    cpu: str = "0"
    memory: str = "0"

    @property
    def cores(self) -> float:
        """Return the CPU used, in cores, over the window."""
        return parse_cpu(self.cpu)

    @property
    def working_set(self) -> int:
        """Return the memory in use, in bytes, that cannot be taken back."""
        return parse_bytes(self.memory)


class Whose(_Part, frozen=True):
    """Which pod or node."""

    name: str
    namespace: str = ""


class ContainerUsage(_Part, frozen=True):
    """What one container uses."""

    name: str
    usage: Measured = Measured()


class PodUsage(_Part, frozen=True):
    """What a pod's containers use; `window` is a Go duration such as `15.05s`."""

    metadata: Whose
    timestamp: datetime
    window: str = ""
    containers: list[ContainerUsage] = []


class NodeUsage(_Part, frozen=True):
    """What a node uses, the system's own part included."""

    metadata: Whose
    timestamp: datetime
    window: str = ""
    usage: Measured = Measured()
