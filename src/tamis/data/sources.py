"""What `read` may be given, opened: files, folders, stdin, tables, Hub datasets, lists."""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from tamis.data import columnar, containers, streams
from tamis.data.jsontext import Record
from tamis.data.turns import compact
from tamis.errors import MissingExtra, UserError, nearest

_DATA = re.compile(r"\.(json|jsonl|ndjson|csv|tsv|parquet|arrow|feather|txt)(\.(gz|zst))?$", re.I)
_NOT_DATA = ("dataset_info.json", "state.json", "dataset_dict.json", "manifest.json")
_HUB = re.compile(r"[\w-][\w.-]*/[\w.-]+")


@dataclass(slots=True)
class Origin:
    """One opened source: its records, read once, and what is needed to write them back."""

    path: str
    container: str
    records: Iterator[Record]
    detail: dict[str, Any] = field(default_factory=dict)
    head: bytes = b""
    held: Any = None  # columnar data that only memory holds
    problems: list[str] = field(default_factory=list)  # noted while reading


def origins(source: Any, split: str | None) -> Iterator[Origin]:
    """Opens the sources one after the other."""
    if isinstance(source, (str, os.PathLike)):
        yield from _named(os.fspath(source), split)
    elif _is_dataset(source) or isinstance(source, Mapping):
        yield _dataset(source, split, "<memory>")
    elif hasattr(source, "__arrow_c_stream__"):
        yield _table(pa.table(source), "<memory>")
    elif isinstance(source, Iterable):
        yield from _listed(source, split)
    else:
        raise UserError(f"a {type(source).__name__} cannot be read: give a path, a table or a list")


def _listed(source: Iterable[Any], split: str | None) -> Iterator[Origin]:
    items = iter(source)
    first = next(items, None)
    if isinstance(first, (str, os.PathLike)):
        for item in chain([first], items):
            if not isinstance(item, (str, os.PathLike)):
                raise UserError("a list of sources holds paths or records, not both")
            yield from _named(os.fspath(item), split)
    else:
        rows = [] if first is None else chain([first], items)
        yield Origin("<memory>", "jsonl", _in_memory(rows), {"newline": "\n"})


def _in_memory(rows: Iterable[Any]) -> Iterator[Record]:
    for row in rows:
        try:
            raw = orjson.dumps(row)
        except TypeError:
            raw = compact(row).encode()
        yield Record(row, raw)


def _named(name: str, split: str | None) -> Iterator[Origin]:
    if name == "-":
        yield _opened(sys.stdin.buffer, "<stdin>", {})
        return
    if not os.path.exists(name) and _looks_hub(name):
        yield _hub(name, split)
        return
    if split is not None:
        raise UserError(f"split={split!r} is for Hub datasets, and {name} is a file")
    for path in _paths(name):
        yield _file(path)


def _looks_hub(name: str) -> bool:
    known_suffix = _DATA.search(name) is not None
    beside = os.path.isdir(name.split("/")[0])  # then it is a mistyped path
    return _HUB.fullmatch(name) is not None and not known_suffix and not beside


def _paths(name: str) -> list[str]:
    if os.path.isdir(name):
        return _in_folder(name)
    if os.path.exists(name) or not glob.has_magic(name):
        return [name]
    found = sorted(path for path in glob.glob(name, recursive=True) if os.path.isfile(path))
    if not found:
        raise UserError(f"no file matches {name}")
    return found


def _in_folder(name: str) -> list[str]:
    found = sorted(
        str(path)
        for path in Path(name).rglob("*")
        if path.is_file() and _DATA.search(path.name) and path.name not in _NOT_DATA
    )
    if not found:
        raise UserError(f"the folder {name} holds no data file (.jsonl, .csv, .parquet, ...)")
    return found


def _file(path: str) -> Origin:
    try:
        stream = open(path, "rb")
        status = os.fstat(stream.fileno())
    except FileNotFoundError:
        folder = os.path.dirname(path) or "."
        beside = os.listdir(folder) if os.path.isdir(folder) else []
        raise UserError(f"no file {path}; {nearest(os.path.basename(path), beside)}") from None
    except OSError as why:
        raise UserError(f"{path} cannot be read: {why.strerror}") from None
    detail: dict[str, Any] = {}
    if stat.S_ISREG(status.st_mode):
        detail = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    return _opened(stream, path, detail)


def _opened(stream: BinaryIO, path: str, detail: dict[str, Any]) -> Origin:
    """A byte stream, its packing and container decided by what it begins with."""
    try:
        stream, head, packing = streams.unpacked(stream)
    except streams.DAMAGED as why:
        raise UserError(f"{path}: the compressed data are damaged: {why}") from None
    what = streams.container(head, path)
    if packing:
        detail["packing"] = packing
    if what in ("parquet", "arrow", "arrow_stream"):
        return _columnar(stream, path, what, detail)
    origin = Origin(path, what, iter(()), detail, head)
    bom = head.startswith(streams.UTF8_BOM)
    if bom:
        detail["bom"] = True
    body = head[len(streams.UTF8_BOM) :] if bom else head
    if what in ("jsonl", "csv", "text"):
        detail["newline"] = "\r\n" if b"\r\n" in body[: body.find(b"\n") + 1] else "\n"
    if what == "csv":
        detail |= containers.csv_header(body, path)
    if what == "concatenated":
        detail["layout"] = what
    origin.container = {"scalars": "json", "concatenated": "jsonl"}.get(what, what)
    pieces = streams.blocks(stream, len(streams.UTF8_BOM) if bom else 0, origin.problems)
    origin.records = containers.records(what, pieces, detail)
    return origin


def _columnar(stream: BinaryIO, path: str, what: str, detail: dict[str, Any]) -> Origin:
    held = None
    file: str | pa.Buffer = path
    if "size" not in detail or "packing" in detail:  # nothing that could be opened again
        file = pa.py_buffer(stream.read())
        held = columnar.whole(file, what, path)
    stream.close()
    container = "parquet" if what == "parquet" else "arrow"
    detail |= {"layout": what} | columnar.description(file, what, path)
    records = columnar.records(columnar.batches(file, what, path))
    return Origin(path, container, records, detail, held=held)


def _table(table: pa.Table, path: str) -> Origin:
    records = columnar.records(iter(table.to_batches(max_chunksize=columnar.ROWS)))
    detail = {"layout": "arrow", "schema": columnar.named(table.schema)}
    return Origin(path, "arrow", records, detail, held=table)


def _is_dataset(source: Any) -> bool:
    return type(source).__module__.partition(".")[0] == "datasets" and not _is_lazy(source)


def _is_lazy(source: Any) -> bool:
    return not hasattr(source, "num_rows") and not isinstance(source, Mapping)


def _dataset(source: Any, split: str | None, path: str) -> Origin:
    """A `datasets.Dataset`, or one split of a `DatasetDict`."""
    if isinstance(source, Mapping):
        if not _is_dataset(source):
            raise UserError("a single mapping is not a dataset: give a list of records")
        source = _of_split(source, split, path)
    elif split is not None and str(source.split) != split:
        raise UserError(f"split={split!r}, and this dataset is the split {str(source.split)!r}")
    arrow = source.with_format("arrow")
    return _table(arrow[:], path)


def _of_split(splits: Mapping[str, Any], split: str | None, path: str) -> Any:
    if split is None and len(splits) == 1:
        return next(iter(splits.values()))
    if split is None:
        raise UserError(f"{path} has the splits {', '.join(splits)}: name one with split=")
    if split not in splits:
        raise UserError(f"{path} has no split {split!r}; {nearest(split, splits)}")
    return splits[split]


def _hub(name: str, split: str | None) -> Origin:
    try:
        import datasets
    except ImportError:
        raise MissingExtra("reading from the Hub", "hub") from None
    try:
        found = datasets.load_dataset(name)
    except Exception as why:  # the library raises many kinds, also for having no network
        first = (str(why).strip() or type(why).__name__).splitlines()[0]
        raise UserError(
            f"{name} is no file here, and as a Hub dataset it cannot be loaded: {first}"
        ) from None
    return _dataset(found, split, name)
