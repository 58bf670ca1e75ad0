"""What can go wrong with stored recordings."""

from collections.abc import Sequence

from upid.core.errors import Kind, UpidError


class RecordingNotFound(UpidError):
    """No stored recording has the given id."""

    kind = Kind.MISSING
    code = "recording_not_found"

    def __init__(self, recording_id: str) -> None:
        super().__init__(
            f"there is no stored recording {recording_id!r}",
            hint="list them: GET /api/v1/recordings",
        )


class RecordingConflict(UpidError):
    """Another stored recording says that it is the same cluster."""

    kind = Kind.CONFLICT
    code = "recording_conflict"

    def __init__(self, cluster_id: str) -> None:
        super().__init__(
            f"another recording of the cluster {cluster_id!r} is stored already",
            hint="delete that one first: DELETE /api/v1/recordings/{recordingId}",
        )


class RecordingUnfit(UpidError):
    """What was sent is not a recording, or not a whole one."""

    code = "recording_unfit"

    def __init__(self, problems: Sequence[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"this recording cannot be stored: {problems[0]}{more}",
            hint="check it where it is: upid recording validate FILE",
            details={"problems": list(problems)},
        )


class RecordingTooLarge(UpidError):
    """A recording over the limit of this program."""

    code = "recording_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the recording is larger than {limit} bytes",
            hint="record a shorter window, or raise the setting metrics.recording_max_bytes",
        )


class RecordingFileLost(UpidError):
    """A stored recording whose file has gone."""

    kind = Kind.UNREACHABLE
    code = "recording_file_lost"

    def __init__(self, recording_id: str) -> None:
        super().__init__(
            f"the file of the stored recording {recording_id!r} is not there any more",
            hint="delete the recording and store it again, or bring the file back",
        )


class RecordingNameRefused(UpidError):
    """A name that cannot be shown or stored."""

    code = "recording_name_refused"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:80]!r} cannot be the name of a recording",
            hint="use 1 to 253 characters, without control characters",
        )
