"""Writing: selected rows in the container of their source, each as the bytes that were read."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tamis.data import columnar
from tamis.data.streams import UTF8_BOM
from tamis.errors import UserError
from tamis.types import Dataset, Ints, Source

_AT_ONCE = 512  # rows in memory
_GROUP, _GROUP_BYTES = 1 << 16, 1 << 26  # of a Parquet row group or an Arrow batch
_COLUMNAR = ("parquet", "arrow")
_SUFFIX = {"text": "txt"}

Kind = tuple[Any, ...]
"""What sources must share to be written to one file."""


def write(
    dataset: Dataset,
    rows: Ints,
    out_dir: str | os.PathLike[str],
    *,
    name: str = "subset",
    order: Literal["pick", "source"] = "pick",
) -> list[Path]:
    """Writes the rows as they were read, one file for all sources of one container.

    Args:
        rows: positions in the dataset, in the order in which they were picked.
        out_dir: made where it is missing; a file of the same name is replaced at the end.
        order: "pick" writes in the order of `rows`, "source" in that of the files.

    Raises UserError where a Parquet or Arrow source has changed or gone since it was read.
    """
    folder = made_folder(out_dir)
    rows = np.asarray(rows, dtype=np.int64)
    if order == "source":
        rows = np.sort(rows)
    owners = column(dataset.table["source"], rows).to_numpy(zero_copy_only=False)
    kinds = [_kind(source) for source in dataset.sources]
    written: list[Path] = []
    for kind in dict.fromkeys(kinds[int(owner)] for owner in owners):
        mine = rows[np.isin(owners, [i for i, other in enumerate(kinds) if other == kind])]
        source = dataset.sources[kinds.index(kind)]
        path = _free(folder, name, _suffix(source), written)
        put = _put_columnar if source.container in _COLUMNAR else _put_text
        put(dataset, mine, source, path)
        written.append(path)
    return written


def made_folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made where it is missing; UserError where it cannot be."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise UserError(f"the folder {folder} cannot be made: {why.strerror}") from None
    return folder


def _kind(source: Source) -> Kind:
    """Equal for sources whose rows can stand in one file."""
    detail = source.detail
    packing = tuple(detail.get("packing", ()))
    if source.container == "csv":
        return "csv", packing, detail["header"], detail["delimiter"]
    if source.container in _COLUMNAR:
        return source.container, detail["layout"], detail["schema"]
    return source.container, packing, detail.get("layout")


def _suffix(source: Source) -> str:
    inner = _SUFFIX.get(source.container, source.container)
    if source.container == "csv" and source.detail["delimiter"] == "\t":
        inner = "tsv"
    if source.detail.get("layout") == "concatenated":  # JSON values over several lines each
        inner = "json"
    packing = () if source.container in _COLUMNAR else source.detail.get("packing", ())
    return ".".join([inner, *reversed(packing)])


def _free(folder: Path, name: str, suffix: str, taken: list[Path]) -> Path:
    path = folder / f"{name}.{suffix}"
    number = 2
    while path in taken:
        path = folder / f"{name}-{number}.{suffix}"
        number += 1
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside the path that takes its place when all went well."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as why:
        raise UserError(f"{path} cannot be written: {why.strerror or why}") from None
    finally:
        part.unlink(missing_ok=True)


def write_records(records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Writes records as JSON lines, the whole file or none of it."""
    made_folder(path.parent)
    with replacing(path) as part, open(part, "wb") as file:
        for record in records:
            file.write(orjson.dumps(record) + b"\n")


def column(chunked: pa.ChunkedArray, rows: Ints) -> pa.Array:
    """Values of the rows, in that order, touching only the chunks they are in.

    pyarrow's own `take` may join all chunks first, which for the raw bytes is the whole file.
    """
    starts = np.concatenate([[0], np.cumsum([len(chunk) for chunk in chunked.chunks])])
    owner = np.searchsorted(starts, rows, side="right") - 1
    order = np.argsort(owner, kind="stable")
    found = [
        columnar.taken(
            chunked.chunk(int(chunk)), pa.array(rows[order][owner[order] == chunk] - starts[chunk])
        )
        for chunk in np.unique(owner)
    ]
    if not found:
        return pa.array([], chunked.type)
    back = np.empty(len(rows), np.int64)
    back[order] = np.arange(len(rows))
    return columnar.taken(pa.concat_arrays(found), pa.array(back))


def _raws(dataset: Dataset, rows: Ints) -> Iterator[bytes]:
    for start in range(0, len(rows), _AT_ONCE):
        yield from column(dataset.table["raw"], rows[start : start + _AT_ONCE]).to_pylist()


def _put_text(dataset: Dataset, rows: Ints, source: Source, path: Path) -> None:
    end = str(source.detail.get("newline", "\n")).encode()
    with replacing(path) as part, _packed(part, source.detail.get("packing", ())) as file:
        if source.container == "json":
            _put_array(_raws(dataset, rows), file)
            return
        if source.container == "csv":
            file.write(UTF8_BOM if source.detail.get("bom") else b"")
            file.write(str(source.detail["header"]).encode() + end)
        for raw in _raws(dataset, rows):
            file.write(raw)
            file.write(end)


def _put_array(raws: Iterator[bytes], file: IO[bytes]) -> None:
    file.write(b"[\n")
    for index, raw in enumerate(raws):
        file.write(b",\n" if index else b"")
        file.write(raw)
    file.write(b"\n]\n")


@contextmanager
def _packed(path: Path, packing: list[str] | tuple[str, ...]) -> Iterator[IO[bytes]]:
    """The file, compressed in the order of the source's layers (the outermost is first)."""
    layers: list[Any] = [open(path, "wb")]
    for layer in packing:
        below = layers[-1]
        if layer == "gz":  # without a time, so that equal rows give equal files
            layers.append(gzip.GzipFile("", "wb", 6, below, mtime=0))
        else:
            writer = zstandard.ZstdCompressor().stream_writer(below, closefd=False)
            layers.append(BufferedWriter(writer, 1 << 20))
    try:
        yield layers[-1]
    finally:
        for layer_file in reversed(layers):
            layer_file.close()


def _put_columnar(dataset: Dataset, rows: Ints, source: Source, path: Path) -> None:
    """The rows as columns: gathered to a working file in file order, then put in their order."""
    owners = column(dataset.table["source"], rows).to_numpy(zero_copy_only=False)
    places = column(dataset.table["row"], rows).to_numpy(zero_copy_only=False)
    order = np.lexsort((places, owners))
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    work = path.with_name(f".{path.name}.{os.getpid()}.rows")
    try:
        schema = _gather(dataset, owners[order], places[order], work)
        with replacing(path) as part:
            _arrange(work, back, part, source, schema)
    finally:
        work.unlink(missing_ok=True)


def _gather(dataset: Dataset, owners: Ints, places: Ints, work: Path) -> pa.Schema:
    schema: pa.Schema | None = None
    with pa.OSFile(str(work), "wb") as file:
        out = None
        for index in np.unique(owners):
            mine = places[owners == index]
            for batch in _picked(_batches(dataset, int(index)), mine):
                if out is None:
                    schema = batch.schema
                    out = pa.ipc.new_stream(file, schema)
                out.write_batch(batch)
        if out is not None:
            out.close()
    assert schema is not None  # there is at least one row
    return schema


def _batches(dataset: Dataset, index: int) -> Iterator[pa.RecordBatch]:
    held = getattr(dataset.spool, "tables", {}).get(index)
    if held is not None:
        return iter(held.to_batches())
    source = dataset.sources[index]
    _check_unchanged(source)
    return columnar.batches(source.path, str(source.detail["layout"]), source.path)


def _check_unchanged(source: Source) -> None:
    try:
        status = os.stat(source.path)
    except OSError as why:
        raise UserError(f"{source.path} cannot be read again: {why.strerror}") from None
    if (status.st_size, status.st_mtime_ns) != (source.detail["size"], source.detail["mtime_ns"]):
        raise UserError(f"{source.path} has changed since it was read: read it again")


def _picked(batches: Iterator[pa.RecordBatch], rows: Ints) -> Iterator[pa.RecordBatch]:
    """The named rows, which are in ascending order."""
    start = 0
    for batch in batches:
        low, high = np.searchsorted(rows, [start, start + batch.num_rows])
        if high > low:
            here = pa.array(rows[low:high] - start)
            columns = [columnar.taken(values, here) for values in batch.columns]
            yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)
        start += batch.num_rows


def _arrange(work: Path, back: Ints, part: Path, source: Source, schema: pa.Schema) -> None:
    with pa.memory_map(str(work)) as file:
        table = pa.ipc.open_stream(file).read_all().unify_dictionaries()
        at_once = max(1, min(_GROUP, _GROUP_BYTES * len(back) // max(1, table.nbytes)))
        with _columnar_writer(part, source, schema) as put:
            for start in range(0, len(back), at_once):
                rows = back[start : start + at_once]
                put(pa.Table.from_arrays([column(c, rows) for c in table.columns], schema=schema))


@contextmanager
def _columnar_writer(
    path: Path, source: Source, schema: pa.Schema
) -> Iterator[Callable[[pa.Table], None]]:
    if source.container == "parquet":
        codec = str(source.detail.get("compression", "snappy")).lower()
        with pq.ParquetWriter(str(path), schema, compression=codec) as parquet:
            yield parquet.write_table
        return
    new = pa.ipc.new_stream if source.detail.get("layout") == "arrow_stream" else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as file, new(file, schema) as out:
        yield out.write_table
