"""What registered clusters may be called and labelled, and how certificates end."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from upid.contexts.clusters.errors import ClusterLabelRefused, ClusterNameRefused
from upid.contexts.clusters.registered import Registered

_NAME = 253  # letters; what Kubernetes allows the longest of its names
_LABELS = 64  # of one cluster
_RESERVED = ("cl_", "rcd_")  # how ids begin: a name must not be taken for one
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:[A-Za-z0-9.-]{{1,253}}/)?{_WORD}")
_VALUE = re.compile(rf"(?:{_WORD})?")

WARNING = timedelta(days=30)  # before a certificate or token ends (CLU-6)


def checked_name(name: str) -> str:
    """Return a name that a cluster may have. Raises ClusterNameRefused."""
    if not name.strip() or name != name.strip():
        raise ClusterNameRefused(name, "it is empty, or begins or ends with a space")
    if len(name) > _NAME:
        raise ClusterNameRefused(name, f"it has more than {_NAME} letters")
    if any(unicodedata.category(letter)[0] == "C" for letter in name):
        raise ClusterNameRefused(name, "it has control characters")
    if name.startswith(_RESERVED):
        raise ClusterNameRefused(name, "it looks like an id")
    return name


def checked_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels that a selector can name, by key. Raises ClusterLabelRefused."""
    if len(labels) > _LABELS:
        raise ClusterLabelRefused(f"number {_LABELS + 1}")
    for key, value in labels.items():
        if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            raise ClusterLabelRefused(f"{key}={value}")
    return dict(sorted(labels.items()))


def endings(cluster: Registered, now: datetime) -> Iterator[tuple[str, datetime, str]]:
    """Yield each part of the credentials that ends: its name, when, and a warning or nothing."""
    parts = (
        ("client certificate", cluster.certificate_until),
        ("certificate authority", cluster.authority_until),
        ("token", cluster.token_until),
    )
    for name, until in parts:
        if until is not None:
            yield name, until, _warning(name, until - now)


def _warning(name: str, left: timedelta) -> str:
    if left <= timedelta(0):
        return f"the {name} has ended: send fresh credentials"
    if left <= WARNING:
        days = left.days
        when = f"in {days} day{'' if days == 1 else 's'}" if days else "within a day"
        return f"the {name} ends {when}: send fresh credentials before"
    return ""
