"""The settings of single clusters over HTTP.

Broken on purpose, and caught here: sections that let unknown fields pass, that take "0.9" for a
number or true for 1, that take any weights; a tag that does not name the version.
"""

from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contexts.configuration.conftest import PROD, Program
from tests.fixtures.asgi import calling
from upid.contexts.configuration import ConfigurationService
from upid.contexts.configuration.endpoints import router
from upid.gateway.app import create_app

pytestmark = pytest.mark.anyio

URL = "/api/v1/config/clusters/prod"
SECTIONS = {"general": "", "rules": "/rules", "thresholds": "/thresholds"}
WEIGHTS = ("business_weight", "resource_weight", "temporal_weight", "dependency_weight")

globs = st.lists(st.text("abcz-*?", min_size=1, max_size=63), max_size=5)
GENERAL = {
    "following": st.booleans(),
    "requests_per_second": st.floats(0.1, 1000),
    "requests_at_once": st.integers(1, 100),
    "secrets_metadata": st.booleans(),
    "time_zone": st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    "check_interval_seconds": st.floats(1, 86_400),
    "excluded_namespaces": globs,
}
RULE = st.fixed_dictionaries({}, optional={"on": st.booleans(), "except_namespaces": globs})
RULES = dict.fromkeys(("rightsizing", "idle", "cost"), RULE)
THRESHOLDS = {
    "idle_above": st.floats(1, 99),
    "efficiency": st.floats(0, 1),
    "cpu_quantile": st.floats(0.5, 1),
    "oom_bump": st.floats(1, 10) | st.integers(1, 10),
    "half_life_hours": st.floats(1, 8760),
    "least_runs": st.integers(1, 1000),
}
BODIES = {
    "general": st.fixed_dictionaries({}, optional=GENERAL),
    "rules": st.fixed_dictionaries({}, optional=RULES),
    "thresholds": st.fixed_dictionaries({}, optional=THRESHOLDS),
}


@pytest.fixture
async def client(program: Program) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app([router], {ConfigurationService: program.settings}, server=True)
    async with calling(app) as found:
        yield found


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SECTIONS)).flatmap(lambda s: st.tuples(st.just(s), BODIES[s])))
async def test_what_is_put_is_what_is_got_and_can_be_put_again(
    client: httpx2.AsyncClient, sent: tuple[str, dict[str, object]]
) -> None:
    """CFG-1: a put, then a get, is the identity; so is putting what was got."""
    section, body = sent
    url = URL + SECTIONS[section]
    put = await client.put(url, json=body)
    got = await client.get(url)
    assert put.status_code == 200, put.text
    assert got.json() == put.json()
    assert got.headers["etag"] == put.headers["etag"]
    assert got.json()["own"] == body
    again = (await client.put(url, json=got.json()["own"])).json()
    assert (again["own"], again["version"]) == (body, put.json()["version"] + 1)
    assert again["settings"] == got.json()["settings"]


HALVES: dict[str, object] = dict.fromkeys(WEIGHTS, 0.5)
WRONG: list[tuple[str, dict[str, object], list[str]]] = [
    (
        "general",
        {"requests_at_once": 0, "following": "yes", "colour": "red", "time_zone": "Mars/Base"},
        ["requests_at_once", "following", "colour", "time_zone"],
    ),
    (
        "general",
        {"requests_per_second": "20", "requests_at_once": True},
        ["requests_per_second", "requests_at_once"],
    ),
    (
        "general",
        {"excluded_namespaces": ["ok", "No Good", "x" * 64]},
        ["excluded_namespaces.1", "excluded_namespaces.2"],
    ),
    ("general", {"following": None, "time_zone": "../../x"}, ["following", "time_zone"]),
    ("rules", {"idle": {"on": 1}, "scaling": {}}, ["idle.on", "scaling"]),
    ("rules", {"cost": {"except_namespaces": "kube-*"}}, ["cost.except_namespaces"]),
    (
        "thresholds",
        {"efficiency": 1.2, "cpu_quantile": "0.9", "least_runs": 1.5},
        ["efficiency", "cpu_quantile", "least_runs"],
    ),
    ("thresholds", {"business_weight": 0.5}, ["set together"]),
    ("thresholds", HALVES, ["add up to 2 instead of 1"]),
]


@pytest.mark.parametrize(("section", "body", "named"), WRONG)
async def test_a_wrong_section_is_refused_whole_and_every_problem_named(
    client: httpx2.AsyncClient, section: str, body: dict[str, object], named: list[str]
) -> None:
    """CFG-1: validation; one answer names every problem, and nothing is stored."""
    url = URL + SECTIONS[section]
    refused = await client.put(url, json=body)

    assert refused.status_code == 422, refused.text
    assert [one for one in named if one not in refused.json()["detail"]] == []
    assert (await client.get(url)).json()["version"] == 0


@pytest.mark.parametrize("text", ['{"efficiency": NaN}', '{"efficiency": Infinity}', "[]", "null"])
async def test_what_json_does_not_know_is_no_threshold(
    client: httpx2.AsyncClient, text: str
) -> None:
    """CFG-1: validation."""
    url = URL + "/thresholds"
    headers = {"Content-Type": "application/json"}
    refused = await client.put(url, content=text, headers=headers)
    assert refused.status_code in {400, 422}
    assert (await client.get(url)).json()["version"] == 0


async def test_weights_that_add_up_are_taken_together(client: httpx2.AsyncClient) -> None:
    """IDL-1: the weights of a cluster."""
    body = dict(zip(WEIGHTS, (0.4, 0.3, 0.2, 0.1), strict=True))
    assert (await client.put(URL + "/thresholds", json=body)).json()["own"] == body


async def test_a_change_under_an_old_tag_is_refused_and_under_the_right_one_done(
    client: httpx2.AsyncClient,
) -> None:
    """CFG-1, API-4: optimistic concurrency; who has this version already is told so."""
    old = (await client.get(URL)).headers["etag"]
    changed = await client.put(URL, json={"following": False}, headers={"If-Match": old})
    refused = await client.put(URL, json={}, headers={"If-Match": old})
    tag = changed.headers["etag"]
    same = await client.get(URL, headers={"If-None-Match": tag})
    other = await client.get(URL, headers={"If-None-Match": old})

    assert changed.status_code == 200
    assert refused.json()["code"] == "precondition_failed"
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (other.status_code, other.json()["own"]) == (200, {"following": False})


async def test_history_is_shown_and_an_old_version_can_be_sent_again(
    client: httpx2.AsyncClient,
) -> None:
    """CFG-1: history, restore."""
    await client.put(URL + "/rules", json={"idle": {"on": False}})
    await client.put(URL + "/rules", json={})
    history = (await client.get(URL + "/history", params={"section": "rules", "limit": 1})).json()
    rest = await client.get(
        URL + "/history", params={"section": "rules", "cursor": history["next_cursor"]}
    )
    (first,) = rest.json()["items"]

    assert [(r["version"], r["own"], r["before"]) for r in history["items"]] == [
        (2, {}, {"idle": {"on": False}})
    ]
    assert first["by"].startswith("anonymous")
    assert rest.json()["next_cursor"] is None
    back = await client.put(URL + "/rules", json=first["own"])
    assert {s["name"]: s["value"] for s in back.json()["settings"]}["idle.on"] is False


@pytest.mark.parametrize("path", [*SECTIONS.values(), "/history"])
async def test_an_unknown_cluster_is_404_and_names_those_there_are(
    client: httpx2.AsyncClient, path: str
) -> None:
    """CLU-5: 404 with a way out."""
    refused = await client.get("/api/v1/config/clusters/nowhere" + path)
    assert (refused.status_code, refused.json()["code"]) == (404, "cluster_not_found")
    assert PROD in refused.json()["hint"]
