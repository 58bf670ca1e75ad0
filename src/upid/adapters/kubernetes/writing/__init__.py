"""The one way to write to a cluster; only `upid.app` may import it.

Here belongs how a write travels and what a refusal means. What is written, and whether it should
be, does not: that is decided above. There is one mode, and it stores nothing.
"""

from upid.adapters.kubernetes.writing.errors import (
    AdmissionRefused,
    DisruptionRefused,
    FieldsOwned,
    ObjectChanged,
    ObjectReplaced,
    QuotaExceeded,
    WebhookRefused,
    WriteInvalid,
)
from upid.adapters.kubernetes.writing.writer import KubernetesWriter

__all__ = [
    "AdmissionRefused",
    "DisruptionRefused",
    "FieldsOwned",
    "KubernetesWriter",
    "ObjectChanged",
    "ObjectReplaced",
    "QuotaExceeded",
    "WebhookRefused",
    "WriteInvalid",
]
