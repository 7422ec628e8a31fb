"""A part of a column: a Parquet file with the columns id, value and problem.

Beside its rows a part says which column it belongs to and of what kind its values are
(`tamis.column`), and what they took (`tamis.spent`). Its pages carry checksums, which are compared
when it is read. A part that does not hold what it says counts as damaged: no value of it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.places import Place
from tamis.types import Column

COLUMN = b"tamis.column"
"""Where a part says which column it is of, and of what kind its values are."""
SPENT = b"tamis.spent"
"""Where a part says what it took."""
NAMES = ("id", "value", "problem")


def made(
    folder: str, ids: pa.ChunkedArray, column: Column, spent: Mapping[str, float] | None
) -> pa.Table:
    """The rows of a part, with what it says of itself."""
    table = pa.table(dict(zip(NAMES, (ids, column.values, column.problem), strict=True)))
    said = {COLUMN: json.dumps({"of": folder, "values": kind(column.values.type)})}
    return table.replace_schema_metadata(said | ({SPENT: json.dumps(spent)} if spent else {}))


def write(table: pa.Table, file: Any) -> None:
    """Writes a part, with a checksum for each page."""
    pq.write_table(table, file, compression="zstd", write_page_checksum=True)


def read(place: Place, name: str, columns: Sequence[str]) -> pa.Table | None:
    """Some columns of a part; None where it is damaged.

    Raises OSError where it cannot be fetched at all: what is there is not known then.
    """
    try:
        with place.open(name) as file:
            found = _checked(file, name, columns)
    except (FileNotFoundError, PermissionError):
        raise
    except (OSError, pa.ArrowException):  # of the way to it, or of what it holds
        found = None
    if found is None:
        found = _checked(pa.BufferReader(place.read(name)), name, columns)
    return found


def spent(table: pa.Table) -> dict[str, float]:
    """What a part took, where it says so."""
    found: dict[str, float] = json.loads((table.schema.metadata or {}).get(SPENT, b"{}"))
    return found


def kind(of: pa.DataType) -> str:
    """A type of values, whatever a file calls what is inside a list."""
    if pa.types.is_fixed_size_list(of):
        return f"{of.list_size} {kind(of.value_type)}"
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        return f"{'large ' if pa.types.is_large_list(of) else ''}list {kind(of.value_type)}"
    return str(of)


def _checked(file: pa.NativeFile, name: str, columns: Sequence[str]) -> pa.Table | None:
    """The columns, where the part is what it should be.

    A file of garbage makes pyarrow raise many kinds of errors.
    """
    try:
        part = pq.ParquetFile(file, page_checksum_verification=True)
        if not _is_of(part, name.rpartition("/")[0]):
            return None
        found: pa.Table = part.read(columns=list(columns))
        json.loads((found.schema.metadata or {}).get(SPENT, b"{}"))
    except (OSError, ValueError, KeyError, MemoryError, NotImplementedError, pa.ArrowException):
        return None
    return found if found.num_rows == part.metadata.num_rows else None


def _is_of(part: pq.ParquetFile, folder: str) -> bool:
    """Whether a part is of the column whose folder it is in.

    One by an earlier version does not say so.
    """
    schema, told = part.schema_arrow, part.metadata
    groups = (told.row_group(at).num_rows for at in range(told.num_row_groups))
    if tuple(schema.names) != NAMES or sum(groups) != told.num_rows:
        return False
    if not schema.field("id").type == schema.field("problem").type == pa.string():
        return False
    said = (schema.metadata or {}).get(COLUMN)
    of = {"of": folder, "values": kind(schema.field("value").type)}
    return said is None or json.loads(said) == of
