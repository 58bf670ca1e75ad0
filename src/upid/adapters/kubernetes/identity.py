"""What tells one cluster from all others, whatever it is called in a kubeconfig."""

import hashlib

from upid.adapters.kubernetes.access import Access

SYSTEM = "kube-system"  # the namespace that every cluster has, and has once


def identity_of(system_uid: str, access: Access) -> str:
    """Return a cluster's identity, from the uid of `SYSTEM`; where it is not known, its address."""
    return hashlib.sha256((system_uid or access.server).encode()).hexdigest()
