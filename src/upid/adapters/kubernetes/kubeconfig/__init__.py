"""How one's own machine finds a cluster: kubectl's files, flags and order.

What comes over the API does not get here: see `upid.adapters.kubernetes.stranger`.
"""

from upid.adapters.kubernetes.kubeconfig.finding import (
    ContextName,
    Found,
    contexts,
    find_access,
    find_several,
)
from upid.adapters.kubernetes.kubeconfig.flattening import Flat, flattened
from upid.adapters.kubernetes.kubeconfig.options import Options

__all__ = [
    "ContextName",
    "Flat",
    "Found",
    "Options",
    "contexts",
    "find_access",
    "find_several",
    "flattened",
]
