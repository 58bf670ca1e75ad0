"""Permissions as YAML for `kubectl apply`: roles, an account for UPID, and what is missing."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from upid.contexts.clusters.logic.permissions import READ, SECRETS, WRITE, Duty
from upid.core.ports.cluster_connection import Permission

NAMESPACE = ACCOUNT = "upid"

_MISSING, _DIGITS = "upid-missing", 8  # roles that add what somebody lacks
_WIDTH = 78  # columns of a line of YAML

_RBAC = "rbac.authorization.k8s.io"
_ACCOUNT_PREFIX = "system:serviceaccount:"
_WRITTEN = "# Written from the code by `make reference`; changes belong there."


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a role is bound to; the namespace is that of a service account."""

    kind: str
    name: str
    namespace: str = ""


_OURS = Subject("ServiceAccount", ACCOUNT, NAMESPACE)


def subject_of(user: str) -> Subject:
    """Return whom a role is bound to for a user as the API server names it."""
    parts = user.removeprefix(_ACCOUNT_PREFIX).split(":")
    if user.startswith(_ACCOUNT_PREFIX) and len(parts) == len(("namespace", "name")):
        return Subject("ServiceAccount", parts[1], parts[0])
    return Subject("User", user)


def role(name: str, permissions: Iterable[Permission]) -> str:
    """Return a ClusterRole that grants exactly these permissions, as few rules as may be."""
    lines = _head(f"{_RBAC}/v1", "ClusterRole", name)
    lines.append("rules:")
    for group, verbs, resources in _rules(permissions):
        lines.append(f"  - apiGroups: [{_quoted(group)}]")
        named = f"    resources: [{', '.join(resources)}]"
        lines += textwrap.wrap(named, _WIDTH, subsequent_indent=" " * 6, break_on_hyphens=False)
        lines.append(f"    verbs: [{', '.join(verbs)}]")
    return _document(lines)


def binding(name: str, subject: Subject) -> str:
    """Return the ClusterRoleBinding of a role of the same name."""
    lines = _head(f"{_RBAC}/v1", "ClusterRoleBinding", name)
    lines += ["roleRef:", f"  apiGroup: {_RBAC}", "  kind: ClusterRole", f"  name: {name}"]
    lines += ["subjects:", f"  - kind: {subject.kind}", f"    name: {_quoted(subject.name)}"]
    if subject.namespace:
        lines.append(f"    namespace: {_quoted(subject.namespace)}")
    else:
        lines.append(f"    apiGroup: {_RBAC}")
    return _document(lines)


def account() -> str:
    """Return the namespace and service account of UPID, and a token that does not end."""
    token = _head("v1", "Secret", f"{ACCOUNT}-token", NAMESPACE)
    token.append("  annotations:")
    token.append(f"    kubernetes.io/service-account.name: {ACCOUNT}")
    token.append("type: kubernetes.io/service-account-token")
    parts = (
        _head("v1", "Namespace", NAMESPACE),
        _head("v1", "ServiceAccount", ACCOUNT, NAMESPACE),
        token,
    )
    return _joined(_document(part) for part in parts)


def mending(permissions: Sequence[Permission], user: str) -> str:
    """Return the smallest YAML that grants what is missing to a user as the server names it.

    Without a name it is the role alone, which has to be bound by hand. The role's name tells what
    it grants, so that the next one takes nothing away that this one gave.
    """
    rules = role("", permissions)
    name = f"{_MISSING}-{sha256(rules.encode()).hexdigest()[:_DIGITS]}"
    made = [role(name, permissions)]
    if user:
        made.append(binding(name, subject_of(user)))
    return _joined(made)


def files() -> dict[str, str]:
    """Return the manifests that ship with UPID: path below `deploy/rbac` → text."""
    return {
        "read.yaml": _file(account(), *_granted(READ)),
        "read-secrets-metadata.yaml": _file(*_granted(SECRETS)),
        "write.yaml": _file(*(part for duty in WRITE for part in _granted(duty))),
    }


def _granted(duty: Duty) -> tuple[str, str]:
    remarks = [f"# {line}\n" for line in (duty.purpose, *_wrapped(duty.caution))]
    return "".join(remarks) + role(duty.role, duty.permissions), binding(duty.role, _OURS)


def _file(*documents: str) -> str:
    return f"{_WRITTEN}\n---\n{_joined(documents)}"


def _joined(documents: Iterable[str]) -> str:
    return "---\n".join(documents)


def _document(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _head(api_version: str, kind: str, name: str, namespace: str = "") -> list[str]:
    lines = [f"apiVersion: {api_version}", f"kind: {kind}", "metadata:", f"  name: {name}"]
    return lines + ([f"  namespace: {namespace}"] if namespace else [])


def _rules(
    permissions: Iterable[Permission],
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return group, verbs and resources of each rule; resources with the same verbs share one."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for one in permissions:
        verbs.setdefault((one.group, one.resource), set()).add(one.verb)
    shared: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), found in sorted(verbs.items()):
        shared.setdefault((group, tuple(sorted(found))), []).append(resource)
    return [(group, found, tuple(names)) for (group, found), names in shared.items()]


def _wrapped(text: str) -> list[str]:
    return [f"{sentence.rstrip('.')}." for sentence in text.split(". ") if sentence]


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back, whatever is in it; nothing but ASCII is written."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isascii() and letter.isprintable():
        return letter
    return f"\\U{ord(letter):08x}"
