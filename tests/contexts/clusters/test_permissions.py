"""What UPID asks to be allowed, and the YAML that grants it: A10, CLU-5."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.arch.shape import ROOT
from upid.adapters.kubernetes.live.kinds import READ as KINDS
from upid.contexts.clusters.logic import roles
from upid.contexts.clusters.logic.permissions import READ, SECRETS, WRITE, missing, needed
from upid.core.ports.cluster_connection import Grant, Permission

ALL = [*READ.permissions, *SECRETS.permissions, *(p for duty in WRITE for p in duty.permissions)]
some = st.lists(st.sampled_from(ALL), min_size=1, unique=True)
MUTATING = {"create", "update", "patch", "delete", "deletecollection"}


def documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one]


def granted(role: dict[str, Any]) -> list[Permission]:
    return [
        Permission(verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def test_every_kind_that_is_read_is_asked_for_and_nothing_else_is_followed() -> None:
    """A10: the list of what is read and the list of what is asked for are one."""
    read = {
        (version.rpartition("/")[0], plural) for plural, versions in KINDS for version in versions
    }
    for verb in ("list", "watch"):
        asked = {
            (one.group, one.resource)
            for one in READ.permissions
            if one.verb == verb and one.group != "metrics.k8s.io" and one.resource != "configmaps"
        }
        assert asked == read


def test_reading_asks_for_nothing_that_changes_or_tells_secrets() -> None:
    """A10."""
    for one in READ.permissions:
        assert one.verb not in MUTATING or one.resource.startswith("selfsubject")
        assert one.verb in {"list", "watch", "create"}
        assert one.resource not in {"secrets", "pods/exec"}
    every = {one.verb for one in ALL}
    assert not every & {"*", "impersonate", "escalate", "bind", "get"}
    assert "*" not in {one.resource for one in ALL} | {one.group for one in ALL}


def test_each_action_has_a_role_of_its_own_and_no_permission_twice() -> None:
    """A10."""
    names = [duty.role for duty in WRITE]
    assert names == [
        "upid-write-workloads",
        "upid-write-scale",
        "upid-write-resize",
        "upid-write-evict",
        "upid-write-delete-pods",
    ]
    assert len(ALL) == len(set(ALL))
    assert all(need.without for duty in (READ, SECRETS, *WRITE) for need in duty.needs)


@given(some)
def test_a_role_grants_exactly_what_it_is_made_of_and_no_rule_could_be_left_out(
    wanted: list[Permission],
) -> None:
    """A10."""
    [role] = documents(roles.role("x", wanted))
    found = granted(role)
    assert sorted(found) == sorted(wanted)
    shapes = [(tuple(one["apiGroups"]), tuple(one["verbs"])) for one in role["rules"]]
    assert len(shapes) == len(set(shapes))


@given(some, st.text(min_size=1).filter(lambda text: max(text) < "\ud800" or min(text) > "\udfff"))
def test_what_is_missing_is_granted_to_whoever_lacks_it_whatever_the_name(
    wanted: list[Permission], user: str
) -> None:
    """CLU-5: a name is what a cluster says, so it is a stranger's word."""
    role, bound = documents(roles.mending(wanted, user))
    assert sorted(granted(role)) == sorted(wanted)
    assert bound["roleRef"]["name"] == role["metadata"]["name"] == bound["metadata"]["name"]
    [subject] = bound["subjects"]
    if subject["kind"] == "User":
        assert subject["name"] == user


def test_a_service_account_is_bound_as_one() -> None:
    """CLU-5."""
    _, bound = documents(roles.mending(READ.permissions, "system:serviceaccount:tools:upid"))
    assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "upid", "namespace": "tools"}]


def test_a_second_mending_takes_nothing_away_that_the_first_gave() -> None:
    """CLU-5: roles of other content have other names, equal ones the same."""
    first, second = READ.permissions[:3], READ.permissions[3:5]
    names = [
        documents(roles.mending(wanted, "ana"))[0]["metadata"]["name"]
        for wanted in (first, second, first[::-1])
    ]
    assert names[0] != names[1]
    assert names[0] == names[2]


def test_without_a_name_the_role_comes_alone() -> None:
    """CLU-5."""
    assert len(documents(roles.mending(READ.permissions, ""))) == 1


@pytest.mark.parametrize("name", sorted(roles.files()))
def test_the_manifests_that_ship_are_those_of_the_code(name: str) -> None:
    """A10: `make reference` writes them."""
    text = (ROOT / "deploy" / "rbac" / name).read_text(encoding="utf-8")
    assert text == roles.files()[name]
    assert documents(text)


def test_the_read_only_install_grants_the_read_role_and_nothing_more() -> None:
    """A10."""
    kinds = documents(roles.files()["read.yaml"])
    found = [one for one in kinds if one["kind"] == "ClusterRole"]
    assert [sorted(granted(one)) for one in found] == [sorted(READ.permissions)]
    token = next(one for one in kinds if one["kind"] == "Secret")
    assert token["type"] == "kubernetes.io/service-account-token"


def test_what_a_cluster_does_not_have_is_not_asked_for() -> None:
    """CLU-5: nobody is told to grant rollouts where there are none."""
    asked = needed(READ.needs, {"": ("pods",), "metrics.k8s.io": ("pods",)})
    groups = {need.permission.group for need in asked}
    assert groups.isdisjoint({"argoproj.io", "apps.openshift.io", "autoscaling.k8s.io"})
    assert [n.permission.resource for n in asked if n.permission.group == "metrics.k8s.io"] == [
        "pods"
    ]
    assert needed(READ.needs, None) == READ.needs


def test_what_nobody_answered_for_counts_as_missing() -> None:
    """CLU-5."""
    first, second, *rest = READ.needs
    grants = [Grant(first.permission, True), Grant(second.permission, False)]
    assert missing(READ.needs, grants) == (second, *rest)
