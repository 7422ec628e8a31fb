"""Parquet and Arrow files, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.data.jsontext import Record
from tamis.errors import UserError

ROWS = 1024  # of a batch that becomes Python objects


def taken(array: pa.Array, rows: pa.Array) -> pa.Array:
    """The named values; pyarrow takes none from the views that polars writes, at any depth."""
    plain = _without_views(array.type)
    if plain == array.type:
        return array.take(rows)
    return array.cast(plain).take(rows).cast(array.type)


def _without_views(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_struct(kind):
        return pa.struct([_field(field) for field in kind])
    if pa.types.is_large_list(kind):
        return pa.large_list(_field(kind.value_field))
    if pa.types.is_list(kind):
        return pa.list_(_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_field(kind.value_field), kind.list_size)
    return kind


def _field(field: pa.Field) -> pa.Field:
    return field.with_type(_without_views(field.type))


def records(batches: Iterable[pa.RecordBatch]) -> Iterator[Record]:
    """Rows as objects; a columnar record has no bytes of its own."""
    for batch in batches:
        for row in batch.to_pylist():
            yield Record(row)


def batches(file: str | pa.Buffer, what: str, path: str) -> Iterator[pa.RecordBatch]:
    """Small record batches of a file; the file is read piece by piece."""
    try:
        if what == "parquet":
            yield from pq.ParquetFile(file).iter_batches(batch_size=ROWS)
            return
        for batch in _arrow(file, what):
            for start in range(0, batch.num_rows, ROWS):
                yield batch.slice(start, ROWS)
    except (pa.ArrowException, OSError) as why:
        raise UserError(f"{path} cannot be read as {what}: {_first_line(why)}") from None


def _arrow(file: str | pa.Buffer, what: str) -> Iterator[pa.RecordBatch]:
    # Not mapped: the pages of a mapped file count as memory of this process.
    source = pa.OSFile(file, "rb") if isinstance(file, str) else pa.BufferReader(file)
    with source:
        if what == "arrow_stream":
            yield from pa.ipc.open_stream(source)
            return
        reader = pa.ipc.open_file(source)
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)


def description(file: str | pa.Buffer, what: str, path: str) -> dict[str, str]:
    """What files must share to be written as one: the schema with its metadata; and the codec."""
    try:
        if what == "parquet":
            opened = pq.ParquetFile(file)
            found = {"schema": named(opened.schema_arrow)}
            if opened.metadata.num_row_groups and opened.metadata.num_columns:
                found["compression"] = opened.metadata.row_group(0).column(0).compression
            return found
        source = pa.OSFile(file, "rb") if isinstance(file, str) else pa.BufferReader(file)
        with source:
            is_stream = what == "arrow_stream"
            reader = pa.ipc.open_stream(source) if is_stream else pa.ipc.open_file(source)
            return {"schema": named(reader.schema)}
    except (pa.ArrowException, OSError) as why:
        raise UserError(f"{path} cannot be read as {what}: {_first_line(why)}") from None


def named(schema: pa.Schema) -> str:
    """A hash of a schema and its metadata."""
    return blake2b(schema.serialize().to_pybytes(), digest_size=12).hexdigest()


def whole(file: pa.Buffer, what: str, path: str) -> pa.Table:
    """All of a file that came through a pipe."""
    try:
        if what == "parquet":
            return pq.read_table(file)
        opened = pa.ipc.open_stream(file) if what == "arrow_stream" else pa.ipc.open_file(file)
        return opened.read_all()
    except (pa.ArrowException, OSError) as why:
        raise UserError(f"{path} cannot be read as {what}: {_first_line(why)}") from None


def _first_line(why: BaseException) -> str:
    return (str(why).strip() or type(why).__name__).splitlines()[0]
