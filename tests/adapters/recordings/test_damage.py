"""No flipped bit and no missing byte changes an answer without an error that names the part."""

import re
import shutil
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from upid.adapters.recordings import open_recording, validate
from upid.core.errors import UpidError
from upid.core.metrics import METRICS, Entity

Original: TypeAlias = tuple[bytes, list[object]]
FAST = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def answers(path: Path) -> list[object]:
    """Everything that can be asked of a recording, in comparable form."""
    with open_recording(path) as recording:
        said: list[object] = [recording.facts(), recording.prices(), list(recording.objects())]
        for entity in Entity:
            catalogue = recording.catalogue(entity)
            said.append([catalogue.ids.tolist(), *(v.tolist() for v in catalogue.labels.values())])
        for metric in METRICS.values():
            panel = recording.panel(metric)
            said.append((panel.values.tobytes(), panel.offsets.tolist(), panel.start, panel.span))
            said.append(panel.steps_of_samples().tolist())
    return said


@pytest.fixture(scope="module")
def original(small: Path) -> Original:
    return small.read_bytes(), answers(small)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "r.upid"


@FAST
@given(spot=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_is_an_error_or_changes_nothing(
    original: Original, place: Path, spot: float, bit: int
) -> None:
    raw, truth = original
    damaged = bytearray(raw)
    damaged[int(spot * len(raw))] ^= 1 << bit
    place.write_bytes(damaged)
    told, found = None, truth
    try:
        found = answers(place)
    except UpidError as error:
        told = error
    assert found == truth
    if told is not None:
        assert "r.upid'" in told.message
        assert told.hint


@FAST
@given(st.floats(0, 1, exclude_max=True))
@example(0.0)
def test_a_truncated_file_is_an_error(original: Original, place: Path, kept: float) -> None:
    raw, _ = original
    place.write_bytes(raw[: int(kept * len(raw))])
    with pytest.raises(UpidError, match=re.escape("r.upid'")):
        open_recording(place)


@FAST
@given(st.binary(max_size=400), st.integers(0, 100))
def test_bytes_that_are_something_else_are_an_error(place: Path, raw: bytes, cut: int) -> None:
    place.write_bytes(raw + b"PK\5\6"[: cut % 5] + raw[:18])
    with pytest.raises(UpidError):
        open_recording(place)


@FAST
@given(spot=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_validation_finds_every_flip_in_a_member(
    original: Original, place: Path, small: Path, spot: float, bit: int
) -> None:
    raw, _ = original
    with open_recording(small) as recording:
        extents = recording.members.extents
    extent = extents[sorted(extents)[int(spot * len(extents))]]
    damaged = bytearray(raw)
    damaged[extent.offset + int(spot * 997) % extent.size] ^= 1 << bit
    place.write_bytes(damaged)
    try:
        report = validate(place)
    except UpidError:
        return
    assert report.problems


def test_the_part_that_is_damaged_is_named(small: Path, place: Path) -> None:
    with open_recording(small) as recording:
        extents = recording.members.extents
    for name, extent in extents.items():
        shutil.copy(small, place)
        with place.open("r+b") as file:
            file.seek(extent.offset + extent.size // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 4]))
        with pytest.raises(UpidError) as caught:
            answers(place)
        told = caught.value.message
        assert name.removesuffix(".crc32") in told or name.startswith("manifest")


def test_every_byte_of_a_parquet_footer_is_guarded(
    original: Original, small: Path, place: Path
) -> None:
    """Page checksums do not reach it, and much of it would be believed."""
    raw, _ = original
    with open_recording(small) as recording:
        extent = recording.members.extents["samples/30m/container.parquet"]
    end = extent.offset + extent.size - 8
    size = int.from_bytes(raw[end : end + 4], "little")
    for position in range(end - size, end):
        damaged = bytearray(raw)
        damaged[position] ^= 2
        place.write_bytes(damaged)
        with open_recording(place) as recording, pytest.raises(UpidError, match="footer"):
            recording.samples_file(Entity.CONTAINER)
