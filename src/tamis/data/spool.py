"""Rows on their way to a memory-mapped Arrow file: built in batches bounded by bytes."""

from __future__ import annotations

import os
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from tamis.data.turns import Message
from tamis.errors import UserError
from tamis.templates import seam_input
from tamis.types import MESSAGE, SCHEMA

BYTES = 1 << 24  # of one batch
ROWS = 1 << 15
DIGEST = 12

_NAMELESS = sys.platform == "linux" and os.path.isdir("/proc/self/fd")
"""Whether other processes can open a file that has no name, by its number here."""

# The file has no ids: whether one is a repeat is known only at the end.
_STORED = pa.schema([SCHEMA.field(name) for name in SCHEMA.names if name != "id"])


class Spool:
    """The files behind a dataset; they vanish with it. Also the tables that have no file."""

    def __init__(self) -> None:
        self.tables: dict[int, Any] = {}  # source -> columnar data that only memory holds
        self.folder: str | os.PathLike[str] | None = None
        self.whole: Callable[[], pa.Table | None] = lambda: None  # what the files hold together
        self.files: list[str] = []  # by which other processes open them, where they can


def shared(table: pa.Table, spool: object) -> tuple[list[str], Spool]:
    """Files by which other processes of this machine map a table, and what keeps them there.

    A table that is its spool's is not written again. On Linux the files have no name in any
    folder: they are gone with this process, however it ends.
    """
    if isinstance(spool, Spool) and spool.whole() is table and spool.files:
        return spool.files, spool
    kept = Spool()
    kept.folder = spool.folder if isinstance(spool, Spool) else None
    path = _new_file(kept.folder)
    try:
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            for batch in table.to_batches():  # chunks stay as they are
                out.write_batch(batch)
    except BaseException as why:
        os.unlink(path)
        if not isinstance(why, OSError) or why.errno != 28:  # ENOSPC
            raise
        raise UserError(
            f"no space is left in {os.path.dirname(path)} for the rows that other processes read: "
            "set TMPDIR to a larger folder, or compute with --executor inline"
        ) from None
    if _NAMELESS or os.name != "posix":
        _mapped(path, kept)
    else:
        kept.files.append(path)
        weakref.finalize(kept, _remove, path)
    return kept.files, kept


def opened(files: Sequence[str]) -> pa.Table:
    """The table that another process shares."""
    parts = [pa.ipc.open_file(pa.memory_map(path)).read_all() for path in files]
    columns = {name: part[name] for part in parts for name in part.column_names}
    names = [name for name in SCHEMA.names if name in columns]
    return pa.table({name: columns[name] for name in dict.fromkeys([*names, *columns])})


Row = tuple[list[Message], str | None, str | None, int, int, bytes | None]
"""messages, tools, extra, source, row, raw"""


class _Batch:
    """Rows taken apart: what is left holds no Python container, which keeps the collector idle."""

    __slots__ = ("digests", "lengths", "messages", "rest", "size")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.lengths: list[int] = []
        self.rest: list[tuple[str | None, str | None, int, int, bytes | None]] = []
        self.digests: list[bytes] = []
        self.size = 0


def _arrow(batch: _Batch) -> pa.RecordBatch:
    tools, extra, source, row, raw = zip(*batch.rest, strict=True)
    offsets = np.concatenate([[0], np.cumsum(batch.lengths)])
    flat = batch.messages
    turns = pa.StructArray.from_arrays(
        [pa.array(column, pa.string()) for column in zip(*flat, strict=True)], fields=list(MESSAGE)
    )
    columns = [
        pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), turns),
        pa.array(tools, pa.string()),
        pa.array(extra, pa.string()),
        pa.array(source, pa.int32()),
        pa.array(row, pa.int64()),
        pa.array(raw, pa.large_binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_STORED)


def digest(messages: list[Message], tools: str | None, extra: str | None = None) -> bytes:
    """Names a conversation whatever file and format held it: blake2b of [messages, tools] as JSON.

    Each message is [role, content, tool_calls]. Where the last question ends with an input that the
    row keeps apart, the input stands behind them: templates write such a row in another way, and a
    score must not be taken for the other's. TypeError where a text holds lone surrogates.
    """
    said = next((text for role, text, _ in reversed(messages) if role == "user"), None)
    given = seam_input(said or "", extra)
    whole = (messages, tools, given) if given else (messages, tools)
    return blake2b(orjson.dumps(whole), digest_size=DIGEST).digest()


class Writer:
    """Appends rows; `table` gives what was appended, memory-mapped."""

    def __init__(self, folder: str | os.PathLike[str] | None, holder: Spool) -> None:
        self._folder, self._holder = folder, holder
        self._path = _new_file(folder)
        self._file = pa.OSFile(self._path, "wb")
        self._out = pa.ipc.new_file(self._file, _STORED)
        self._batch = _Batch()
        self._digests: list[bytes] = []
        self._lengths: list[int] = []

    def add(self, row: Row) -> None:
        messages, tools, extra, source, number, raw = row
        batch = self._batch
        # first: it raises where a text is unstorable
        batch.digests.append(digest(messages, tools, extra))
        batch.messages += messages
        batch.lengths.append(len(messages))
        batch.rest.append((tools, extra, source, number, raw))
        # Where there are no bytes as read (columnar sources), the texts are counted one by one.
        batch.size += 2 * len(raw) if raw is not None else len(extra or "") + _length(messages)
        if batch.size >= BYTES or len(batch.rest) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._batch.rest:
            self._out.write_batch(_arrow(self._batch))
            self._digests.append(b"".join(self._batch.digests))
            self._lengths.append(len(self._batch.rest))
        self._batch = _Batch()

    def table(self) -> pa.Table:
        """All rows with their ids; the file is mapped, and gone from the folder where possible."""
        self._flush()
        self._out.close()
        self._file.close()
        stored = _mapped(self._path, self._holder)
        path = _new_file(self._folder)
        ids = pa.schema([SCHEMA.field("id")])
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, ids) as out:
            for batch in _ids(b"".join(self._digests), self._lengths):
                out.write_batch(pa.RecordBatch.from_arrays([batch], schema=ids))
        named = _mapped(path, self._holder)["id"]
        columns = {"id": named} | {name: stored[name] for name in _STORED.names}
        whole = pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        self._holder.folder, self._holder.whole = self._folder, weakref.ref(whole)
        return whole

    def discard(self) -> None:
        """Closes and removes the file, when reading failed."""
        if os.path.exists(self._path):
            self._file.close()
            os.unlink(self._path)


def _length(messages: list[Message]) -> int:
    return sum(len(content or "") + len(calls or "") for _, content, calls in messages)


def _ids(digests: bytes, lengths: list[int]) -> Iterator[pa.Array]:
    """Hexadecimal ids batch by batch; repeats get -2, -3, ... in reading order."""
    repeat = repeats(np.frombuffer(digests, np.uint8).reshape(-1, DIGEST))
    start = 0
    for length in lengths:
        text = digests[start * DIGEST : (start + length) * DIGEST].hex()
        names = [text[i : i + 2 * DIGEST] for i in range(0, len(text), 2 * DIGEST)]
        for index in np.flatnonzero(repeat[start : start + length]):
            names[index] += f"-{repeat[start + index] + 1}"
        yield pa.array(names, pa.string())
        start += length


def repeats(digests: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many equal rows stand before each row."""
    high = np.ascontiguousarray(digests[:, :8]).view(np.uint64).ravel()
    low = np.ascontiguousarray(digests[:, 8:]).view(np.uint32).ravel()
    order = np.lexsort((low, high))  # stable: equal rows stay in reading order
    same = (np.diff(high[order]) == 0) & (np.diff(low[order]) == 0)
    begins = np.concatenate([[True], ~same]) if len(order) else np.empty(0, bool)
    position = np.arange(len(order))
    first = np.maximum.accumulate(np.where(begins, position, 0))
    counts = np.empty(len(order), np.int64)
    counts[order] = position - first
    return counts


def _new_file(folder: str | os.PathLike[str] | None) -> str:
    handle, path = tempfile.mkstemp(prefix="tamis-", suffix=".arrow", dir=folder)
    os.close(handle)
    return path


def _mapped(path: str, holder: Spool) -> pa.Table:
    table = pa.ipc.open_file(pa.memory_map(path)).read_all()
    if _NAMELESS:
        handle = os.open(path, os.O_RDONLY)
        holder.files.append(f"/proc/{os.getpid()}/fd/{handle}")
        weakref.finalize(holder, os.close, handle)
    if os.name == "posix":
        os.unlink(path)  # the mapping keeps the bytes until the last reader is gone
    else:
        holder.files.append(path)
        weakref.finalize(holder, _remove, path)
    return table


def _remove(path: str) -> None:
    with _ignored(OSError):  # still mapped somewhere: the system's clean-up takes it
        os.unlink(path)


@contextmanager
def _ignored(kind: type[BaseException]) -> Iterator[None]:
    try:
        yield
    except kind:
        pass


@contextmanager
def writer(folder: str | os.PathLike[str] | None, holder: Spool) -> Iterator[Writer]:
    """A writer whose file is removed on failure; a full disk is one clear message."""
    shown = folder or tempfile.gettempdir()
    try:
        out = Writer(folder, holder)
    except OSError as why:
        raise UserError(f"no working file can be made in {shown}: {why.strerror}") from None
    try:
        yield out
    except OSError as why:
        if why.errno != 28:  # ENOSPC
            raise
        raise UserError(f"no space is left in {shown}: give a larger folder as spool_dir") from None
    finally:
        out.discard()
