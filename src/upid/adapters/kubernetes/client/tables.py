"""Tables: rows of what a server prints of objects, and their metadata; never the objects.

A server that answers with anything else is not read at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import answers
from upid.adapters.kubernetes.client.asking import JSON, Question
from upid.adapters.kubernetes.client.failures import printable
from upid.adapters.kubernetes.client.lists import Form, ListMetadata, ListOf, Read

_ACCEPT = f"{JSON};as=Table;g=meta.k8s.io;v=v1"
_NO_TABLE = "JSON that is no table, though a table was asked for"
_LONGEST = 253  # letters of a cell


@dataclass(frozen=True, slots=True)
class Row:
    """One object: its metadata, without labels and annotations, and its texts by column name."""

    namespace: str
    name: str
    created: datetime | None
    version: str
    cells: Mapping[str, str]


class _Camel(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Metadata(_Camel, frozen=True):
    name: str = ""
    namespace: str = ""
    creation_timestamp: datetime | None = None
    resource_version: str = ""


class _Object(_Camel, frozen=True):
    metadata: _Metadata = _Metadata()


class _Column(_Camel, frozen=True):
    name: str


class _Row(_Camel, frozen=True):
    object: _Object
    cells: list[str | int | float | bool | None] = []


class _Table(_Camel, frozen=True):
    kind: str = ""
    column_definitions: list[_Column] | None = None
    rows: list[_Row] | None = None
    metadata: ListMetadata = ListMetadata()


_DECODER = msgspec.json.Decoder(_Table)


def table_form(access: Access) -> Form[Row]:
    """Return the form of a table with the metadata of each object."""

    def read(body: bytes, _: Question) -> Read[Row]:
        return _read(access, body), ()

    return Form(_ACCEPT, read)


def _read(access: Access, body: bytes) -> ListOf[Row]:
    """Return the rows of a table; of an answer that is none, not a letter is repeated."""
    try:
        found = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise answers.not_kubernetes(access, _NO_TABLE) from None
    if found.kind != "Table":
        raise answers.not_kubernetes(access, _NO_TABLE)
    names = [column.name for column in found.column_definitions or []]
    rows = [_row(one, names) for one in found.rows or []]
    return ListOf(rows, found.kind, "", found.metadata)


def _row(row: _Row, names: list[str]) -> Row:
    about = row.object.metadata
    cells = {
        name: printable(cell, _LONGEST)
        for name, cell in zip(names, row.cells, strict=False)
        if isinstance(cell, str)
    }
    created = about.creation_timestamp
    return Row(about.namespace, about.name, created, about.resource_version, cells)
