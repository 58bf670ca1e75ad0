"""A connection to a cluster, as clusters answer and as they should not: CLU-5, CLU-6, A10."""

import base64
import gc
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.adapters.kubernetes import hostile
from tests.adapters.kubernetes.client_server import (
    Answers,
    Asked,
    Reply,
    access_to,
    fails,
    says,
    serving,
    talking,
)
from upid.adapters.kubernetes.access import Tls
from upid.adapters.kubernetes.addresses import AddressPolicy
from upid.adapters.kubernetes.client import ClusterClient, NotKubernetes, Unauthorized
from upid.adapters.kubernetes.connecting import (
    KubernetesConnection,
    KubernetesConnector,
    identified,
)
from upid.adapters.kubernetes.errors import AddressRefused
from upid.core.ports.cluster_connection import Entry, Permission
from upid.kit.clock import system_clock

PUBLIC = KubernetesConnector(AddressPolicy(), limits=None, clock=system_clock)
PODS = Permission("list", "", "pods")
RESIZE = Permission("patch", "", "pods/resize")


@pytest.mark.anyio
async def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    """A8."""
    text = json.dumps(hostile.good())
    private = text.replace("k8s.example.com", "127.0.0.1").encode()
    with pytest.raises(AddressRefused):
        PUBLIC.identify(private)
    with pytest.raises(AddressRefused):
        PUBLIC.connect(private)
    async with PUBLIC.connect(text.encode()) as connection:
        assert connection.identified == PUBLIC.identify(text.encode())


def answering(more: Callable[[Asked], Reply | None] | None = None) -> Answers:
    """Return an API server that is well; `more` may answer before it."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/version":
            told = {"major": "1", "minor": "36", "gitVersion": "v1.36.1", "platform": "linux/amd64"}
            return says(told, Date=format_datetime(datetime.now(UTC), usegmt=True))
        if asked.path == "/api/v1/namespaces":
            assert asked.query["fieldSelector"] == "metadata.name=kube-system"
            return says(listed("NamespaceList", [{"metadata": {"uid": "u-1"}}]))
        if asked.path.endswith("selfsubjectaccessreviews"):
            return review(asked)
        return fails(404, "NotFound")

    def first(asked: Asked) -> Reply:
        found = more(asked) if more else None
        return found or answer(asked)

    return first


def listed(kind: str, items: list[object]) -> dict[str, object]:
    return {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": items}


def review(asked: Asked) -> Reply:
    about = json.loads(asked.body)["spec"]["resourceAttributes"]
    allowed = about.get("subresource") != "resize"
    return says({"status": {"allowed": allowed, "reason": "" if allowed else "no rule\nfits"}}, 201)


def connected(client: ClusterClient) -> KubernetesConnection:
    return KubernetesConnection(client, identified(client.access, ""), system_clock)


@pytest.mark.anyio
async def test_a_look_tells_what_there_is_to_tell() -> None:
    """CLU-5."""
    async with talking(answering()) as (client, server):
        reach = await connected(client).look([PODS, RESIZE])

    assert (reach.version, reach.platform) == ("v1.36.1", "linux/amd64")
    assert timedelta() < reach.latency < timedelta(seconds=2)
    assert reach.skew == timedelta()
    assert [(g.permission, g.allowed, g.why) for g in reach.grants] == [
        (PODS, True, ""),
        (RESIZE, False, "no rule fits"),
    ]
    assert "no metrics server" in reach.no_usage
    assert reach.usage_age is None
    reviews = [json.loads(a.body) for a in server.asked if a.method == "POST"]
    attributes = [one["spec"]["resourceAttributes"] for one in reviews]
    assert sorted(attributes, key=len) == [
        {"verb": "list", "resource": "pods"},
        {"verb": "patch", "resource": "pods", "subresource": "resize"},
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("seconds", [-3_600, -5, 5, 86_400])
async def test_a_clock_that_is_wrong_is_told_to_the_second(seconds: int) -> None:
    """CLU-5."""

    def wrong(asked: Asked) -> Reply:
        if asked.path != "/version":
            return answering()(asked)
        told = {"major": "1", "minor": "36", "gitVersion": "v1.36.1"}
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        return says(told, Date=format_datetime(at, usegmt=True))

    async with talking(wrong) as (client, _):
        reach = await connected(client).look([])

    assert reach.skew is not None
    assert abs(reach.skew - timedelta(seconds=seconds)) <= timedelta(seconds=1)


@pytest.mark.anyio
async def test_a_server_that_does_not_tell_the_time_has_no_skew() -> None:
    """CLU-5: unknown is not zero."""

    def silent(asked: Asked) -> Reply:
        if asked.path != "/version":
            return answering()(asked)
        told = {"major": "1", "minor": "36", "gitVersion": "v1.36.1"}
        return says(told, Date="when it suits")

    async with talking(silent) as (client, _):
        assert (await connected(client).look([])).skew is None


@pytest.mark.anyio
async def test_a_cluster_is_the_same_under_another_address() -> None:
    """CLU-5: by the uid of kube-system; by its address where that may not be known."""
    found = []
    for forbidden in (False, False, True, True):

        def answer(asked: Asked, forbidden: bool = forbidden) -> Reply | None:
            return fails(403) if forbidden and asked.path == "/api/v1/namespaces" else None

        async with talking(answering(answer)) as (client, _):
            found.append((await connected(client).look([])).identity)
    assert found[0] == found[1]
    assert len(set(found[1:])) == 3


@pytest.mark.anyio
async def test_a_cluster_that_tells_nobody_about_themselves_grants_nothing_it_says() -> None:
    """CLU-5."""

    def answer(asked: Asked) -> Reply | None:
        return fails(403, message="no reviews") if asked.method == "POST" else None

    async with talking(answering(answer)) as (client, _):
        [grant] = (await connected(client).look([PODS])).grants
    assert not grant.allowed
    assert grant.why.startswith("unknown: ")


@pytest.mark.anyio
async def test_the_age_of_usage_is_that_of_the_latest_reading_by_the_servers_clock() -> None:
    """CLU-5."""
    ahead = timedelta(hours=2)

    def answer(asked: Asked) -> Reply | None:
        now = datetime.now(UTC) + ahead
        if asked.path == "/version":
            told = {"major": "1", "minor": "36", "gitVersion": "v1.36.1"}
            return says(told, Date=format_datetime(now, usegmt=True))
        if asked.path.endswith("metrics.k8s.io/v1beta1/nodes"):
            readings: list[object] = [
                {
                    "metadata": {"name": f"n-{age}"},
                    "timestamp": (now - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "usage": {"cpu": "1", "memory": "1Mi"},
                }
                for age in (90, 20)
            ]
            return says(listed("NodeMetricsList", readings))
        return None

    async with talking(answering(answer)) as (client, _):
        reach = await connected(client).look([])
    assert reach.no_usage == ""
    assert reach.usage_age is not None
    assert timedelta(seconds=18) <= reach.usage_age <= timedelta(seconds=24)


@pytest.mark.anyio
async def test_who_is_not_known_is_an_error_and_no_look() -> None:
    """CLU-7."""
    async with talking(lambda _: fails(401, "Unauthorized")) as (client, _):
        with pytest.raises(Unauthorized):
            await connected(client).look([PODS])


def config_map(**more: object) -> dict[str, object]:
    about = {"name": "app", "namespace": "shop", "resourceVersion": "7"}
    about["creationTimestamp"] = "2026-01-02T03:04:05Z"
    return {"metadata": about, **more}


@pytest.mark.anyio
async def test_of_config_maps_sizes_are_told_and_values_are_gone() -> None:
    """CLU-5: also from memory; the value is one that no other object can hold."""
    value = "ünüsual-" + "x7q" * 50
    item = config_map(
        data={"b": value, "a": ""},
        binaryData={"z": base64.b64encode(b"12345").decode()},
        immutable=True,
    )
    answer = says(listed("ConfigMapList", [item, config_map()]))
    async with talking(lambda _: answer) as (client, server):
        [page] = [page async for page in connected(client).config_maps("shop")]

    assert server.paths() == ["/api/v1/namespaces/shop/configmaps"]
    full, empty = page
    assert full.entries == (Entry("a", 0), Entry("b", len(value.encode())), Entry("z", 5))
    assert (full.namespace, full.name, full.version, full.immutable) == ("shop", "app", "7", True)
    assert full.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert empty.entries == ()
    held = [one for one in gc.get_referents(*page, *full.entries) if isinstance(one, str | bytes)]
    assert not any("x7q" in str(one) for one in held)


@pytest.mark.anyio
async def test_a_config_map_of_another_shape_hides_no_other() -> None:
    """CLU-5."""
    answer = says(listed("ConfigMapList", [config_map(data={"a": 5}), config_map(data={"a": "5"})]))
    async with talking(lambda _: answer) as (client, _):
        [page] = [page async for page in connected(client).config_maps(None)]
    assert [one.entries for one in page] == [(Entry("a", 1),)]


def table(*rows: dict[str, object], onward: str = "") -> dict[str, object]:
    columns = [{"name": name, "type": "string"} for name in ("Name", "Type", "Data", "Age")]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "9", "continue": onward},
        "columnDefinitions": columns,
        "rows": [*rows],
    }


def secret(name: str) -> dict[str, object]:
    about = {
        "name": name,
        "namespace": "shop",
        "resourceVersion": "8",
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
    }
    return {"cells": [name, "Opaque", 2, "5d"], "object": {"metadata": about}}


@pytest.mark.anyio
async def test_secrets_are_asked_for_as_a_table_and_nothing_else() -> None:
    """CLU-5, A10: page by page; what an annotation repeats of the content is dropped."""
    pages = {None: says(table(secret("a"), onward="more")), "more": says(table(secret("b")))}
    async with talking(lambda asked: pages[asked.query.get("continue")]) as (client, server):
        found = [one async for page in connected(client).secrets(None) for one in page]

    assert [(one.namespace, one.name, one.type, one.version) for one in found] == [
        ("shop", "a", "Opaque", "8"),
        ("shop", "b", "Opaque", "8"),
    ]
    assert found[0].created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert "hunter2" not in repr(found)
    accepted = {one.headers["accept"] for one in server.asked}
    assert accepted == {"application/json;as=Table;g=meta.k8s.io;v=v1"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        listed("SecretList", [{"metadata": {"name": "a"}, "data": {"password": "aHVudGVyMg=="}}]),
        {"kind": "Table", "rows": [{"cells": ["hunter2"], "object": "hunter2"}]},
        {"kind": "Table", "rows": "hunter2"},
        ["hunter2"],
    ],
)
async def test_secrets_in_any_other_form_are_not_read_at_all(body: object) -> None:
    """CLU-5, A10: an error, in which not a letter of it stands."""
    async with talking(lambda _: says(body)) as (client, _):
        with pytest.raises(NotKubernetes) as failed:
            [page async for page in connected(client).secrets(None)]
    shown = f"{failed.value} {failed.value.hint} {failed.value.__cause__} {failed.value.details}"
    assert "hunter2" not in shown
    assert "aHVu" not in shown


@pytest.mark.anyio
async def test_what_is_served_comes_with_its_subresources_from_both_discoveries() -> None:
    """CLU-4."""

    def aggregated(asked: Asked) -> Reply:
        if asked.path == "/version":
            return answering()(asked)
        if asked.path == "/apis":
            stale = [{"version": "v1beta1", "freshness": "Stale"}]
            groups = [{"metadata": {"name": "metrics.k8s.io"}, "versions": stale}]
        else:
            parts = [{"subresource": "resize"}, {"subresource": "log"}]
            pods = {"resource": "pods", "scope": "Namespaced", "subresources": parts}
            groups = [{"metadata": {}, "versions": [{"version": "v1", "resources": [pods]}]}]
        kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        return says({"kind": "APIGroupDiscoveryList", "items": groups}, Content_Type=kind)

    def plain(asked: Asked) -> Reply:
        version = {"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"}
        names = ("pods", "pods/resize", "pods/log")
        told: dict[str, object] = {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {
                "kind": "APIGroupList",
                "groups": [{"name": "metrics.k8s.io", "versions": [version]}],
            },
            "/api/v1": {
                "kind": "APIResourceList",
                "resources": [{"name": name, "kind": "Pod"} for name in names],
            },
        }
        if asked.path not in told:
            return answering()(asked)
        return says(told[asked.path])

    for answer in (aggregated, plain):
        async with talking(answer) as (client, _):
            found = await connected(client).served()
        assert found.version == "v1.36.1"
        assert found.groups == {"": ("pods", "pods/log", "pods/resize")}
        assert found.failing == ("metrics.k8s.io",)


@pytest.mark.anyio
async def test_nothing_is_sent_before_something_is_asked() -> None:
    """CLU-5, A8."""
    async with serving(answering()) as server:
        access = access_to(server.url, tls=Tls())
        async with ClusterClient(access) as client:
            connected(client)
        assert server.connections == 0
