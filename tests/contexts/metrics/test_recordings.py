"""Recordings are taken in whole or not at all, survive restarts, and are clusters."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256

import pytest

from tests.contexts.metrics.conftest import LIMIT, Program, a_recording, parts
from tests.fixtures.memory_source import MemorySource, facts_of
from upid.contexts.clusters import ClusterNotFound
from upid.contexts.metrics import (
    Recording,
    RecordingConflict,
    RecordingFileLost,
    RecordingNameRefused,
    RecordingNotFound,
    RecordingTooLarge,
    RecordingUnfit,
)
from upid.kit.db import DatabaseBusy
from upid.kit.pagination import BadCursor

pytestmark = pytest.mark.anyio


async def stored(program: Program, number: int = 1, name: str | None = None) -> Recording:
    recording, _ = await program.recordings.add(parts(a_recording(number)), name)
    return recording


async def test_a_stored_recording_says_whose_past_it_is_and_can_be_asked_about(
    program: Program,
) -> None:
    """COL-9."""
    body = a_recording(7, "shop")
    recording, fresh = await program.recordings.add(parts(body[:5], b"", body[5:]), None)

    assert fresh
    assert recording.id.startswith("rcd_")
    assert (recording.name, recording.cluster_id) == ("shop", f"cl_{7:016x}")
    assert (recording.bytes, recording.sha256) == (len(body), sha256(body).hexdigest())
    assert recording.created == program.clock()
    assert await program.recordings.get(recording.id) == recording
    assert program.clusters.resolve(recording.cluster_id).name == "shop"
    assert program.clusters.resolve(recording.id).id == recording.cluster_id  # API-3
    assert (await program.recordings.file(recording.id))[1].read_bytes() == body


async def test_the_same_bytes_again_are_the_same_recording(program: Program) -> None:
    first = await stored(program)
    again, fresh = await program.recordings.add(parts(a_recording()), "another name")

    assert (again, fresh) == (first, False)
    assert program.files() == [f"{first.sha256}.upid"]


async def test_the_same_bytes_at_once_are_stored_once(program: Program) -> None:
    found = await asyncio.gather(
        *(program.recordings.add(parts(a_recording()), None) for _ in range(5))
    )

    assert len({recording.id for recording, _ in found}) == 1
    assert sorted(fresh for _, fresh in found) == [False] * 4 + [True]
    assert len(program.files()) == 1


async def test_another_recording_of_the_same_cluster_is_refused_and_leaves_nothing(
    program: Program,
) -> None:
    first = await stored(program)
    with pytest.raises(RecordingConflict):
        await program.recordings.add(parts(a_recording(1, note="other bytes")), None)

    assert program.files() == [f"{first.sha256}.upid"]


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b'{"id": "cl_1"}'])
async def test_what_is_no_whole_recording_leaves_nothing(program: Program, body: bytes) -> None:
    with pytest.raises(RecordingUnfit):
        await program.recordings.add(parts(body), None)

    assert program.files() == []
    assert program.attached() == []


async def test_a_recording_over_the_limit_is_refused_while_it_comes_in(program: Program) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1024
            yield b"x" * 1024

    with pytest.raises(RecordingTooLarge):
        await program.recordings.add(endless(), None)

    assert taken == LIMIT + 1024
    assert program.files() == []


async def test_a_sender_that_hangs_up_leaves_nothing(program: Program) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield a_recording()
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await program.recordings.add(cut(), None)

    assert program.files() == []


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[31m", "\u202eevil", "x" * 254])
async def test_names_that_cannot_be_shown_are_refused(program: Program, name: str) -> None:
    with pytest.raises(RecordingNameRefused):
        await stored(program, name=name)


async def test_a_removed_recording_is_gone_with_its_file_and_its_cluster(
    program: Program,
) -> None:
    kept, gone = await stored(program, 1), await stored(program, 2)
    await program.recordings.remove(gone.id)

    assert program.files() == [f"{kept.sha256}.upid"]
    assert program.attached() == [kept.cluster_id]
    with pytest.raises(ClusterNotFound):
        program.clusters.resolve(gone.id)
    with pytest.raises(RecordingNotFound):
        await program.recordings.get(gone.id)
    with pytest.raises(RecordingNotFound):
        await program.recordings.remove(gone.id)


async def test_a_restart_attaches_what_was_stored(program: Program) -> None:
    first, second = await stored(program, 1), await stored(program, 2)
    again = Program(program.db, program.folder)

    assert await again.recordings.start() == 2
    assert again.attached() == sorted([first.cluster_id, second.cluster_id])
    await again.recordings.remove(first.id)
    assert again.attached() == [second.cluster_id]


async def test_a_restart_removes_what_a_crash_left_and_nothing_else(program: Program) -> None:
    kept = await stored(program)
    (program.folder / "tmp123.incoming").write_bytes(b"half")
    (program.folder / f"{'a' * 64}.upid").write_bytes(a_recording(9))  # its row never came
    (program.folder / "notes.txt").write_text("somebody else's")

    await Program(program.db, program.folder).recordings.start()

    assert program.files() == [f"{kept.sha256}.upid", "notes.txt"]


async def test_a_row_whose_file_has_gone_does_not_stop_the_start(program: Program) -> None:
    lost, kept = await stored(program, 1), await stored(program, 2)
    (program.folder / f"{lost.sha256}.upid").unlink()
    again = Program(program.db, program.folder)

    assert await again.recordings.start() == 1
    assert again.attached() == [kept.cluster_id]
    with pytest.raises(RecordingFileLost, match=lost.id):
        await again.recordings.file(lost.id)
    await again.recordings.remove(lost.id)


async def test_a_recording_given_at_the_start_stays_when_its_stored_twin_is_removed(
    program: Program,
) -> None:
    program.clusters.attach(MemorySource(facts_of(id=f"cl_{1:016x}", name="prod")))
    twin = await stored(program, 1)
    await program.recordings.remove(twin.id)

    assert program.attached() == [twin.cluster_id]
    with pytest.raises(ClusterNotFound):
        program.clusters.resolve(twin.id)


async def test_when_the_row_cannot_be_written_the_file_goes(program: Program) -> None:
    blocked = program.recordings
    await program.db.close()
    row = RowsRefused(program)

    with pytest.raises(DatabaseBusy):
        await row.recordings.add(parts(a_recording()), None)

    assert program.files() == []
    assert await blocked.add(parts(a_recording()), None)


class RowsRefused(Program):
    """A program whose database takes no rows."""

    def __init__(self, other: Program) -> None:
        from upid.contexts.metrics import RecordingService
        from upid.contexts.metrics.folder import RecordingFolder
        from upid.contexts.metrics.repository import RecordingRepository

        class Refusing(RecordingRepository):
            async def add(self, recording: Recording) -> None:
                raise DatabaseBusy("test", "for a test")

        super().__init__(other.db, other.folder)
        from tests.contexts.metrics.conftest import WrittenByHand

        self.recordings = RecordingService(
            other.db,
            Refusing,
            RecordingFolder(other.folder, LIMIT),
            WrittenByHand(),
            self.clusters,
            self.clock,
        )


async def test_pages_show_each_recording_once_though_others_come_and_go(
    program: Program,
) -> None:
    """API-1: cursor pagination."""
    made = []
    for number in range(1, 8):
        made.append(await stored(program, number))
        if number % 2:
            program.clock.move(timedelta(microseconds=1))  # pairs share an instant
    expected = [one.id for one in sorted(made, key=lambda one: (one.created, one.id))]

    first = await program.recordings.page(None, 3)
    await program.recordings.remove(first.items[0].id)
    program.clock.move(timedelta(hours=-1))
    await stored(program, 99)  # comes before the cursor
    second = await program.recordings.page(first.next, 3)
    third = await program.recordings.page(second.next, 3)

    seen = [one.id for page in (first, second, third) for one in page.items]
    assert seen == expected
    assert third.next is None
    with pytest.raises(BadCursor):
        await program.recordings.page("bm9uc2Vuc2U", 3)
