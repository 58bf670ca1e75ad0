"""Clusters that UPID stays connected to: what is asked of them now and then.

Here: who a kubeconfig names, whether a cluster answers and what it grants, and what is asked when
somebody asks (usage, ConfigMaps, Secrets' metadata). Not here: following a cluster (`mirror`), nor
how requests are made (`client`).
"""

from upid.adapters.kubernetes.connecting.certificates import NoCertificate
from upid.adapters.kubernetes.connecting.connection import KubernetesConnection
from upid.adapters.kubernetes.connecting.connector import KubernetesConnector
from upid.adapters.kubernetes.connecting.identifying import identified

__all__ = ["KubernetesConnection", "KubernetesConnector", "NoCertificate", "identified"]
