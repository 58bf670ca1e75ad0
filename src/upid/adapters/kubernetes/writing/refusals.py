"""What an unsuccessful answer to a write means, by its status, reason, causes and words.

The server has no code for most of it. Where only words tell, they are those of Kubernetes 1.34
and 1.36; what is not recognised stays a refusal of a more general sort, never a success.
"""

import re
from http import HTTPStatus

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import ClusterError, ObjectMissing
from upid.adapters.kubernetes.client.answers import Cause, Status, judge
from upid.adapters.kubernetes.client.failures import printable
from upid.adapters.kubernetes.writing.errors import (
    AdmissionRefused,
    DisruptionRefused,
    FieldsOwned,
    ObjectChanged,
    ObjectReplaced,
    Owned,
    QuotaExceeded,
    WebhookRefused,
    WriteInvalid,
)

_UID = "metadata.uid"
_OWNED, _DISRUPTION = "FieldManagerConflict", "DisruptionBudget"
_OWNER = re.compile(r'conflict with "([^"]*)"')
_OTHER_UID = re.compile(r"UID in (the )?precondition|uid mismatch")
_GONE = "no existing object was found"
_UNKNOWN_FIELD = "failed to create typed patch object"
_RIGHTS = re.compile(r'User "[^"]*" cannot ')
_QUOTA = re.compile(r"exceeded quota|failed quota")
_DENIED = re.compile(r'admission webhook "([^"]+)"|ValidatingAdmissionPolicy \'([^\']+)\'')
_BUDGETS = "more than one PodDisruptionBudget"


def refusal(
    status: Status, code: int, access: Access, asked: str, retry_after: float | None
) -> ClusterError:
    """Return the error that an answer to a write stands for; reading's own where that fits."""
    found = _refusal(status, code, access.cluster, asked, retry_after)
    return found or judge(status, code, access, asked, retry_after)


def _refusal(
    status: Status, code: int, cluster: str, asked: str, retry_after: float | None
) -> ClusterError | None:
    said = printable(status.message)
    denied = _DENIED.search(status.message)
    found: ClusterError | None = None
    if denied and code < HTTPStatus.INTERNAL_SERVER_ERROR:
        found = WebhookRefused(cluster, asked, printable(denied[1] or denied[2]), said)
    elif code == HTTPStatus.CONFLICT:
        found = _conflict(status, cluster, asked, said)
    elif code == HTTPStatus.FORBIDDEN and not _RIGHTS.search(status.message):
        kind = QuotaExceeded if _QUOTA.search(status.message) else AdmissionRefused
        found = kind(cluster, asked, said)
    elif code == HTTPStatus.UNPROCESSABLE_ENTITY:
        found = _invalid(status, cluster, asked, said)
    elif code == HTTPStatus.TOO_MANY_REQUESTS and (budgets := _causes(status, _DISRUPTION)):
        told = "; ".join(printable(one.message) for one in budgets)
        found = DisruptionRefused(cluster, asked, told, retry_after)
    elif code == HTTPStatus.INTERNAL_SERVER_ERROR:
        found = _no_fault(status, cluster, asked, said)
    return found


def _no_fault(status: Status, cluster: str, asked: str, said: str) -> ClusterError | None:
    """Return what two answers mean that blame the server for what is wrong with the request."""
    if _BUDGETS in status.message:
        return DisruptionRefused(cluster, asked, said, None)
    if _UNKNOWN_FIELD in status.message:
        return WriteInvalid(cluster, asked, said, [])
    return None


def _conflict(status: Status, cluster: str, asked: str, said: str) -> ClusterError:
    if owned := [_owned(one) for one in _causes(status, _OWNED)]:
        return FieldsOwned(cluster, asked, owned)
    if _GONE in status.message:
        return ObjectMissing(cluster, asked, said)
    kind = ObjectReplaced if _OTHER_UID.search(status.message) else ObjectChanged
    return kind(cluster, asked, said)


def _invalid(status: Status, cluster: str, asked: str, said: str) -> ClusterError:
    fields = [printable(one.field) for one in status.causes if one.field]
    if _UID in fields:
        return ObjectReplaced(cluster, asked, said)
    return WriteInvalid(cluster, asked, said, fields)


def _causes(status: Status, reason: str) -> list[Cause]:
    return [one for one in status.causes if one.reason == reason]


def _owned(cause: Cause) -> Owned:
    owner = _OWNER.search(cause.message)
    return Owned(printable(cause.field), printable(owner[1]) if owner else "somebody else")
