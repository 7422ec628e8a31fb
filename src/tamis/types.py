"""The nouns of tamis: a dataset is an Arrow table, every result is a column keyed by row id."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.budget import Budget
from tamis.errors import UserError, nearest
from tamis.purse import Purse

Part = Literal["instruction", "response", "all"]
"""Which turns of a conversation a text scorer reads, joined by line breaks."""

ColumnName = Annotated[str, "column"]
"""A parameter of this type names another scorer, perhaps with parameters: `mtld(of=all)`."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]

_NO_VALUES: Vectors = np.empty(0, np.float32)

MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string()), ("tool_calls", pa.string())])
"""role: system, user, assistant or tool; tool_calls: a JSON array, null where there is none."""

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # hash of messages and tools; repeats get the suffix -2, -3, ...
        ("messages", pa.list_(MESSAGE)),
        ("tools", pa.string()),  # JSON array of tool definitions, null where there is none
        ("extra", pa.string()),  # JSON object of the row's other fields, null where there is none
        ("source", pa.int32()),  # index into Dataset.sources
        ("row", pa.int64()),  # position of the record in its source, from 0, rejects counted
        ("raw", pa.large_binary()),  # the record's bytes as read; null for columnar sources
    ]
)

ROLES_OF: Mapping[str, tuple[str, ...]] = {
    "instruction": ("system", "user"),
    "response": ("assistant",),
    "all": ("system", "user", "assistant", "tool"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows came from: enough to write them back in the same form."""

    path: str  # as given by the user; "<stdin>" or "<memory>" where there is no file
    container: str  # json, jsonl, csv, parquet, arrow, text
    format: str  # alpaca, sharegpt, messages, ...
    rows: int  # rows kept
    rejected: int
    detail: Mapping[str, Any] = field(
        default_factory=dict
    )  # CSV header and delimiter, encoding, ...


def _content(flat: pa.StructArray) -> pa.Array:
    """What a turn says: its text, then its tool calls, which the model has to write as well."""
    text, calls = pc.struct_field(flat, "content"), pc.struct_field(flat, "tool_calls")
    if calls.null_count == len(calls):
        return text
    text, calls = pc.fill_null(text, ""), pc.fill_null(calls, "")
    both = pc.and_(pc.not_equal(text, ""), pc.not_equal(calls, ""))
    one = pc.if_else(pc.equal(text, ""), calls, text)
    return pc.if_else(both, pc.binary_join_element_wise(text, calls, "\n"), one)


def _joined(messages: pa.ListArray, roles: Sequence[str]) -> pa.Array:
    """The turns of the given roles of each row, joined by line breaks; "" where there is none."""
    flat = messages.flatten()
    parents = pc.list_parent_indices(messages)
    keep = pc.is_in(pc.struct_field(flat, "role"), pa.array(roles))
    counts = np.bincount(parents.filter(keep).to_numpy(), minlength=len(messages))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(
        pa.array(offsets), pc.fill_null(_content(flat.filter(keep)), "")
    )
    return pc.binary_join(lists, "\n")


@dataclass(frozen=True, slots=True)
class Batch:
    """A slice of rows: what a row scorer receives. `table` has the columns of SCHEMA."""

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def ids(self) -> list[str]:
        return list(self.table["id"].to_pylist())

    def texts(self, of: Part = "response") -> pa.Array:
        """One string a row: the turns that `of` names, in order, joined by line breaks."""
        chunks = [_joined(chunk, ROLES_OF[of]) for chunk in self.table["messages"].chunks]
        return pa.chunked_array(chunks, pa.string()).combine_chunks()


@dataclass(frozen=True, slots=True)
class Dataset:
    """All rows of a pool, memory-mapped from disk, in the order they were read."""

    table: pa.Table
    fingerprint: str  # hash of the ids in order
    sources: tuple[Source, ...] = ()
    rejects: str | None = None  # path of the rejects file, when rows were rejected
    spool: object = None  # keeps the file on disk alive as long as the dataset
    reading: Mapping[str, Any] = field(default_factory=dict)  # how it was read, to read it again

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def ids(self) -> pa.ChunkedArray:
        return self.table["id"]

    def batches(self, size: int = 8192) -> Iterator[Batch]:
        for start in range(0, len(self), size):
            yield Batch(self.table.slice(start, size))

    def take(self, rows: Ints) -> Dataset:
        """The named rows, in that order."""
        table = self.table.take(pa.array(rows))
        return replace(self, table=table, fingerprint=fingerprint(table["id"]))

    def texts(self, of: Part = "response") -> pa.ChunkedArray:
        return pa.chunked_array([batch.texts(of) for batch in self.batches()], pa.string())


def fingerprint(ids: pa.ChunkedArray) -> str:
    """Hash of the ids in order: names a dataset's content whatever file held it."""
    import hashlib

    digest = hashlib.blake2b(digest_size=12)
    for chunk in ids.chunks:
        digest.update("\n".join(chunk.to_pylist()).encode())
        digest.update(b"\n")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Column:
    """One value a row, null where there is none, and then the reason why in `problem`."""

    values: pa.Array  # float64, string, or a list: of strings, or of float32 (vectors, series)
    problem: pa.Array  # string: null where there is a value

    @classmethod
    def floats(cls, values: NDArray[Any], **problems: Mask) -> Column:
        """A score column; each keyword names a problem and the rows that have it.

        A NaN that no problem explains is an error of the scorer.
        """
        data = np.asarray(values, dtype=np.float64)
        problem = _problems(len(data), problems)
        null = _named(problem)
        if np.isnan(data[~null]).any():
            raise ValueError("a score is NaN and no problem says why")
        return cls(pa.array(data, mask=null), pa.array(problem, pa.string()))

    @classmethod
    def vectors(cls, values: NDArray[Any], **problems: Mask) -> Column:
        """An embedding column: shape (rows, dimensions), as float32; float16 stays what it is.

        A memory-mapped array is not copied: its pages are read when they are used.
        """
        kept = values if values.dtype in (np.float16, np.float32) else values.astype(np.float32)
        data = np.ascontiguousarray(kept)
        problem = _problems(len(data), problems)
        mask = pa.array(_named(problem)) if problems else None
        flat = pa.array(data.reshape(-1))
        lists = pa.FixedSizeListArray.from_arrays(flat, data.shape[1], mask=mask)
        return cls(lists, pa.array(problem, pa.string()))

    @classmethod
    def strings(cls, values: Sequence[str | None] | pa.Array, **problems: Mask) -> Column:
        """A label column."""
        problem = _problems(len(values), problems)
        kept = pa.array(values, pa.string()) if not isinstance(values, pa.Array) else values
        null = pa.array(_named(problem))
        return cls(
            pc.if_else(null, pa.scalar(None, pa.string()), kept), pa.array(problem, pa.string())
        )

    @classmethod
    def tags(cls, values: Sequence[Sequence[str]], **problems: Mask) -> Column:
        """A column with a list of strings a row."""
        problem = _problems(len(values), problems)
        kept = [None if why else list(tags) for tags, why in zip(values, problem, strict=True)]
        return cls(pa.array(kept, pa.list_(pa.string())), pa.array(problem, pa.string()))

    @classmethod
    def series(cls, values: Sequence[NDArray[Any]], **problems: Mask) -> Column:
        """A column with any number of float32 a row, such as a loss for each token.

        A NaN in a row that no problem explains is an error of the scorer.
        """
        problem = _problems(len(values), problems)
        null = _named(problem)
        kept = [_NO_VALUES if gone else row for row, gone in zip(values, null, strict=True)]
        flat = np.concatenate([_NO_VALUES, *kept]).astype(np.float32)
        if np.isnan(flat).any():
            raise ValueError("a value of a series is NaN and no problem says why")
        starts = pa.array(np.cumsum([0, *map(len, kept)], dtype=np.int64))
        lists = pa.LargeListArray.from_arrays(starts, pa.array(flat), mask=pa.array(null))
        return cls(lists, pa.array(problem, pa.string()))

    def __len__(self) -> int:
        return len(self.values)


def _problems(rows: int, masks: Mapping[str, Mask]) -> NDArray[np.object_]:
    """The first problem of each row by name, None where there is none."""
    problem = np.full(rows, None, dtype=object)
    for name, mask in masks.items():
        problem[np.asarray(mask, dtype=bool) & ~_named(problem)] = name
    return problem


def masks(problems: Sequence[str | None]) -> dict[str, Mask]:
    """The rows that have each problem, by its name: what a column is told."""
    why = np.array([problem or "" for problem in problems], dtype=object)
    return {name: why == name for name in sorted(set(why.tolist()) - {""})}


def _named(problem: NDArray[np.object_]) -> Mask:
    """Which rows have a problem."""
    return np.array([why is not None for why in problem], dtype=bool)


def is_series(kind: pa.DataType) -> bool:
    """Whether a column of this type holds any number of numbers a row."""
    return bool(pa.types.is_large_list(kind) and pa.types.is_floating(kind.value_type))


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows with the columns computed so far: what table scorers and selectors receive.

    `columns` is keyed by the reference as written, `mtld(of=response)`. `costs` holds the tokens
    of each row and is present when the budget is in tokens. `rows` are positions in the dataset
    that was read, so that a selection from a filtered pool finds its way back.
    """

    data: Dataset
    columns: Mapping[str, Column] = field(default_factory=dict)
    rows: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    costs: Ints | None = None

    @classmethod
    def of(cls, data: Dataset, **columns: NDArray[Any] | Sequence[str] | Column) -> Pool:
        """A pool of all rows with columns, plain arrays will do: one line in a test."""
        return cls(data, {n: as_column(v) for n, v in columns.items()}, np.arange(len(data)))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def ids(self) -> NDArray[np.str_]:
        return np.asarray(self.data.ids.to_pylist(), dtype=str)

    def column(self, name: str) -> Column:
        if name not in self.columns:
            raise UserError(f"no column {name!r}; {nearest(name, self.columns)}")
        return self.columns[name]

    def scores(self, name: str) -> Floats:
        """A score column; NaN where there is no score."""
        values = self.column(name).values
        if not pa.types.is_floating(values.type):
            raise UserError(f"column {name!r} holds {values.type}, and a score is needed here")
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)

    def vectors(self, name: str) -> Vectors:
        """An embedding column, shape (rows, dimensions); rows without one are NaN."""
        flat = self.stored_vectors(name).astype(np.float32)
        flat[np.asarray(self.column(name).values.is_null())] = np.nan
        return flat

    def stored_vectors(self, name: str) -> NDArray[Any]:
        """The same as it lies in memory or on disk, float16 or float32, not copied.

        Rows without a vector hold anything.
        """
        values = self.column(name).values
        if not pa.types.is_fixed_size_list(values.type):
            raise UserError(f"column {name!r} holds {values.type}, and vectors are needed here")
        size = values.type.list_size
        flat = values.values.slice(values.offset * size, len(values) * size)
        return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(values), size)

    def series(self, name: str) -> tuple[Vectors, Ints]:
        """A column with any number of values a row: all values end to end, and where rows begin.

        Row i has values[starts[i]:starts[i + 1]]; a row without a series has none.
        """
        values = self.column(name).values
        if not is_series(values.type):
            raise UserError(f"column {name!r} holds {values.type}, and a series is needed here")
        lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return np.asarray(values.flatten().to_numpy(zero_copy_only=False)), starts

    def labels(self, name: str) -> list[Any]:
        """A label or tag column as Python values; a score column's values as they are."""
        return list(self.column(name).values.to_pylist())

    def take(self, rows: Ints) -> Pool:
        """The named rows with their columns."""
        index = pa.array(rows)
        kept = {
            name: Column(column.values.take(index), column.problem.take(index))
            for name, column in self.columns.items()
        }
        costs = None if self.costs is None else self.costs[rows]
        # the raw records are half of the bytes, and only writing needs them
        table = self.data.table
        light = table.select([name for name in table.column_names if name != "raw"])
        return Pool(replace(self.data, table=light).take(rows), kept, self.rows[rows], costs)


def as_column(values: NDArray[Any] | Sequence[Any] | Column) -> Column:
    """A column from a plain array: floats, vectors, strings or lists of strings."""
    if isinstance(values, Column):
        return values
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return Column.vectors(values)
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return Column.floats(values, missing=np.isnan(values.astype(np.float64)))
    listed = list(values)
    missing = np.array([value is None for value in listed], dtype=bool)
    if any(isinstance(value, list | tuple) for value in listed):
        return Column.tags(listed, missing=missing)
    return Column.strings(listed, missing=missing)


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows in pick order with the gain of each: any prefix is the selection of a smaller budget."""

    rows: Ints
    gains: Floats
    info: Mapping[str, Any] = field(
        default_factory=dict
    )  # certificates, counts: goes to the manifest
    dropped: Mapping[str, Ints] = field(
        default_factory=dict
    )  # reason -> rows that could not be picked

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def take(
        cls,
        pool: Pool,
        budget: Budget,
        picks: Iterable[tuple[int, float]],
        dropped: Mapping[str, Ints] | None = None,
    ) -> Selection:
        """Draws (row, gain) pairs until the budget is spent: the one place that knows budgets.

        A token budget ends before the first row that does not fit, so that a smaller budget's
        selection is a prefix of a larger one's; it is never exceeded. A row that a quota refuses is
        passed over, and a generator is told so: `yield` gives it False, and True for a row taken.
        One pick more than needed is drawn, so that it hears of every row that was taken. Rows that
        were `dropped` cannot be picked: no seats of a group are counted on them.
        """
        limit = budget.of(len(pool))
        groups = {quota.column: pool.labels(quota.column) for quota in limit.quotas}
        pickable = np.ones(len(pool), bool)
        for rows_dropped in (dropped or {}).values():
            pickable[rows_dropped] = False
        purse = Purse(limit, pool.costs, groups, pickable)
        rows: list[int] = []
        gains: list[float] = []
        drawn = iter(picks)
        ask = drawn.send if isinstance(drawn, Generator) else lambda _: next(drawn)
        taken: bool | None = None
        while True:
            try:
                row, gain = ask(taken)
            except StopIteration:
                break
            if purse.ends(row):
                break
            taken = purse.takes(row)
            if taken:
                rows.append(row)
                gains.append(gain)
        info = {"quotas": purse.report()} if limit.quotas else {}
        gone = dict(dropped or {})
        return cls(np.asarray(rows, np.int64), np.asarray(gains, np.float64), info, gone)


def order_by(values: Floats, ids: NDArray[np.str_], *, descending: bool = True) -> Ints:
    """Positions sorted by value, ties by id, so that the order of a file changes nothing."""
    return np.lexsort((ids, -values if descending else values)).astype(np.int64)
