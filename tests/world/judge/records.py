"""What the judge speaks of: requests that were answered, and revisions that were written."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from tests.world.judge.differences import FieldChange, differences

OWNERSHIP = "/metadata/managedFields"

WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})

# Asked for with `create` and answered from nothing that is stored.
UNSTORED_RESOURCES = frozenset(
    {
        "tokenreviews",
        "subjectaccessreviews",
        "localsubjectaccessreviews",
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "selfsubjectreviews",
    }
)
UNSTORED_SUBRESOURCES = frozenset({"token", "exec", "attach", "portforward", "proxy", "log"})


class Shape(StrEnum):
    """What one revision did to its object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class How(StrEnum):
    """How it is known who wrote a revision."""

    ANSWERED = "answered"  # the answer to the request carried this revision, or this deleted UID
    DEDUCED = "deduced"  # the only request that fits by object, UID, kind, order and time
    AMBIGUOUS = "ambiguous"  # several requests fit; all of them are candidates
    UNSEEN = "unseen"  # no request in the audit log fits
    EXPIRED = "expired"  # etcd's lease on the key ran out
    BOOKKEEPING = "bookkeeping"  # the API server's own notes, written without a request


class Outcome(StrEnum):
    """What became of a request."""

    READ = "read"  # stores nothing by its nature
    DRY_RUN = "dry run"
    REFUSED = "refused"  # answered 3xx or 4xx
    WROTE = "wrote"
    MAYBE_WROTE = "maybe wrote"  # one of several candidates for a revision
    NO_OP = "no-op"  # answered with a revision that another request had written
    NO_OP_OR_LOST = "no-op or lost"  # success without a body in the log, and no revision
    NOT_WRITTEN = "answered but not written"
    UNKNOWN = "unknown"  # never answered, or answered 5xx; no revision fits


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lives, whatever its UID.

    group      API group; "" for every group that the API server serves itself, because its keys
               in etcd do not name it
    resource   plural, as in URLs: "pods"
    namespace  "" for objects of the whole cluster
    name       "" when a request did not say: generateName, or a create that was never answered
    """

    group: str
    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return "/".join(part for part in (resource, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the audit log tells it.

    code               HTTP status; None when no answer was logged
    completed          None when no answer was logged
    gone_by            when the API server that had not answered was seen to have a successor
    answered_revision  resourceVersion of the object in the answer; None without a body
    uid                of the object asked about, as far as the log says; "" if it does not
    deleted_uid        UID in the Status that answers a finished delete; else ""
    bodies             the log has what was sent. Without it, a delete or an eviction may have
                       been a dry run: that can be asked for in the body
    collected          UIDs that a deletecollection answered with; None without a body
    lets_go            the answer shows an object in deletion whose last finalizer is gone
    """

    audit_id: str
    user: str
    verb: str
    uri: str
    place: Place
    received: datetime
    completed: datetime | None = None
    gone_by: datetime | None = None
    code: int | None = None
    group: str = ""
    subresource: str = ""
    acting_as: str = ""
    user_agent: str = ""
    field_manager: str = ""
    dry_run: bool = False
    panicked: bool = False
    answered_revision: int | None = None
    uid: str = ""
    deleted_uid: str = ""
    bodies: bool = True
    collected: frozenset[str] | None = None
    lets_go: bool = False

    @property
    def stores(self) -> bool:
        """Whether a request of this kind can change what is stored at all."""
        return (
            self.verb in WRITE_VERBS
            and bool(self.place.resource)
            and self.place.resource not in UNSTORED_RESOURCES
            and self.subresource not in UNSTORED_SUBRESOURCES
        )

    @property
    def succeeded(self) -> bool:
        """Whether the answer said 2xx."""
        return self.code is not None and 200 <= self.code < 300 and not self.panicked

    @property
    def unknown(self) -> bool:
        """Whether the log leaves open if it was carried out: no answer, a panic or a 5xx."""
        return self.code is None or self.panicked or self.code >= 500

    @property
    def may_have_written(self) -> bool:
        """Whether some revision can be this request's."""
        return self.stores and not self.dry_run and (self.succeeded or self.unknown)

    def __str__(self) -> str:
        code = "unanswered" if self.code is None else str(self.code)
        what = f"{self.verb} {self.place}" + (f"/{self.subresource}" if self.subresource else "")
        return f"{self.user} {what}{' (dry run)' if self.dry_run else ''} → {code}"


@dataclass(frozen=True, slots=True)
class Stamp:
    """An entry of managedFields that a revision added or dated anew: whoever wrote it."""

    manager: str
    at: datetime  # whole seconds, as the API server writes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One revision of one key, with the marks by which its writer is found.

    ends        an update that sets or shortens the object's deletion
    was_ending  the object was already in deletion before
    let_go      a delete of an object that still had finalizers: whoever took the last one did it
    disrupts    an update of a pod that announces its eviction
    disrupted   names of pods that an update of a PodDisruptionBudget newly counts as evicted
    leased      the key was tied to an etcd lease before, and so may go without a request
    own         a note of the API server to itself
    """

    revision: int
    key: str
    place: Place
    uid: str
    shape: Shape
    ends: bool = False
    was_ending: bool = False
    let_go: bool = False
    disrupts: bool = False
    disrupted: frozenset[str] = frozenset()
    stamps: tuple[Stamp, ...] = ()
    leased: bool = False
    own: bool = False

    @property
    def begins_end(self) -> bool:
        """Whether the object's end began here: marked for deletion, or gone at once."""
        return not self.was_ending and (self.ends or self.shape is Shape.DELETE)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who wrote a revision, and how that is known.

    request     the writer; None unless `how` is ANSWERED or DEDUCED
    candidates  every request that fits; more than one only when `how` is AMBIGUOUS
    """

    how: How
    request: Request | None = None
    candidates: tuple[Request, ...] = ()


@dataclass(frozen=True)
class Change:
    """What one revision did to one object, and who did it.

    before, after  the stored objects; None before a create and after a delete. etcd keeps no
                   resourceVersion in them: the number is `revision`
    """

    revision: int
    shape: Shape
    place: Place
    uid: str
    before: dict[str, Any] | None = field(repr=False)
    after: dict[str, Any] | None = field(repr=False)
    attribution: Attribution = field(repr=False)

    @property
    def stored(self) -> dict[str, Any]:
        """The object as it was left, or as it was when it was deleted."""
        return self.after if self.after is not None else (self.before or {})

    @property
    def kind(self) -> str:
        """Kind as stored, such as "Deployment"."""
        return str(self.stored.get("kind", ""))

    @property
    def namespace(self) -> str:
        """Namespace; "" for objects of the whole cluster."""
        return self.place.namespace

    @property
    def name(self) -> str:
        """Name of the object."""
        return self.place.name

    @property
    def generation(self) -> int:
        """metadata.generation as it was left; 0 for kinds that do not count it."""
        return int(self.stored.get("metadata", {}).get("generation", 0))

    @property
    def bumped(self) -> bool:
        """Whether an existing object's generation went up: somebody changed what is wanted."""
        if self.before is None or self.after is None:
            return False
        return self.generation > int(self.before.get("metadata", {}).get("generation", 0))

    @cached_property
    def all_fields(self) -> tuple[FieldChange, ...]:
        """Every difference; applied to `before` they give `after`."""
        return differences(self.before, self.after)

    @cached_property
    def fields(self) -> tuple[FieldChange, ...]:
        """The differences without the API server's notes on who owns which field."""
        return tuple(one for one in self.all_fields if not one.path.startswith(OWNERSHIP))

    @property
    def how(self) -> How:
        """How it is known who did it."""
        return self.attribution.how

    @property
    def request(self) -> Request | None:
        """The request that did it; None when that is not known for certain."""
        return self.attribution.request

    @property
    def user(self) -> str:
        """Authenticated user; "" when that is not known for certain."""
        return self.request.user if self.request else ""

    @property
    def verb(self) -> str:
        """Verb of the request; "" when that is not known for certain."""
        return self.request.verb if self.request else ""

    @property
    def subresource(self) -> str:
        """Subresource of the request, such as "scale"; "" without one."""
        return self.request.subresource if self.request else ""

    @property
    def user_agent(self) -> str:
        """User agent of the request; "" when that is not known for certain."""
        return self.request.user_agent if self.request else ""

    @property
    def field_manager(self) -> str:
        """Field manager of the request; "" when that is not known for certain."""
        return self.request.field_manager if self.request else ""

    @property
    def audit_id(self) -> str:
        """Audit ID of the request; "" when that is not known for certain."""
        return self.request.audit_id if self.request else ""

    def may_be_by(self, user: str) -> bool:
        """Return whether this user did it, or cannot be ruled out."""
        if self.how is How.UNSEEN:
            return True
        return any(one.user == user for one in self.attribution.candidates)
