"""Why a cluster refused a write: what was seen is no longer so, or somebody else has a say.

None of them is tried again by itself: each needs somebody to look first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from upid.adapters.kubernetes.client import ClusterError
from upid.core.errors import Kind

_SHOWN = 5  # fields in one message; what is more is counted


class ObjectReplaced(ClusterError):
    """The object that was seen is gone; another one has its name."""

    kind = Kind.CONFLICT
    code = "cluster_object_replaced"

    def __init__(self, cluster: str, asked: str, said: str) -> None:
        super().__init__(
            cluster,
            f"refused to {asked}: what was seen is gone, and another has its name: {said}",
            hint="look at the object again and decide anew; nothing was changed",
            details={"asked": asked},
        )


class ObjectChanged(ClusterError):
    """Somebody changed the object since it was seen."""

    kind = Kind.CONFLICT
    code = "cluster_object_changed"

    def __init__(self, cluster: str, asked: str, said: str) -> None:
        super().__init__(
            cluster,
            f"refused to {asked}: the object was changed since it was seen: {said}",
            hint="look at the object again and decide anew; nothing was changed",
            details={"asked": asked},
        )


@dataclass(frozen=True, slots=True, order=True)
class Owned:
    """A field and who declared it, such as `.spec.replicas` by `helm`."""

    field: str
    owner: str


class FieldsOwned(ClusterError):
    """Fields that would change are declared by others, who would write them back."""

    kind = Kind.CONFLICT
    code = "cluster_fields_owned"

    def __init__(self, cluster: str, asked: str, owned: Sequence[Owned]) -> None:
        self.owned = tuple(owned)
        owners = ", ".join(repr(one) for one in dict.fromkeys(one.owner for one in owned))
        fields = ", ".join(one.field for one in owned[:_SHOWN])
        more = f" and {len(owned) - _SHOWN} more" if len(owned) > _SHOWN else ""
        super().__init__(
            cluster,
            f"refused to {asked}: {fields}{more} belong to {owners}",
            hint="make the change where the owner takes it from (a chart, a repository, an "
            "autoscaler), or have it give the field up; UPID never takes a field by force",
            details={
                "asked": asked,
                "owned": [{"field": one.field, "owner": one.owner} for one in owned],
            },
        )


class QuotaExceeded(ClusterError):
    """A ResourceQuota of the namespace has no room for it."""

    kind = Kind.DENIED
    code = "cluster_quota_exceeded"

    def __init__(self, cluster: str, asked: str, said: str) -> None:
        super().__init__(
            cluster,
            f"refused to {asked}: a quota has no room: {said}",
            hint="raise the ResourceQuota, or ask for less; `kubectl describe quota` says what "
            "is used",
            details={"asked": asked},
        )


class WebhookRefused(ClusterError):
    """A webhook or a policy of the cluster said no, or cannot say it of a dry run."""

    kind = Kind.DENIED
    code = "cluster_webhook_refused"

    def __init__(self, cluster: str, asked: str, name: str, said: str) -> None:
        super().__init__(
            cluster,
            f"refused to {asked}: {name!r} denied it: {said}",
            hint=f"satisfy what {name!r} demands, or ask whoever runs it for an exception",
            details={"asked": asked, "webhook": name},
        )


class AdmissionRefused(ClusterError):
    """The server's own rules said no: limit ranges, pod security, a namespace that ends."""

    kind = Kind.DENIED
    code = "cluster_admission_refused"

    def __init__(self, cluster: str, asked: str, said: str) -> None:
        super().__init__(
            cluster,
            f"refused to {asked}: {said}",
            hint="stay within the namespace's LimitRange and pod security, or change those",
            details={"asked": asked},
        )


class DisruptionRefused(ClusterError):
    """A PodDisruptionBudget allows no eviction now."""

    kind = Kind.UNSAFE
    code = "cluster_disruption_refused"

    def __init__(self, cluster: str, asked: str, said: str, retry_after: float | None) -> None:
        super().__init__(
            cluster,
            f"refused to {asked}: a disruption budget does not allow it: {said}",
            hint="wait until more of its pods are ready, or raise the budget; "
            "`kubectl get pdb` says what each allows",
            retry_after=retry_after,
            details={"asked": asked},
        )


class WriteInvalid(ClusterError):
    """The object would not be valid; `fields` says where."""

    kind = Kind.INVALID
    code = "cluster_write_invalid"

    def __init__(self, cluster: str, asked: str, said: str, fields: Sequence[str]) -> None:
        super().__init__(
            cluster,
            f"refused to {asked}, which would not be valid: {said}",
            hint="correct the named fields; some cannot be changed once an object exists",
            details={"asked": asked, "fields": list(fields)},
        )
