"""What is set for one cluster: sections, their versions, and what the rest of UPID sees of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

OF_CLUSTER = "cluster"  # the origin of what was set for one cluster
NEVER = 0  # the version of what nobody has set

Own = Mapping[str, object]
"""What was set for a cluster, by name; a group of settings is a mapping of its own."""


class Section(StrEnum):
    """A part of a cluster's configuration, with versions of its own."""

    GENERAL = "general"
    RULES = "rules"
    THRESHOLDS = "thresholds"


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of a section: what was set for the cluster, and nothing of the defaults.

    version  counts from 1; `NEVER` for what nobody has set
    before   what the version before it had set
    at, by   when and by whom; None where nobody has
    """

    cluster_id: str
    section: Section
    version: int = NEVER
    own: Own = field(default_factory=dict)
    before: Own = field(default_factory=dict)
    at: datetime | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """The value of a setting where a cluster has none of its own, and where it comes from."""

    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a cluster as it holds now.

    name         dotted where it is one of a group
    least, most  bounds of a number; None: there is none
    origin       `cluster`, `default`, or the variable, flag or file that set it for all clusters
    """

    name: str
    value: object
    own: object
    default: object
    origin: str
    meaning: str
    least: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Configured:
    """A section of a cluster's configuration: its version, and every setting with its value."""

    revision: Revision
    settings: tuple[Setting, ...]
    tag: str


@dataclass(frozen=True, slots=True)
class ClusterPreferences:
    """How one cluster is kept, reached and followed.

    per_second           requests a second to its API server
    at_once              requests to it at a time
    secrets_metadata     whether names, types and ages of Secrets may be listed (CLU-5)
    time_zone            IANA name
    excluded_namespaces  globs
    """

    following: bool
    per_second: float
    at_once: int
    secrets_metadata: bool
    time_zone: str
    check_interval: timedelta
    excluded_namespaces: tuple[str, ...]
