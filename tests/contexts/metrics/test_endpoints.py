"""Stored recordings over HTTP."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.contexts.metrics.conftest import LIMIT, Program, a_recording
from tests.fixtures.asgi import calling
from upid.contexts.metrics import RecordingService
from upid.contexts.metrics.endpoints import MEDIA_TYPE, PATH, router
from upid.gateway.app import create_app
from upid.gateway.settings import ApiSettings

pytestmark = pytest.mark.anyio

URL = "/api/v1/recordings"
KIND = {"Content-Type": MEDIA_TYPE}


@pytest.fixture
async def client(program: Program) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(
        [router],
        {RecordingService: program.recordings},
        settings=ApiSettings(max_body_bytes=1024),
        server=True,
        unlimited=frozenset({PATH}),
    )
    async with calling(app) as found:
        yield found


async def store(client: httpx2.AsyncClient, body: bytes, **query: str) -> httpx2.Response:
    return await client.post(URL, content=body, headers=KIND, params=query)


async def test_storing_answers_201_once_and_200_for_the_same_bytes(
    client: httpx2.AsyncClient,
) -> None:
    body = a_recording(1, "shop", padding="x" * 2000)  # over the limit of other bodies
    first = await store(client, body, name="before the sale")
    again = await store(client, body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["name"] == "before the sale"
    assert first.headers["location"] == f"{URL}/{first.json()['id']}"
    assert (await client.get(first.headers["location"])).json() == first.json()


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"junk", MEDIA_TYPE, 422, "recording_unfit"),
        (b"x" * (LIMIT + 1), MEDIA_TYPE, 422, "recording_too_large"),
        (a_recording(), "text/plain", 415, "media_type_unsupported"),
    ],
)
async def test_what_cannot_be_stored_is_told_why(
    client: httpx2.AsyncClient, body: bytes, kind: str, status: int, code: str
) -> None:
    found = await client.post(URL, content=body, headers={"Content-Type": kind})

    assert (found.status_code, found.json()["code"]) == (status, code)
    assert found.json().get("hint") or status == 415
    assert (await client.get(URL)).json() == {"items": [], "next_cursor": None}


async def test_another_recording_of_the_same_cluster_is_a_conflict(
    client: httpx2.AsyncClient,
) -> None:
    await store(client, a_recording(1))
    found = await store(client, a_recording(1, note="other"))
    assert (found.status_code, found.json()["code"]) == (409, "recording_conflict")


async def test_a_download_is_the_same_bytes_whole_in_parts_or_not_at_all(
    client: httpx2.AsyncClient,
) -> None:
    body = a_recording(1, "Łódź")
    stored = (await store(client, body)).json()
    url = f"{URL}/{stored['id']}/download"

    whole = await client.get(url)
    part = await client.get(url, headers={"Range": "bytes=2-5", "If-Range": whole.headers["etag"]})
    beyond = await client.get(url, headers={"Range": "bytes=99999-"})
    known = await client.get(url, headers={"If-None-Match": whole.headers["etag"]})

    assert whole.content == body
    assert whole.headers["content-type"] == MEDIA_TYPE
    assert whole.headers["etag"] == f'"{stored["sha256"]}"'
    assert "attachment" in whole.headers["content-disposition"]
    assert (part.status_code, part.content) == (206, body[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(body)}"
    assert beyond.status_code == 416
    assert (known.status_code, known.content) == (304, b"")


async def test_a_deleted_recording_is_missing_everywhere(client: httpx2.AsyncClient) -> None:
    url = f"{URL}/{(await store(client, a_recording())).json()['id']}"

    assert (await client.delete(url)).status_code == 204
    answers = [await client.get(url), await client.get(f"{url}/download"), await client.delete(url)]
    assert [(x.status_code, x.json()["code"]) for x in answers] == [
        (404, "recording_not_found")
    ] * 3


async def test_pages_are_followed_by_their_cursor_within_bounds(
    client: httpx2.AsyncClient,
) -> None:
    for number in range(5):
        await store(client, a_recording(number))
    first = (await client.get(URL, params={"limit": 3})).json()
    rest = (await client.get(URL, params={"limit": 3, "cursor": first["next_cursor"]})).json()

    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [3, 2, None]
    for wrong in ({"limit": 0}, {"limit": 501}, {"cursor": "nonsense"}):
        assert (await client.get(URL, params=wrong)).status_code == 422
