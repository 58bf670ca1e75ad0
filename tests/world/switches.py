"""What an API server can be told to do to its clients: faults that no proxy can make."""

from dataclasses import dataclass, field
from typing import Any, Literal

_WRITES = ["create", "update", "patch", "delete", "deletecollection"]
_EVENTS = [{"group": "", "resources": ["events"]}, {"group": "events.k8s.io"}]
_TOKENS = [  # what is sent or answered holds one
    {"group": "authentication.k8s.io"},
    {"group": "", "resources": ["serviceaccounts/token"]},
]
_LEASES = [{"group": "coordination.k8s.io"}]  # of a fleet: each node renews its own


@dataclass(frozen=True)
class Switches:
    """Flags of the API server, by what a client sees.

    compaction           how often history is dropped, such as "5s": old versions answer 410.
                         "0" keeps the whole history, which the judge needs
    min_request_timeout  seconds after which watches end, at random up to twice that
    inflight             reads and writes served at once; what is above gets 429 and Retry-After
    goaway               chance that an answer ends its HTTP/2 connection (0 to 0.02)
    watch_cache          False: lists and watches come from etcd, never from the past
    send_retry_after     while it shuts down and requests are still open, refuse others with 429
    audit                "all" writes with bodies; "people": bodies of named users only, for fleets
    priority             False turns API priority and fairness off, so that `inflight` is the limit
    extra                any other flag
    controllers          flags of the controller manager
    """

    compaction: str = "0"
    min_request_timeout: int | None = None
    inflight: tuple[int, int] | None = None
    goaway: float | None = None
    watch_cache: bool = True
    send_retry_after: bool = False
    audit: Literal["all", "people"] = "all"
    priority: bool = True
    extra: dict[str, object] = field(default_factory=dict)
    controllers: dict[str, object] = field(default_factory=dict)

    def flags(self) -> dict[str, object]:
        """Return the API server's flags."""
        found: dict[str, object] = {"etcd-compaction-interval": self.compaction}
        if self.min_request_timeout is not None:
            found["min-request-timeout"] = self.min_request_timeout
        if self.inflight is not None:
            reads, writes = self.inflight
            found |= {"max-requests-inflight": reads, "max-mutating-requests-inflight": writes}
        if self.goaway is not None:
            found["goaway-chance"] = self.goaway
        if not self.watch_cache:
            found["watch-cache"] = "false"
        if self.send_retry_after:
            found["shutdown-send-retry-after"] = "true"
        if not self.priority:
            found["enable-priority-and-fairness"] = "false"
        return found | self.extra

    def audit_policy(self) -> dict[str, Any]:
        """Return what the audit log holds: every request; of writes what was sent and answered."""
        system = {"userGroups": ["system:nodes", "system:serviceaccounts"]}
        controllers = {"users": ["system:kube-controller-manager", "system:apiserver"]}
        quiet: list[dict[str, Any]] = [{"level": "Metadata", "resources": _EVENTS + _TOKENS}]
        if self.audit == "people":
            quiet += [{"level": "Metadata", "resources": _LEASES}]
            quiet += [{"level": "Metadata", **system}, {"level": "Metadata", **controllers}]
        return {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "rules": [
                *quiet,
                {"level": "RequestResponse", "verbs": _WRITES},
                {"level": "Metadata"},
            ],
        }
