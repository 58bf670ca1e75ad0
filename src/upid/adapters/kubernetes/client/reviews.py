"""What the one who asks may do: the cluster's own answer, which changes nothing."""

from typing import TypeVar

import msgspec

from upid.adapters.kubernetes.client import answers
from upid.adapters.kubernetes.client.asking import Asking, Question
from upid.adapters.kubernetes.client.resources import Resource

T = TypeVar("T")

_GROUP = "authorization.k8s.io/v1"
_IDENTITIES = "authentication.k8s.io/v1"


class Decision(msgspec.Struct, frozen=True, rename="camel"):
    """Whether something is allowed, and what the cluster says about why."""

    allowed: bool = False
    denied: bool = False
    reason: str = ""
    evaluation_error: str = ""


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """Verbs that are allowed on resources of groups; `*` is any; names: on those only."""

    verbs: list[str] = []
    api_groups: list[str] | None = None
    resources: list[str] | None = None
    resource_names: list[str] | None = None

    def allows(self, verb: str, resource: Resource) -> bool:
        """Return whether this rule alone allows a verb on every object of a resource."""
        return (
            not self.resource_names
            and _among(verb, self.verbs)
            and _among(resource.group, self.api_groups or [])
            and _among(resource.plural, self.resources or [])
        )


class Rules(msgspec.Struct, frozen=True, rename="camel"):
    """What is allowed in a namespace; `incomplete` where the cluster does not know all of it."""

    resource_rules: list[Rule] | None = None
    incomplete: bool = False

    def allows(self, verb: str, resource: Resource) -> bool:
        """Return whether some rule allows a verb on every object of a resource."""
        return any(rule.allows(verb, resource) for rule in self.resource_rules or [])


class Who(msgspec.Struct, frozen=True):
    """Who the cluster takes the one who asks for."""

    username: str = ""
    groups: list[str] | None = None


class _WhoStatus(msgspec.Struct, frozen=True, rename="camel"):
    user_info: Who


class _Who(msgspec.Struct, frozen=True):
    status: _WhoStatus


class _Access(msgspec.Struct, frozen=True):
    status: Decision


class _Rules(msgspec.Struct, frozen=True):
    status: Rules


async def allowed(
    asking: Asking,
    verb: str,
    resource: Resource,
    *,
    namespace: str | None,
    name: str | None,
    subresource: str | None,
) -> Decision:
    """Return whether a verb on a resource is allowed; a namespace of None stands for all."""
    attributes = {
        "verb": verb,
        "group": resource.group,
        "version": resource.version,
        "resource": resource.plural,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    given = {key: value for key, value in attributes.items() if value}
    spec = {"resourceAttributes": given}
    asked = f"say whether it may {verb} {resource}"
    return (await _review(asking, "SelfSubjectAccessReview", spec, asked, _Access)).status


async def rules(asking: Asking, namespace: str) -> Rules:
    """Return what is allowed in a namespace."""
    asked = f"say what is allowed in {namespace!r}"
    spec = {"namespace": namespace}
    return (await _review(asking, "SelfSubjectRulesReview", spec, asked, _Rules)).status


async def who(asking: Asking) -> Who:
    """Return who the cluster takes the one who asks for."""
    asked, kind = "say who is asking", "SelfSubjectReview"
    return (await _review(asking, kind, {}, asked, _Who, _IDENTITIES)).status.user_info


async def _review(
    asking: Asking, kind: str, spec: object, asked: str, into: type[T], group: str = _GROUP
) -> T:
    body = msgspec.json.encode({"apiVersion": group, "kind": kind, "spec": spec})
    answer = await asking.ask(Question(asked, f"/apis/{group}/{kind.lower()}s", body=body))
    try:
        return msgspec.json.decode(answer.body, type=into)
    except msgspec.MsgspecError as error:
        raise answers.not_kubernetes(asking.access, "JSON that is no review") from error


def _among(wanted: str, there: list[str]) -> bool:
    return wanted in there or "*" in there
