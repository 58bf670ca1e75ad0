"""What UPID asks to be allowed, each with what it cannot do without it (CLU-5, A10).

The one list: roles, messages about what is missing and `deploy/rbac` are all made of it. A verb
stands here only if UPID uses it, which a test shows by an API server's audit log.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from upid.core.ports.cluster_connection import Grant, Permission

_APPS, _BATCH = "apps", "batch"
_ROLLOUTS, _CONFIGS = ("argoproj.io", "rollouts"), ("apps.openshift.io", "deploymentconfigs")
_OPTIONAL = frozenset({_ROLLOUTS[0], _CONFIGS[0], "autoscaling.k8s.io", "metrics.k8s.io"})


@dataclass(frozen=True, slots=True)
class Need:
    """A permission, and what UPID cannot do without it.

    vital  without it there is no analysis at all
    """

    permission: Permission
    without: str
    vital: bool = False


@dataclass(frozen=True, slots=True)
class Duty:
    """What one role is for: its name, in a sentence what it lets UPID do, and what that takes.

    caution  what whoever grants it should know
    """

    role: str
    purpose: str
    needs: tuple[Need, ...]
    caution: str = ""

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """Return the permissions alone, in their order."""
        return tuple(need.permission for need in self.needs)


# What is listed and, by a server that stays connected, watched.
_FOLLOWED: tuple[tuple[str, str, str, bool], ...] = (
    ("", "pods", "no analysis: what runs and what it asks for stays unknown", True),
    ("", "nodes", "no analysis: what is paid for stays unknown", True),
    ("", "namespaces", "no labels of teams, and the cluster is known by its address only", False),
    ("", "services", "no idle load balancers, and no search for Prometheus", False),
    ("", "persistentvolumes", "no costs of storage", False),
    ("", "persistentvolumeclaims", "no owners of storage, and no orphaned volumes", False),
    ("", "limitranges", "advice may be below what a namespace allows", False),
    ("", "resourcequotas", "advice may be beyond what a namespace may use", False),
    ("", "replicationcontrollers", "pods of replication controllers have no owner", False),
    (_APPS, "deployments", "no advice for deployments: their pods have no owner", False),
    (_APPS, "replicasets", "no advice for deployments: their pods have no owner", False),
    (_APPS, "statefulsets", "no advice for stateful sets: their pods have no owner", False),
    (_APPS, "daemonsets", "no advice for daemon sets: their pods have no owner", False),
    (_BATCH, "jobs", "no advice for jobs: their pods have no owner", False),
    (_BATCH, "cronjobs", "no advice for cron jobs: their pods have no owner", False),
    ("autoscaling", "horizontalpodautoscalers", "advice may fight an autoscaler", False),
    ("autoscaling.k8s.io", "verticalpodautoscalers", "advice may fight an autoscaler", False),
    ("policy", "poddisruptionbudgets", "risk of an interruption stays unknown", False),
    (*_CONFIGS, "no advice for deployment configs: their pods have no owner", False),
    (*_ROLLOUTS, "no advice for rollouts: their pods have no owner", False),
)
_STAYING = "a server that stays connected does not see changes of {}"


def _followed() -> Iterator[Need]:
    for group, resource, without, vital in _FOLLOWED:
        yield Need(Permission("list", group, resource), without, vital)
        yield Need(Permission("watch", group, resource), _STAYING.format(resource))


def _asked() -> Iterator[Need]:
    usage = "what {} use now stays unknown"
    yield Need(Permission("list", "", "configmaps"), "no list of ConfigMaps, their keys and sizes")
    for resource in ("pods", "nodes"):
        yield Need(Permission("list", "metrics.k8s.io", resource), usage.format(resource))
    reviews = Permission("create", "authorization.k8s.io", "selfsubjectaccessreviews")
    yield Need(reviews, "UPID cannot say which permissions it lacks")
    who = Permission("create", "authentication.k8s.io", "selfsubjectreviews")
    yield Need(who, "UPID cannot say who it is to the cluster")


READ = Duty(
    "upid-read",
    "Read what runs and what it uses; change nothing, see no Secret.",
    (*_followed(), *_asked()),
)
SECRETS = Duty(
    "upid-read-secrets-metadata",
    "List Secrets by name, type and age.",
    (Need(Permission("list", "", "secrets"), "no list of Secrets"),),
    caution="Kubernetes cannot grant metadata alone: this permission covers the content, too. "
    "UPID asks for a table of metadata only, so that no content travels.",
)


def _duty(role: str, purpose: str, without: str, *permissions: tuple[str, str, str]) -> Duty:
    needs = tuple(Need(Permission(*one), without) for one in permissions)
    return Duty(f"upid-write-{role}", purpose, needs)


WRITE: tuple[Duty, ...] = (
    _duty(
        "workloads",
        "Change requests and limits of workloads.",
        "requests and limits are advised, not changed",
        ("patch", _APPS, "deployments"),
        ("patch", _APPS, "statefulsets"),
        ("patch", _APPS, "daemonsets"),
        ("patch", _BATCH, "cronjobs"),
        ("patch", *_CONFIGS),
        ("patch", *_ROLLOUTS),
    ),
    _duty(
        "scale",
        "Change numbers of replicas, also to zero and back.",
        "numbers of replicas are advised, not changed",
        ("patch", _APPS, "deployments/scale"),
        ("patch", _APPS, "statefulsets/scale"),
        ("patch", _CONFIGS[0], f"{_CONFIGS[1]}/scale"),
        ("patch", _ROLLOUTS[0], f"{_ROLLOUTS[1]}/scale"),
    ),
    _duty(
        "resize",
        "Change requests and limits of running pods without replacing them.",
        "changed requests replace pods",
        ("patch", "", "pods/resize"),
    ),
    _duty(
        "evict",
        "Evict pods, within their disruption budgets.",
        "nodes are not emptied",
        ("create", "", "pods/eviction"),
    ),
    _duty(
        "delete-pods",
        "Delete pods that eviction does not cover, such as finished ones.",
        "finished pods are not cleared away",
        ("delete", "", "pods"),
    ),
)


def needed(needs: Sequence[Need], groups: Mapping[str, Collection[str]] | None) -> tuple[Need, ...]:
    """Return those needs that a cluster has something for.

    groups  API group → what it serves; None where that is not known: then all
    What some clusters do not have, such as rollouts, is not needed where it is not served.
    """
    return tuple(
        need
        for need in needs
        if groups is None
        or need.permission.group not in _OPTIONAL
        or need.permission.resource in groups.get(need.permission.group, ())
    )


def missing(needs: Sequence[Need], grants: Sequence[Grant]) -> tuple[Need, ...]:
    """Return the needs that were not granted, also those that nobody asked about."""
    granted = {grant.permission for grant in grants if grant.allowed}
    return tuple(need for need in needs if need.permission not in granted)
