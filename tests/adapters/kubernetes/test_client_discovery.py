"""Discovery and reviews, from servers of several ages that answer as a test says."""

import json

import pytest

from tests.adapters.kubernetes.client_server import (
    Answers,
    Asked,
    Json,
    Reply,
    fails,
    says,
    talking,
)
from upid.adapters.kubernetes.client import Discovery, NotKubernetes, Rule, resource

pytestmark = pytest.mark.anyio

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"


def kinds(*names: str) -> list[Json]:
    return [
        {
            "resource": name,
            "responseKind": {"group": "", "version": "", "kind": name.title()},
            "scope": "Namespaced" if name != "nodes" else "Cluster",
            "singularResource": name,
            "verbs": ["get", "list", "watch"] if name != "bindings" else ["create"],
            "subresources": [{"subresource": "status", "verbs": ["get"]}],
        }
        for name in names
    ]


CORE = {"metadata": {}, "versions": [{"version": "v1", "resources": kinds("pods", "bindings")}]}
AUTOSCALING = {
    "metadata": {"name": "autoscaling"},
    "versions": [
        {"version": "v2", "resources": kinds("horizontalpodautoscalers")},
        {"version": "v1", "resources": kinds("horizontalpodautoscalers")},
    ],
}
METRICS = {
    "metadata": {"name": "metrics.k8s.io"},
    "versions": [{"version": "v1beta1", "freshness": "Stale"}],
}


def aggregated(version: str) -> Answers:
    def answer(asked: Asked) -> Reply:
        groups = {"/api": [CORE], "/apis": [AUTOSCALING, METRICS]}[asked.path]
        body = {"kind": "APIGroupDiscoveryList", "items": groups}
        wanted = AGGREGATED.format(version)
        assert wanted in asked.headers["accept"]
        return Reply(body=json.dumps(body).encode(), headers={"Content-Type": wanted})

    return answer


def plain(*names: str) -> Json:
    found = [
        {"name": name, "kind": name.title(), "namespaced": True, "verbs": ["list"]}
        for name in names
    ]
    return {"kind": "APIResourceList", "resources": [*found, {"name": "pods/status", "kind": "P"}]}


def group(name: str, *versions: str, preferred: str) -> Json:
    listed = [{"groupVersion": f"{name}/{one}", "version": one} for one in versions]
    first = {"groupVersion": f"{name}/{preferred}", "version": preferred}
    return {"name": name, "versions": listed, "preferredVersion": first}


def one_by_one(asked: Asked) -> Reply:
    hpa = plain("horizontalpodautoscalers")
    groups = [
        group("autoscaling", "v1", "v2", preferred="v2"),
        group("metrics.k8s.io", "v1beta1", preferred="v1beta1"),
    ]
    answers: dict[str, Json] = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": plain("pods", "bindings"),
        "/apis": {"kind": "APIGroupList", "groups": groups},
        "/apis/autoscaling/v1": hpa,
        "/apis/autoscaling/v2": hpa,
    }
    if asked.path not in answers:
        return fails(503, "ServiceUnavailable", "metrics are away")
    return says(answers[asked.path])


async def discovered(answers: Answers) -> tuple[Discovery, int]:
    async with talking(answers) as (client, server):
        return await client.discovery(), len(server.asked)


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
async def test_two_requests_tell_all_that_is_served(version: str) -> None:
    found, requests = await discovered(aggregated(version))
    assert requests == 2
    check(found)


async def test_servers_before_1_26_are_asked_group_by_group() -> None:
    found, _ = await discovered(one_by_one)
    check(found)


def check(found: Discovery) -> None:
    assert found.versions == ("v1", "autoscaling/v2", "autoscaling/v1")
    assert list(found.failed) == ["metrics.k8s.io/v1beta1"]
    assert found.serves("autoscaling/v2")
    assert not found.serves("autoscaling/v2beta2")
    assert found.prefers("autoscaling/v2", "autoscaling/v2beta2") == "autoscaling/v2"
    assert found.prefers("autoscaling/v3", "autoscaling/v1") == "autoscaling/v1"
    assert found.prefers("policy/v1", "policy/v1beta1") is None
    scalers = found.find("horizontalpodautoscalers", "autoscaling/v3", "autoscaling/v1")
    assert scalers is not None
    assert scalers.resource == resource("autoscaling/v1", "horizontalpodautoscalers")
    anything = found.find("horizontalpodautoscalers")
    assert anything is not None
    assert anything.resource.version == "v2"
    assert found.find("pods", "apps/v1") is None


async def test_json_that_names_no_kinds_is_not_kubernetes() -> None:
    with pytest.raises(NotKubernetes):
        await discovered(lambda _: says({"hello": 1}))


async def test_a_review_asks_for_exactly_one_thing() -> None:
    status = {"allowed": False, "reason": "no role"}
    async with talking(lambda _: says({"status": status}, 201)) as (client, server):
        found = await client.allowed(
            "list", resource("apps/v1", "deployments"), namespace="shop", subresource="scale"
        )
        [asked] = server.asked
    assert not found.allowed
    assert found.reason == "no role"
    assert (asked.method, asked.path) == (
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    )
    assert json.loads(asked.body)["spec"]["resourceAttributes"] == {
        "verb": "list",
        "group": "apps",
        "version": "v1",
        "resource": "deployments",
        "subresource": "scale",
        "namespace": "shop",
    }


async def test_rules_say_what_is_allowed_in_a_namespace() -> None:
    rules = [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]
    body = {"status": {"resourceRules": rules, "incomplete": True}}
    async with talking(lambda _: says(body, 201)) as (client, _):
        found = await client.rules("shop")
    assert found.incomplete
    assert found.allows("list", resource("v1", "pods"))
    assert not found.allows("delete", resource("v1", "pods"))
    assert not found.allows("list", resource("apps/v1", "pods"))


def test_a_rule_for_some_names_does_not_allow_all() -> None:
    rule = Rule(["*"], ["*"], ["*"])
    assert rule.allows("list", resource("v1", "pods"))
    named = Rule(["*"], ["*"], ["*"], ["web"])
    assert not named.allows("list", resource("v1", "pods"))


async def test_usage_is_in_cores_and_bytes() -> None:
    item = {
        "metadata": {"name": "web", "namespace": "shop"},
        "timestamp": "2026-03-02T12:00:00Z",
        "window": "15.05s",
        "containers": [{"name": "app", "usage": {"cpu": "250m", "memory": "64Mi"}}],
    }
    body = {"kind": "PodMetricsList", "metadata": {}, "items": [item]}
    async with talking(lambda _: says(body)) as (client, server):
        [found] = [one async for page in client.pod_usage("shop") for one in page.items]
        assert server.paths() == ["/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"]
    [container] = found.containers
    assert container.usage.cores == 0.25
    assert container.usage.working_set == 64 << 20
