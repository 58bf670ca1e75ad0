"""Parquet members as they are written: same rows, same bytes, and a CRC for each chunk."""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from upid.adapters.recordings.manifest import MemberNote

_ZSTD = 3  # measured: 1 % larger than level 9, written five times faster


@dataclass(frozen=True, slots=True)
class Written:
    """A finished member: its note for the manifest, and the CRC-32 of its column chunks."""

    note: MemberNote
    checks: bytes


def write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table], rows: int) -> Written:
    """Write tables as one Parquet file with groups of at most `rows` rows."""
    count = 0
    with open_writer(path, schema) as writer:
        waiting = schema.empty_table()
        for table in tables:
            waiting = pa.concat_tables([waiting, table])
            whole = len(waiting) // rows * rows
            if whole:
                writer.write_table(waiting.slice(0, whole), row_group_size=rows)
                count += whole
                waiting = waiting.slice(whole)
        if len(waiting):
            writer.write_table(waiting.combine_chunks(), row_group_size=rows)
            count += len(waiting)
    return finished(path, count)


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer with the encodings of the format."""
    deltas = {}
    for field in schema:
        if pa.types.is_list(field.type) and pa.types.is_integer(field.type.value_type):
            deltas[f"{field.name}.list.element"] = "DELTA_BINARY_PACKED"
        elif pa.types.is_integer(field.type) or pa.types.is_date(field.type):
            deltas[field.name] = "DELTA_BINARY_PACKED"
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=_ZSTD,
        use_dictionary=False,
        column_encoding=deltas,
        write_statistics=[n for n in ("series", "day", "kind", "id") if n in schema.names],
        write_page_checksum=True,
        store_schema=False,
        version="2.6",
    )


def finished(path: Path, rows: int) -> Written:
    """Return what the manifest says of a Parquet file that was just written."""
    metadata = pq.read_metadata(path)
    checks = np.zeros((metadata.num_row_groups, metadata.num_columns), dtype="<u4")
    with path.open("rb") as file:
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            for leaf in range(metadata.num_columns):
                chunk = row_group.column(leaf)
                file.seek(chunk.data_page_offset)
                checks[group, leaf] = zlib.crc32(file.read(chunk.total_compressed_size))
        size = file.seek(0, 2)
        file.seek(size - 8)
        length = int.from_bytes(file.read(4), "little")
        file.seek(size - 8 - length)
        footer = hashlib.sha256(file.read(length)).hexdigest()
    return Written(MemberNote(digest(path), size, rows, footer), checks.tobytes())


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
