"""The metrics API: what pods and nodes use just now, as a metrics server measured it."""

from datetime import datetime

import msgspec

from upid.adapters.kubernetes.client.resources import resource
from upid.core.quantity import parse_bytes, parse_cpu

POD_USAGE = resource("metrics.k8s.io/v1beta1", "pods")
NODE_USAGE = resource("metrics.k8s.io/v1beta1", "nodes")


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
