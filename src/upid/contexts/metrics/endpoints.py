"""Stored recordings over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse

from upid.contexts.metrics.errors import (
    RecordingConflict,
    RecordingFileLost,
    RecordingNameRefused,
    RecordingNotFound,
    RecordingTooLarge,
    RecordingUnfit,
)
from upid.contexts.metrics.schemas import RecordingPage, RecordingRead
from upid.contexts.metrics.service import RecordingService
from upid.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, BadCursor
from upid.kit.problems import problems
from upid.kit.web import service

MEDIA_TYPE = "application/vnd.upid.recording"
PATH = "/recordings"

router = APIRouter(prefix=PATH, tags=["recordings"])
Recordings = Annotated[RecordingService, Depends(service(RecordingService))]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("", responses=problems(BadCursor))
async def list_recordings(
    recordings: Recordings,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> RecordingPage:
    """Return stored recordings, the oldest first."""
    return RecordingPage.of(await recordings.page(cursor, limit))


@router.post(
    "",
    status_code=201,
    openapi_extra=_BODY,
    responses={
        200: {"model": RecordingRead, "description": "These bytes are stored already."},
        **problems(RecordingConflict, RecordingNameRefused, RecordingTooLarge, RecordingUnfit),
    },
)
async def store_recording(
    request: Request,
    response: Response,
    recordings: Recordings,
    name: Annotated[str | None, Query(description="Default: the cluster's name.")] = None,
) -> RecordingRead:
    """Store the recording in the body, once it is proven whole; from then on it is a cluster.

    Sending the same bytes again changes nothing and answers 200.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
        raise HTTPException(415, f"the body should be {MEDIA_TYPE}")
    recording, fresh = await recordings.add(request.stream(), name)
    response.status_code = 201 if fresh else 200
    response.headers["Location"] = f"{request.url.path}/{recording.id}"
    response.headers["ETag"] = _etag(recording.sha256)
    return RecordingRead.of(recording)


@router.get("/{recording_id}", responses=problems(RecordingNotFound))
async def get_recording(
    recording_id: str, response: Response, recordings: Recordings
) -> RecordingRead:
    """Return one stored recording."""
    recording = await recordings.get(recording_id)
    response.headers["ETag"] = _etag(recording.sha256)
    return RecordingRead.of(recording)


@router.delete("/{recording_id}", status_code=204, responses=problems(RecordingNotFound))
async def delete_recording(recording_id: str, recordings: Recordings) -> None:
    """Remove a stored recording; its cluster can no longer be asked about."""
    await recordings.remove(recording_id)


@router.get(
    "/{recording_id}/download",
    response_class=FileResponse,
    responses=_FILE | problems(RecordingNotFound, RecordingFileLost),
)
async def download_recording(
    recording_id: str,
    recordings: Recordings,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the file of a stored recording; parts of it by Range."""
    recording, path = await recordings.file(recording_id)
    headers = {"ETag": _etag(recording.sha256)}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    filename = f"{recording.name}.upid"
    return FileResponse(path, headers=headers, media_type=MEDIA_TYPE, filename=filename)


def _etag(sha256: str) -> str:
    return f'"{sha256}"'
