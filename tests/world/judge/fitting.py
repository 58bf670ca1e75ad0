"""Whether one request can have written one revision, by what Kubernetes does. Pure."""

from tests.world.judge.records import Request, Shape, Write

CREATED = 201

# These write more than once: a graceful delete marks the pod and then removes it, an eviction
# also counts itself in the PodDisruptionBudget and announces itself in the pod's conditions.
_SEVERAL = frozenset({"delete", "deletecollection"})
EVICTION = "eviction"


def is_single(request: Request) -> bool:
    """Return whether a request of this kind writes one revision at most."""
    return request.verb not in _SEVERAL and request.subresource != EVICTION


def ends_one(request: Request) -> bool:
    """Return whether, once this is answered, one object is in deletion or gone for certain."""
    asks = request.verb == "delete" or request.subresource == EVICTION
    return asks and request.succeeded and request.bodies


def must_write(request: Request) -> bool:
    """Return whether success without a revision would be a lie."""
    if not request.succeeded:
        return False
    if request.deleted_uid:
        return True
    return request.verb == "create" and request.subresource != EVICTION


def fits(request: Request, write: Write) -> bool:
    """Return whether the request can have written this revision, times left aside."""
    if request.subresource == EVICTION:
        return _eviction_fits(request, write)
    if not _same_object(request, write):
        return False
    if request.verb in _SEVERAL:
        return _delete_fits(request, write)
    return _answer_fits(request, write) and _shape_fits(request, write)


def is_proof(request: Request, write: Write) -> bool:
    """Return whether the answer to a request that fits says that it wrote this and nobody else.

    An object is created once and deleted once; an update may have been somebody else's, with
    nothing left to do.
    """
    answered = request.answered_revision == write.revision
    match write.shape:
        case Shape.CREATE:
            return answered
        case Shape.DELETE:
            return answered or (bool(request.deleted_uid) and request.deleted_uid == write.uid)
        case Shape.UPDATE:
            return False


def _same_object(request: Request, write: Write) -> bool:
    asked, at = request.place, write.place
    if (asked.group, asked.resource) != (at.group, at.resource):
        return False
    whole_cluster = request.verb == "deletecollection" and not asked.namespace
    if asked.namespace != at.namespace and not whole_cluster:
        return False
    if asked.name and asked.name != at.name:
        return False
    return not (request.uid and write.uid and request.uid != write.uid)


def _delete_fits(request: Request, write: Write) -> bool:
    if write.let_go or (write.shape is not Shape.DELETE and not write.ends):
        return False
    if request.deleted_uid and write.shape is Shape.DELETE:
        return request.deleted_uid == write.uid
    if request.collected is not None and write.uid not in request.collected:
        return False
    # The answer shows the object as it was left: nothing was written after that.
    return request.answered_revision is None or write.revision <= request.answered_revision


def _eviction_fits(request: Request, write: Write) -> bool:
    if write.disrupted:
        return (
            write.place.namespace == request.place.namespace
            and request.place.name in write.disrupted
        )
    if write.let_go or not _same_object(request, write):
        return False
    return write.shape is Shape.DELETE or write.ends or write.disrupts


def _answer_fits(request: Request, write: Write) -> bool:
    if request.answered_revision in {None, write.revision}:
        return True
    # Whoever takes the last finalizer from an object in deletion deletes it, and is answered
    # with the object as it was: the revision of the delete is not in the answer.
    return request.lets_go and write.shape is Shape.DELETE and write.was_ending


def _shape_fits(request: Request, write: Write) -> bool:
    match write.shape:
        case Shape.CREATE:
            if request.subresource or request.verb not in {"create", "update", "patch"}:
                return False
            return request.unknown or request.code == CREATED
        case Shape.UPDATE:
            if request.verb == "create":
                return bool(request.subresource)  # a binding changes the pod
            return request.unknown or request.code != CREATED
        case Shape.DELETE:
            return request.verb in {"update", "patch"} and write.was_ending
