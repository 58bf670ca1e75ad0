"""The simulated API server, by examples that need no real one."""

import pytest

from tests.world.simulated.answers import Answer, Json, Refused
from tests.world.simulated.clock import HandClock
from tests.world.simulated.kinds import CONFIG_MAP, DEPLOYMENT, POD_DISRUPTION_BUDGET
from tests.world.simulated.merge_patch import merged
from tests.world.simulated.server import SimulatedServer, Unmodelled, Watch
from tests.world.simulated.writing import MERGE_PATCH

MAPS = CONFIG_MAP.path("default")
BUDGETS = POD_DISRUPTION_BUDGET.path("default")
DEPLOYMENTS = DEPLOYMENT.path("default")

# RFC 7386, appendix A: target, patch, result.
RFC_7386: list[tuple[Json, Json, Json]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def server(clock: HandClock) -> SimulatedServer:
    return SimulatedServer(clock)


def made(server: SimulatedServer, name: str, path: str = MAPS, **content: Json) -> Json:
    metadata = {"name": name, **content.pop("metadata", {})}
    answer = server.request("POST", path, None, {"metadata": metadata, **content})
    assert answer.status == 201, answer.json()
    return answer.json()


def patched(server: SimulatedServer, path: str, patch: Json) -> Answer:
    return server.request("PATCH", path, None, patch, MERGE_PATCH)


def told(server: SimulatedServer, watch: Watch) -> list[tuple[str, str]]:
    return [(e.type, e.json()["metadata"].get("name", "")) for e in server.events(watch)]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7386)
def test_a_merge_patch_does_what_the_rfc_lists(target: Json, patch: Json, result: Json) -> None:
    assert merged(target, patch) == result


def test_an_update_with_a_stale_version_is_refused_and_changes_nothing(
    server: SimulatedServer,
) -> None:
    first = made(server, "x", data={"k": "1"})
    patched(server, f"{MAPS}/x", {"data": {"k": "2"}})
    answer = server.request("PUT", f"{MAPS}/x", None, first)
    assert (answer.status, answer.json()["reason"]) == (409, "Conflict")
    assert server.request("GET", f"{MAPS}/x").json()["data"] == {"k": "2"}


def test_a_write_that_changes_nothing_takes_no_revision(server: SimulatedServer) -> None:
    first = made(server, "x", data={"k": "1"})
    assert server.request("PUT", f"{MAPS}/x", None, first).json() == first
    assert patched(server, f"{MAPS}/x", {"data": {"k": "1"}}).json() == first
    assert server.revision == int(first["metadata"]["resourceVersion"])


def test_an_answer_is_not_the_servers_own_memory(server: SimulatedServer) -> None:
    body = {"metadata": {"name": "x"}, "data": {"k": "1"}}
    answer = server.request("POST", MAPS, None, body)
    body["data"]["k"] = "2"
    answer.json()["data"]["k"] = "3"
    assert server.request("GET", f"{MAPS}/x").json()["data"] == {"k": "1"}


def test_generation_counts_the_spec_and_not_the_status(server: SimulatedServer) -> None:
    made(server, "x", BUDGETS, spec={"minAvailable": 1})
    patched(server, f"{BUDGETS}/x/status", {"status": {"currentHealthy": 3}})
    found = patched(server, f"{BUDGETS}/x", {"metadata": {"labels": {"a": "b"}}}).json()
    assert found["metadata"]["generation"] == 1
    assert found["status"]["currentHealthy"] == 3
    found = patched(server, f"{BUDGETS}/x", {"spec": {"minAvailable": 2}}).json()
    assert found["metadata"]["generation"] == 2


def test_the_generation_of_a_deployment_counts_annotations_too(server: SimulatedServer) -> None:
    container = {"name": "c", "image": "registry.local/app:1"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    made(server, "x", DEPLOYMENTS, spec=spec)
    found = patched(server, f"{DEPLOYMENTS}/x", {"metadata": {"annotations": {"n": "1"}}}).json()
    assert found["metadata"]["generation"] == 2


def test_an_object_with_finalizers_goes_when_the_last_one_does(server: SimulatedServer) -> None:
    made(server, "x", metadata={"finalizers": ["a.b/c"]})
    watch = server.watch(MAPS, {"resourceVersion": str(server.revision)})
    leaving = server.request("DELETE", f"{MAPS}/x").json()
    assert leaving["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert patched(server, f"{MAPS}/x", {"metadata": {"finalizers": None}}).status == 200
    assert server.request("GET", f"{MAPS}/x").status == 404
    assert told(server, watch) == [("MODIFIED", "x"), ("DELETED", "x")]


def test_a_deletion_for_another_object_of_the_same_name_is_refused(
    server: SimulatedServer,
) -> None:
    first = made(server, "x")
    server.request("DELETE", f"{MAPS}/x")
    made(server, "x")
    wanted = {"preconditions": {"uid": first["metadata"]["uid"]}}
    assert server.request("DELETE", f"{MAPS}/x", None, wanted).status == 409


def test_a_body_makes_a_deletion_overlook_a_dry_run_in_the_query(server: SimulatedServer) -> None:
    made(server, "x")
    dry = {"dryRun": "All"}
    server.request("DELETE", f"{MAPS}/x", dry)
    assert server.request("GET", f"{MAPS}/x").status == 200
    server.request("DELETE", f"{MAPS}/x", dry, {"gracePeriodSeconds": 0})
    assert server.request("GET", f"{MAPS}/x").status == 404


def test_pages_show_one_moment_whatever_happens_between_them(server: SimulatedServer) -> None:
    for name in "abc":
        made(server, name)
    first = server.request("GET", MAPS, {"limit": "2"}).json()
    assert first["metadata"]["remainingItemCount"] == 1
    server.request("DELETE", f"{MAPS}/c")
    made(server, "bb")
    token = first["metadata"]["continue"]
    second = server.request("GET", MAPS, {"limit": "2", "continue": token}).json()
    assert [item["metadata"]["name"] for item in second["items"]] == ["c"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_an_expired_page_offers_to_go_on_with_what_is_there_now(server: SimulatedServer) -> None:
    for name in "abc":
        made(server, name)
    token = server.request("GET", MAPS, {"limit": "2"}).json()["metadata"]["continue"]
    made(server, "d")
    server.compact()
    refused = server.request("GET", MAPS, {"limit": "2", "continue": token})
    assert (refused.status, refused.json()["reason"]) == (410, "Expired")
    fresh = refused.json()["metadata"]["continue"]
    rest = server.request("GET", MAPS, {"continue": fresh}).json()
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c", "d"]


def test_a_watch_from_before_a_compaction_is_told_that_the_past_is_gone(
    server: SimulatedServer,
) -> None:
    version = made(server, "x")["metadata"]["resourceVersion"]
    made(server, "y")
    server.compact()
    watch = server.watch(MAPS, {"resourceVersion": version})
    (event,) = server.events(watch)
    assert (event.type, event.json()["code"], watch.ended) == ("ERROR", 410, True)


def test_a_watch_that_is_open_at_a_compaction_ends_after_what_happened(
    server: SimulatedServer,
) -> None:
    watch = server.watch(MAPS, {"resourceVersion": "0"})
    made(server, "x")
    server.compact()
    made(server, "y")
    assert told(server, watch) == [("ADDED", "x")]
    assert watch.ended


def test_what_leaves_a_selector_is_deleted_for_its_watch(server: SimulatedServer) -> None:
    made(server, "x", metadata={"labels": {"app": "a"}})
    watch = server.watch(MAPS, {"labelSelector": "app=a", "resourceVersion": str(server.revision)})
    patched(server, f"{MAPS}/x", {"metadata": {"labels": {"app": "b"}}})
    patched(server, f"{MAPS}/x", {"metadata": {"labels": {"app": "a"}}})
    events = server.events(watch)
    assert [event.type for event in events] == ["DELETED", "ADDED"]
    assert events[0].json()["metadata"]["labels"] == {"app": "a"}


def test_a_bookmark_comes_before_a_watch_ends_when_there_is_something_to_say(
    server: SimulatedServer, clock: HandClock
) -> None:
    query = {"allowWatchBookmarks": "true", "timeoutSeconds": "10"}
    name = {"fieldSelector": "metadata.name=other"}
    watch = server.watch(MAPS, query | name | {"resourceVersion": str(server.revision)})
    made(server, "x")
    assert server.events(watch) == []
    clock.advance(8)
    (bookmark,) = server.events(watch)
    assert bookmark.type == "BOOKMARK"
    assert bookmark.json()["metadata"]["resourceVersion"] == str(server.revision)
    clock.advance(2)
    assert server.events(watch) == []
    assert watch.ended


def test_a_watch_with_initial_events_says_when_they_are_over(server: SimulatedServer) -> None:
    made(server, "x")
    watch = server.watch(MAPS, {"allowWatchBookmarks": "true"})
    added, end = server.events(watch)
    assert (added.type, end.type) == ("ADDED", "BOOKMARK")
    assert end.json()["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_without_an_end_gets_a_bookmark_a_minute(
    server: SimulatedServer, clock: HandClock
) -> None:
    query = {"allowWatchBookmarks": "true", "resourceVersion": str(server.revision)}
    watch = server.watch(MAPS, query | {"labelSelector": "app"})
    for _ in range(3):
        made(server, f"x{server.revision}")
        clock.advance(60)
        assert [event.type for event in server.events(watch)] == ["BOOKMARK"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("", "abcd"),
        ("app=a", "a"),
        ("app==a", "a"),
        ("app!=a", "bcd"),
        ("app in (a, b)", "abc"),
        ("app notin (b)", "ad"),
        ("app", "abc"),
        ("!app", "d"),
        ("app,tier!=x", "ab"),
    ],
)
def test_a_selector_takes_what_kubernetes_says(
    server: SimulatedServer, selector: str, names: str
) -> None:
    for name, labels in {
        "a": {"app": "a"},
        "b": {"app": "b"},
        "c": {"app": "b", "tier": "x"},
        "d": {},
    }.items():
        made(server, name, metadata={"labels": labels})
    found = server.request("GET", MAPS, {"labelSelector": selector}).json()["items"]
    assert "".join(item["metadata"]["name"] for item in found) == names


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "status"),
    [
        ("POST", CONFIG_MAP.path("never-made"), {}, {"metadata": {"name": "x"}}, 404),
        ("POST", MAPS, {}, {"metadata": {"name": "A_b"}}, 422),
        ("POST", MAPS, {}, {"metadata": {}}, 422),
        ("POST", MAPS, {}, {"metadata": {"name": "x"}, "data": {"k": 1}}, 400),
        ("POST", MAPS, {}, {"metadata": {"name": "x", "namespace": "other"}}, 400),
        ("POST", MAPS, {}, b"{", 400),
        ("PUT", MAPS, {}, {}, 405),
        ("PUT", f"{MAPS}/x", {}, {"metadata": {"name": "x"}}, 404),
        ("GET", f"{MAPS}/x", {}, None, 404),
        ("GET", "/api/v1/namespaces/default/nothings", {}, None, 404),
        ("GET", MAPS, {"labelSelector": "a=!"}, None, 400),
        ("GET", MAPS, {"limit": "many"}, None, 400),
        ("GET", MAPS, {"continue": "garbage"}, None, 400),
        ("GET", MAPS, {"resourceVersion": "99"}, None, 504),
        ("DELETE", f"{MAPS}/x", {}, None, 404),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    server: SimulatedServer,
    method: str,
    path: str,
    query: dict[str, str],
    body: bytes | dict[str, object] | None,
    status: int,
) -> None:
    answer = server.request(method, path, query, body)
    assert (answer.status, answer.json()["code"]) == (status, status)


def test_what_is_not_known_is_not_answered(server: SimulatedServer) -> None:
    made(server, "x")
    with pytest.raises(Unmodelled, match="scale"):
        server.request("GET", f"{DEPLOYMENTS}/x/scale")
    with pytest.raises(Unmodelled, match="apply"):
        server.request("PATCH", f"{MAPS}/x", None, {}, "application/apply-patch+yaml")
    with pytest.raises(Unmodelled, match="Foreground"):
        server.request("DELETE", f"{MAPS}/x", {"propagationPolicy": "Foreground"})


def test_a_watch_that_cannot_be_served_is_refused(server: SimulatedServer) -> None:
    with pytest.raises(Refused, match="NotOlderThan"):
        server.watch(MAPS, {"sendInitialEvents": "true"})


def test_the_same_seed_gives_the_same_names_and_uids() -> None:
    body = {"metadata": {"generateName": "x-"}}
    first, second, other = (
        SimulatedServer(seed=seed).request("POST", MAPS, None, body).body for seed in (1, 1, 2)
    )
    assert first == second != other


def test_time_does_not_go_back(clock: HandClock) -> None:
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)
