"""Recordings that somebody made to do harm: one clear error that names the part, little memory."""

import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from upid.adapters.recordings import (
    NotARecording,
    RecordingDamaged,
    RecordingIsNewer,
    RecordingMissing,
    open_recording,
    validate,
)
from upid.adapters.recordings.manifest import Manifest, encode, identity, seal
from upid.core.errors import UpidError
from upid.core.metrics import CPU, Entity

Members: TypeAlias = dict[str, bytes]
SAMPLES = "samples/30m/container.parquet"


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, members: Members, kind: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return path


def resealed(
    path: Path,
    members: Members,
    rows: Mapping[str, int] = MappingProxyType({}),
    **changes: object,
) -> Path:
    """Write members with a manifest that is true of them, as a careful attacker would."""
    manifest = msgspec.json.decode(members["manifest.json"], type=Manifest)
    notes = dict(manifest.members)
    for name, raw in members.items():
        if name.startswith("manifest"):
            continue
        footer = None
        if name.endswith(".parquet") and raw[-4:] == b"PAR1":
            size = int.from_bytes(raw[-8:-4], "little")
            footer = hashlib.sha256(raw[-8 - size : -8]).hexdigest()
        note = msgspec.structs.replace(
            notes[name] if name in notes else notes["prices.json"],
            sha256=hashlib.sha256(raw).hexdigest(), size=len(raw), footer=footer,
        )  # fmt: skip
        if name in rows:
            note = msgspec.structs.replace(note, rows=rows[name])
        notes[name] = note
    manifest = msgspec.structs.replace(manifest, members=notes, **changes)
    manifest = msgspec.structs.replace(manifest, id=identity(manifest))
    raw = encode(manifest)
    return packed(path, members | {"manifest.json": raw, "manifest.sha256": seal(raw)})


def with_parquet(members: Members, name: str, table: pa.Table, **options: object) -> Members:
    """Replace a Parquet member and its checksums."""
    sink = io.BytesIO()
    given = {"use_dictionary": False, "store_schema": False, "compression": "zstd"} | options
    pq.write_table(table, sink, **given)
    raw = sink.getvalue()
    return members | {name: raw, f"{name}.crc32": chunk_checks(raw)}


def chunk_checks(raw: bytes) -> bytes:
    metadata = pq.read_metadata(io.BytesIO(raw))
    found = []
    for group in range(metadata.num_row_groups):
        for leaf in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(leaf)
            start = chunk.data_page_offset
            found.append(zlib.crc32(raw[start : start + chunk.total_compressed_size]))
    return np.array(found, dtype="<u4").tobytes()


def samples(**columns: pa.Array) -> pa.Table:
    """A table of two days of one series, with columns replaced."""
    given = {
        "series": pa.array([0, 0], pa.int32()),
        "day": pa.array([date(2026, 3, 2), date(2026, 3, 3)], pa.date32()),
        "first": pa.array([44, 0], pa.int32()),
        "cpu": pa.array([[1, 2, -1, 4], [5, 6]], pa.list_(pa.int32())),
    }
    return pa.table(given | columns)


def one_list_of(size: int) -> pa.Array:
    """A single list of very many ones, which pack to next to nothing."""
    return pa.ListArray.from_arrays(pa.array([0, size], pa.int32()), np.ones(size, np.int32))


@pytest.fixture
def members(small: Path) -> Members:
    return members_of(small)


def forged(tmp_path: Path, members: Members, table: pa.Table, **options: object) -> Path:
    whole = with_parquet(members, SAMPLES, table, **options)
    return resealed(tmp_path / "forged.upid", whole, rows={SAMPLES: len(table)})


def test_a_careful_forgery_that_is_well_formed_reads(tmp_path: Path, members: Members) -> None:
    path = forged(tmp_path, members, samples())
    panel = open_recording(path).panel(CPU)
    assert panel.values.tolist() == [1e-6, 2e-6, 4e-6, 5e-6, 6e-6]
    assert panel.steps_of_samples().tolist() == [0, 1, 3, 4, 5]


LISTS = pa.list_(pa.int32())
DOUBLES = pa.list_(pa.float64())
FORGERIES = {
    "negative samples": {"cpu": pa.array([[1], [-2]], LISTS)},
    "steps beyond the end of a day": {"cpu": pa.array([[1] * 5, [2]], LISTS)},
    "begins outside its day": {"first": pa.array([43, 0], pa.int32())},
    "not sorted": {"day": pa.array([date(2026, 3, 3), date(2026, 3, 2)], pa.date32())},
    "series without labels": {"series": pa.array([0, 99], pa.int32())},
    "a day outside": {"day": pa.array([date(2026, 3, 2), date(2027, 3, 2)], pa.date32())},
    "element that is null": {"cpu": pa.array([[1, None], [2]], LISTS)},
    "has gaps": {"series": pa.array([0, None], pa.int32())},
    "columns are not those": {"cpu": pa.array([["a"], ["b"]], pa.list_(pa.string()))},
    "negative or infinite": {"cpu": pa.array([None, None], LISTS),
                             "cpu_exact": pa.array([[-1.0], [2.0]], DOUBLES)},
    "stored twice": {"cpu_exact": pa.array([[1.0], None], DOUBLES)},
}  # fmt: skip


@pytest.mark.parametrize("why", FORGERIES)
def test_samples_that_cannot_be_true_are_refused(
    tmp_path: Path, members: Members, why: str
) -> None:
    path = forged(tmp_path, members, samples(**FORGERIES[why]))
    with pytest.raises(RecordingDamaged, match=why) as caught:
        open_recording(path).panel(CPU)
    assert SAMPLES in caught.value.message


@pytest.mark.parametrize("value", [float("inf"), 1e300])
def test_infinite_samples_are_refused(tmp_path: Path, members: Members, value: float) -> None:
    """Two of 10^308 add up to infinity, which no amount can be."""
    exact = pa.array([[value], None], DOUBLES)
    path = forged(tmp_path, members, samples(cpu=pa.array([None, [1]], LISTS), cpu_exact=exact))
    with pytest.raises(RecordingDamaged, match="infinite"):
        open_recording(path).panel(CPU)


def test_a_million_columns_are_refused_before_they_are_parsed(
    tmp_path: Path, members: Members
) -> None:
    wide = pa.table({f"c{i}": pa.array([1], pa.int8()) for i in range(3000)})
    path = forged(tmp_path, members, wide)
    with pytest.raises(RecordingDamaged, match="claims 3001 columns"):
        open_recording(path).panel(CPU)


def test_dictionaries_are_refused(tmp_path: Path, members: Members) -> None:
    path = forged(tmp_path, members, samples(), use_dictionary=True)
    with pytest.raises(RecordingDamaged, match="dictionary"):
        open_recording(path).panel(CPU)


def test_a_page_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, members: Members
) -> None:
    bomb = one_list_of(20_000_000)
    table = samples().slice(0, 1).set_column(3, "cpu", bomb)
    path = forged(tmp_path, members, table, data_page_size=1 << 30)
    assert path.stat().st_size < 1 << 20
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(RecordingDamaged, match="claims"):
        open_recording(path).panel(CPU)
    assert pa.default_memory_pool().max_memory() == before


def test_rows_that_the_manifest_does_not_promise_are_refused(
    tmp_path: Path, members: Members
) -> None:
    whole = with_parquet(members, SAMPLES, samples())
    path = resealed(tmp_path / "r.upid", whole, rows={SAMPLES: 7})
    with pytest.raises(RecordingDamaged, match="claims 2 rows"):
        open_recording(path).panel(CPU)


def test_labels_that_are_not_text_are_refused(tmp_path: Path, members: Members) -> None:
    bad = pa.array([b"\xff\xfe"] * 3, pa.binary()).view(pa.string())
    table = pa.table({"id": pa.array([0, 1, 2], pa.int32()), "namespace": bad, "pod": bad,
                      "pod_uid": bad, "container": bad})  # fmt: skip
    path = resealed(tmp_path / "r.upid", with_parquet(members, "series/container.parquet", table))
    with pytest.raises(RecordingDamaged, match="series/container"):
        open_recording(path).catalogue(Entity.CONTAINER)


@pytest.mark.parametrize("body", ["[" * 100_000, "{", "[]", '{"kind": "Pod"}', '"x"'])
def test_objects_that_are_none_are_found_by_validation(
    tmp_path: Path, members: Members, body: str
) -> None:
    table = pq.read_table(io.BytesIO(members["objects.parquet"]))
    table = table.set_column(6, "body", pa.array([body] * len(table), pa.string()))
    path = resealed(tmp_path / "r.upid", with_parquet(members, "objects.parquet", table))
    report = validate(path)
    assert {problem.part for problem in report.problems} == {"objects.parquet"}


@pytest.mark.parametrize(
    "name", ["../evil.parquet", "/etc/passwd", "a\\b", "series/../../x", "evil\x00", "a/b/c/d/e"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, members: Members, name: str) -> None:
    path = tmp_path / "r.upid"
    with zipfile.ZipFile(path, "w") as archive:
        for known, raw in members.items():
            archive.writestr(known, raw)
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        archive.writestr(entry, b"x")
    with pytest.raises(UpidError, match=r"r\.upid"):
        open_recording(path)


def test_members_that_nobody_promised_are_refused(tmp_path: Path, members: Members) -> None:
    path = packed(tmp_path / "r.upid", members | {"series/extra.parquet": b"x"})
    with pytest.raises(RecordingDamaged, match="manifest does not mention it"):
        open_recording(path)


def test_a_member_that_is_missing_is_named(tmp_path: Path, members: Members) -> None:
    del members["prices.json"]
    with pytest.raises(RecordingDamaged, match=r"'prices.json': it is missing"):
        open_recording(packed(tmp_path / "r.upid", members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path: Path, members: Members) -> None:
    path = tmp_path / "r.upid"
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in [*members.items(), ("prices.json", b"{}")]:
            archive.writestr(name, raw)
    with pytest.raises(NotARecording, match=r"two members called 'prices.json'"):
        open_recording(path)


def test_compressed_members_are_refused_so_that_no_bomb_is_ever_unpacked(
    tmp_path: Path, members: Members
) -> None:
    members["prices.json"] = b" " * 100_000_000
    path = packed(tmp_path / "r.upid", members, zipfile.ZIP_DEFLATED)
    with pytest.raises(RecordingDamaged, match="compressed"):
        open_recording(path)


def test_members_that_overlap_are_refused(tmp_path: Path, members: Members) -> None:
    path = packed(tmp_path / "r.upid", members)
    raw = bytearray(path.read_bytes())
    first = raw.index(b"PK\1\2")
    second = raw.index(b"PK\1\2", first + 4)
    size = struct.unpack_from("<I", raw, first + 20)[0] + 200
    struct.pack_into("<2I", raw, first + 20, size, size)
    assert second
    path.write_bytes(raw)
    with pytest.raises(RecordingDamaged, match="overlaps"):
        open_recording(path)


def test_links_in_a_folder_are_not_followed(tmp_path: Path, small: Path) -> None:
    with zipfile.ZipFile(small) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "prices.json").unlink()
    (tmp_path / "prices.json").symlink_to("/etc/passwd")
    with pytest.raises(RecordingDamaged, match="links are not followed"):
        open_recording(tmp_path)


def test_a_newer_version_says_so(tmp_path: Path, members: Members) -> None:
    manifest = json.loads(members["manifest.json"]) | {"version": 2, "shape": "unheard of"}
    raw = json.dumps(manifest).encode()
    path = packed(
        tmp_path / "r.upid",
        members | {"manifest.json": raw, "manifest.sha256": seal(raw), "new/kind.bin": b""},
    )
    with pytest.raises(RecordingIsNewer, match=r"written by a newer UPID .* reads version 1"):
        open_recording(path)


@pytest.mark.parametrize("raw", [b"[" * 200_000, b"\xff\xfe{}", b"{}", b'{"format": 3}', b""])
def test_manifests_that_are_none_are_refused(tmp_path: Path, members: Members, raw: bytes) -> None:
    sealed = members | {"manifest.json": raw, "manifest.sha256": seal(raw)}
    with pytest.raises(NotARecording, match=r"manifest.json"):
        open_recording(packed(tmp_path / "r.upid", sealed))


CHANGES = [
    {"cadence_seconds": 0}, {"cadence_seconds": 1}, {"currency": "<b>"},
    {"window": {"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}},
    {"window": {"start": "2026-03-02T00:00:00", "end": "9999-03-01T00:00:00"}},
    {"window": {"start": "0001-01-01T00:00:00Z", "end": "9999-03-01T00:00:00Z"}},
    {"metrics": {"bogus": {}}}, {"id": "cl_0000000000000000"}, {"members": {"../x": {}}},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_manifests_that_cannot_be_true_are_refused(
    tmp_path: Path, members: Members, change: dict[str, object]
) -> None:
    raw = json.dumps(json.loads(members["manifest.json"]) | change).encode()
    sealed = members | {"manifest.json": raw, "manifest.sha256": seal(raw)}
    with pytest.raises(RecordingDamaged, match=r"manifest.json"):
        open_recording(packed(tmp_path / "r.upid", sealed))


@pytest.mark.parametrize("raw", [b'{"nodes": 3}', b'{"control_plane_hour": -1}', b"[" * 99_999])
def test_prices_that_cannot_be_true_are_refused(
    tmp_path: Path, members: Members, raw: bytes
) -> None:
    path = resealed(tmp_path / "r.upid", members | {"prices.json": raw})
    with pytest.raises(RecordingDamaged, match=r"prices.json"):
        open_recording(path).prices()


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    for number, raw in enumerate([b"", b"hello", b"PK\5\6" + bytes(18), os.urandom(5000)]):
        path = tmp_path / f"{number}.upid"
        path.write_bytes(raw)
        with pytest.raises(NotARecording):
            open_recording(path)
    with pytest.raises(RecordingMissing):
        open_recording(tmp_path / "nowhere.upid")
    with pytest.raises(NotARecording, match=r"has no 'manifest\.json'"):
        open_recording(tmp_path)


def test_a_gigabyte_opens_in_little_memory(tmp_path: Path, members: Members) -> None:
    """COL-9: opening reads the directory and the manifest; the rest is a hole in the file."""
    path = tmp_path / "large.upid"
    size = 1 << 30
    manifest = msgspec.json.decode(members["manifest.json"], type=Manifest)
    notes = manifest.members | {
        SAMPLES: msgspec.structs.replace(manifest.members[SAMPLES], size=size)
    }
    manifest = msgspec.structs.replace(manifest, members=notes)
    manifest = msgspec.structs.replace(manifest, id=identity(manifest))
    raw = encode(manifest)
    members |= {"manifest.json": raw, "manifest.sha256": seal(raw)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in members.items():
            if name != SAMPLES:
                archive.writestr(name, part)
        entry = zipfile.ZipInfo(SAMPLES)
        entry.file_size = entry.compress_size = size
        entry.CRC = 0
        assert archive.fp is not None
        entry.header_offset = archive.fp.tell()
        archive.fp.write(entry.FileHeader())
        archive.fp.seek(size, os.SEEK_CUR)
        archive.start_dir = archive.fp.tell()
        archive.filelist.append(entry)
        archive.NameToInfo[SAMPLES] = entry
    said = limited(
        f"""
        found = open_recording({str(path)!r})
        print(found.facts().name)
        try:
            found.panel(CPU)
        except UpidError as error:
            print(error.message)
        """
    )
    assert said.splitlines()[0] == "acme-prod"
    assert "is damaged in 'samples/30m/container.parquet': it is not a Parquet file" in said


def limited(program: str, megabytes: int = 300) -> str:
    """Run a program that may allocate only so much, and return what it prints."""
    text = "import resource\n" + textwrap.dedent(
        """
        from upid.adapters.recordings import open_recording, validate
        from upid.core.errors import UpidError
        from upid.core.metrics import CPU
        """
    )
    text += f"resource.setrlimit(resource.RLIMIT_DATA, ({megabytes << 20},) * 2)\n"
    done = subprocess.run(
        [sys.executable, "-c", text + textwrap.dedent(program)],
        capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bombs_are_refused_within_the_memory_of_an_empty_program(
    tmp_path: Path, members: Members
) -> None:
    bomb = samples().slice(0, 1).set_column(3, "cpu", one_list_of(100_000_000))
    path = forged(tmp_path, members, bomb, data_page_size=1 << 30)
    said = limited(
        f"""
        try:
            open_recording({str(path)!r}).panel(CPU)
        except UpidError as error:
            print(error.message)
        print([p.part for p in validate({str(path)!r}).problems])
        """
    )
    assert SAMPLES in said.splitlines()[0]
    assert SAMPLES in said.splitlines()[1]
