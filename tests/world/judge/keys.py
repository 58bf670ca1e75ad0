"""Where the API server keeps objects in etcd: `/registry/<resource>/<namespace>/<name>`."""

from tests.world.judge.records import Place

PREFIX = "/registry/"

# The groups that kube-apiserver serves itself (1.30 to 1.37): its keys do not name them.
BUILT_IN_GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)

# Older than the rule that the key says the resource: pkg/kubeapiserver/default_storage_factory.go.
SPECIAL = {
    ("minions",): "nodes",
    ("controllers",): "replicationcontrollers",
    ("ingress",): "ingresses",
    ("services", "specs"): "services",
    ("services", "endpoints"): "endpoints",
}

# Written to etcd by the API server itself, without a request to anyone.
OWN_NOTES = frozenset({"ranges", "masterleases", "peerserverleases"})


def built_in(group: str) -> bool:
    """Return whether kube-apiserver serves this API group without a custom resource."""
    return group in BUILT_IN_GROUPS


def place_of(key: str) -> Place | None:
    """Return where an object lives, by its key; None for keys that hold no objects."""
    if not key.startswith(PREFIX):
        return None
    first, *rest = key.removeprefix(PREFIX).split("/")
    group = ""
    if "." in first and rest:
        group, first, *rest = (first, *rest)
    for old, resource in SPECIAL.items():
        if not group and (first, *rest)[: len(old)] == old:
            first, rest = resource, rest[len(old) - 1 :]
    match rest:
        case [name]:
            return Place(group, first, "", name)
        case [namespace, name]:
            return Place(group, first, namespace, name)
        case _:
            return None


def is_own_note(key: str) -> bool:
    """Return whether the API server writes this key for itself."""
    return key.removeprefix(PREFIX).split("/")[0] in OWN_NOTES
