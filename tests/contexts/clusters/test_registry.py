"""Clusters are registered, changed and forgotten; their credentials go in and never come out."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contexts.clusters.conftest import TOKEN
from tests.contexts.clusters.registry_world import URL, Program, registration, until
from tests.fixtures.memory_cluster import MemoryCluster, kubeconfig
from upid.app.settings import Settings
from upid.kit.crypto import Vault
from upid.kit.db import Database

pytestmark = pytest.mark.anyio


async def test_a_cluster_that_answers_is_registered_and_shown_without_credentials(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-5, CLU-6, API-3."""
    async with program.running() as client:
        made = await client.post(URL, json=registration(there, labels={"team": "shop"}))
        shown = await client.get(made.headers["location"])

    assert made.status_code == 201, made.text
    assert made.json()["id"].startswith("cl_")
    assert len(made.json()["id"]) == 19
    assert (shown.json(), shown.headers["etag"]) == (made.json(), made.headers["etag"])
    assert TOKEN not in made.text + shown.text
    assert shown.json()["labels"] == {"team": "shop"}
    assert await program.topics() == ["cluster.registered"]


@pytest.mark.parametrize(
    ("server", "token", "status", "code"),
    [
        ("https://prod.example:6443", "wrong", 403, "cluster_unauthorized"),
        ("https://nobody.example:6443", TOKEN, 502, "cluster_refused"),
    ],
)
async def test_nothing_is_stored_for_a_cluster_that_does_not_answer(
    program: Program, server: str, token: str, status: int, code: str
) -> None:
    async with program.running() as client:
        sent = {"name": "prod", "kubeconfig": kubeconfig(server, token)}
        refused = await client.post(URL, json=sent)
        listed = await client.get(URL)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["hint"]
    assert listed.json()["items"] == []
    assert await program.topics() == []


async def test_a_cluster_that_hangs_is_given_up_in_time(
    program: Program, there: MemoryCluster
) -> None:
    there.hanging = True
    async with program.running() as client:
        refused = await client.post(URL, json=registration(there))
    assert (refused.status_code, refused.json()["code"]) == (502, "cluster_look_timeout")


async def test_a_cluster_and_a_name_are_there_once(program: Program, there: MemoryCluster) -> None:
    async with program.running() as client:
        await client.post(URL, json=registration(there, "prod"))
        same = await client.post(URL, json=registration(there, "other"))
        there.uid = "22222222-2222-2222-2222-222222222222"  # what answers now is another one
        named = await client.post(URL, json=registration(there, "prod"))

    assert (same.status_code, same.json()["code"]) == (409, "cluster_exists")
    assert (named.status_code, named.json()["code"]) == (409, "cluster_name_taken")


async def test_of_two_equal_registrations_at_once_one_wins_and_only_it_is_announced(
    program: Program, there: MemoryCluster
) -> None:
    async with program.running() as client:
        answers = await asyncio.gather(
            *(client.post(URL, json=registration(there, f"c{number}")) for number in range(4))
        )
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409]
    assert await program.topics() == ["cluster.registered"]


async def test_a_registration_sent_twice_by_one_key_is_one(
    program: Program, there: MemoryCluster
) -> None:
    """API-1: idempotency keys."""
    key = {"Idempotency-Key": "once-1"}
    async with program.running() as client:
        first = await client.post(URL, json=registration(there), headers=key)
        again = await client.post(URL, json=registration(there), headers=key)
        other = await client.post(URL, json=registration(there, "other"), headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert other.status_code in (409, 422)
    assert await program.topics() == ["cluster.registered"]


async def test_a_change_needs_the_version_that_was_read(
    program: Program, there: MemoryCluster
) -> None:
    async with program.running() as client:
        made = await client.post(URL, json=registration(there))
        place, tag = made.headers["location"], made.headers["etag"]
        sent = {"name": "production", "labels": {"stage": "prod"}}
        changed = await client.put(place, json=sent, headers={"If-Match": tag})
        late = await client.put(place, json=sent, headers={"If-Match": tag})
        known = await client.get(place, headers={"If-None-Match": changed.headers["etag"]})
        old = await client.get(place, headers={"If-None-Match": tag})

    assert (changed.status_code, changed.json()["name"]) == (200, "production")
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (known.status_code, known.content, old.status_code) == (304, b"", 200)
    assert await program.topics() == ["cluster.registered", "cluster.updated"]


async def test_of_two_changes_made_at_the_same_time_one_is_told_that_it_is_late(
    program: Program, there: MemoryCluster
) -> None:
    """Both were made for the same version; neither is lost without a word."""
    async with program.running() as client:
        made = await client.post(URL, json=registration(there))
        tag = {"If-Match": made.headers["etag"]}
        sent = [registration(there, f"name-{number}") for number in range(4)]
        answers = await asyncio.gather(
            *(client.put(made.headers["location"], json=one, headers=tag) for one in sent)
        )
        kept = (await client.get(made.headers["location"])).json()["name"]

    won = [one.json()["name"] for one in answers if one.status_code == 200]
    assert won == [kept]
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412]


async def test_credentials_are_replaced_only_by_those_of_the_same_cluster(
    program: Program, there: MemoryCluster
) -> None:
    async with program.running() as client:
        place = (await client.post(URL, json=registration(there))).headers["location"]
        there.token = "canary-rotated"  # noqa: S105 - of a cluster in memory
        fresh = await client.put(place, json=registration(there))
        kept = await program.registry.get(place.rpartition("/")[2])
        there.uid = "other"
        strange = await client.put(place, json=registration(there))

    assert fresh.status_code == 200, fresh.text
    assert kept.revision == 2
    assert (strange.status_code, strange.json()["code"]) == (409, "cluster_differs")


async def test_a_forgotten_cluster_is_missing_everywhere_and_may_come_again(
    program: Program, there: MemoryCluster
) -> None:
    async with program.running() as client:
        place = (await client.post(URL, json=registration(there))).headers["location"]
        gone = await client.delete(place)
        for path in ("", "/status", "/pods", "/health", "/checks", "/metrics", "/configmaps"):
            answer = await client.get(place + path)
            assert (answer.status_code, answer.json()["code"]) == (404, "cluster_not_found"), path
        again = await client.post(URL, json=registration(there))

    assert (gone.status_code, again.status_code) == (204, 201)
    topics = ["cluster.registered", "cluster.deleted", "cluster.registered"]
    assert await program.topics() == topics


async def test_clusters_are_listed_by_name_a_page_at_a_time_and_by_label(
    db: Database, vault: Vault, settings: Settings
) -> None:
    clusters = tuple(MemoryCluster(f"https://c{n}.example", TOKEN, f"uid-{n}") for n in range(5))
    program = Program(db, vault, clusters, settings)
    async with program.running() as client:
        for number, cluster in enumerate(clusters):
            labels = {"stage": "prod" if number % 2 else "test"}
            await client.post(URL, json=registration(cluster, f"c{number}", labels=labels))
        first = (await client.get(URL, params={"limit": 3})).json()
        rest = (await client.get(URL, params={"cursor": first["next_cursor"]})).json()
        prod = (await client.get(URL, params={"selector": "stage=prod"})).json()
        one = (await client.get(URL, params={"name": "c4"})).json()
        bad = await client.get(URL, params={"selector": "a=b=c"})

    assert [c["name"] for c in first["items"] + rest["items"]] == ["c0", "c1", "c2", "c3", "c4"]
    assert rest["next_cursor"] is None
    assert [c["name"] for c in prod["items"]] == ["c1", "c3"]
    assert [c["name"] for c in one["items"]] == ["c4"]
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_selector")


@pytest.mark.parametrize("name", ["", " prod", "a\nb", "cl_0011223344556677", "x" * 254])
async def test_a_name_that_would_confuse_is_refused(
    program: Program, there: MemoryCluster, name: str
) -> None:
    async with program.running() as client:
        assert (await client.post(URL, json=registration(there, name))).status_code == 422


async def test_an_ending_certificate_warns_a_month_ahead(
    program: Program, there: MemoryCluster
) -> None:
    """CLU-6."""
    there.certificate_until = program.clock() + timedelta(days=31)
    async with program.running() as client:
        place = (await client.post(URL, json=registration(there))).headers["location"]
        early = (await client.get(place)).json()["endings"]
        program.clock.ahead = timedelta(days=2)
        late = (await client.get(place)).json()["endings"]
        health = (await client.get(f"{place}/health")).json()

    assert [(one["what"], one["warning"]) for one in early] == [("client certificate", None)]
    assert "ends in 28 days" in late[0]["warning"]
    assert late[0]["warning"] in health["reasons"]


async def test_after_a_restart_clusters_are_connected_again(
    db: Database, vault: Vault, there: MemoryCluster, settings: Settings
) -> None:
    before = Program(db, vault, (there,), settings)
    async with before.running() as client:
        place = (await client.post(URL, json=registration(there))).headers["location"]
    looks = there.looks
    after = Program(db, vault, (there,), settings)
    async with after.running() as client:
        await until("it to be looked at", lambda: there.looks > looks)
        assert (await client.get(place)).json()["name"] == "prod"


def stored(folder: Path) -> bytes:
    """Return every byte of the database's files."""
    return b"".join(file.read_bytes() for file in folder.glob("upid.db*"))


async def test_credentials_are_in_no_row_and_no_log_line(
    sqlite_url: str,
    vault: Vault,
    there: MemoryCluster,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """CLU-6: every byte of the database's files is looked at."""
    caplog.set_level("DEBUG")
    db = Database(sqlite_url)
    program = Program(db, vault, (there,), settings)
    async with program.running() as client:
        sent = registration(there)
        made = await client.post(URL, json=sent, headers={"Idempotency-Key": "k"})
        await client.put(made.headers["location"], json=sent)
        await client.post(f"{made.headers['location']}/validate")
        await client.post(URL, json={**sent, "labels": {"not a label": "x"}})
        await client.post(URL, json={**sent, "name": 7})
    await db.close()

    whole = stored(tmp_path)
    assert b"prod.example" in whole, "the server's name is not a secret"
    for canary in (TOKEN, json.dumps(sent["kubeconfig"])[1:40]):
        assert canary.encode() not in whole
        assert canary not in caplog.text
