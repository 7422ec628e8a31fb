"""A column put together from pieces, each of which has the values of some of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tamis.types import Column, Ints, Mask

NUMBERS = {pa.float16(): np.float16, pa.float32(): np.float32}


@dataclass(slots=True)
class Gathering:
    """Rows of a column as they come.

    Vectors are written where they will stay, so that they are held once; of any other kind the
    pieces are kept and put in order at the end.
    """

    rows: int
    kind: pa.DataType | None = None
    there: Mask = field(init=False)
    places: Ints = field(init=False)  # of each row among the pieces
    count: int = 0
    problems: list[pa.Array] = field(default_factory=list)
    pieces: list[pa.Array] = field(default_factory=list)
    vectors: NDArray[Any] | None = None
    empty: Mask | None = None  # rows without a vector

    def __post_init__(self) -> None:
        self.there = np.zeros(self.rows, dtype=bool)
        self.places = np.zeros(self.rows, dtype=np.int64)

    def fits(self, kind: pa.DataType) -> bool:
        """Whether a piece of such values can be of the same column."""
        return self.kind is None or self.kind == kind

    def add(self, piece: pa.Table, rows: Ints) -> None:
        """The values of these rows, in that order."""
        values = _whole(piece["value"])
        self.kind = values.type
        self.there[rows] = True
        self.places[rows] = np.arange(self.count, self.count + len(rows))
        self.count += len(rows)
        self.problems.append(_whole(piece["problem"]))
        if not (pa.types.is_fixed_size_list(self.kind) and self.kind.value_type in NUMBERS):
            self.pieces.append(values)
            return
        if self.vectors is None:
            shape = (self.rows, self.kind.list_size)
            self.vectors = np.zeros(shape, NUMBERS[self.kind.value_type])
            self.empty = np.ones(self.rows, dtype=bool)
        assert self.empty is not None
        none = np.asarray(values.is_null())
        # what stands under a null is nothing, and is not taken along
        self.vectors[rows[~none]] = _matrix(values)[~none] if none.any() else _matrix(values)
        self.empty[rows] = none

    def column(self) -> Column | None:
        """All rows, null where nothing was added; None where nothing was at all."""
        if self.kind is None:
            return None
        problem = self._ordered(self.problems, pa.string())
        if self.vectors is None or self.empty is None:
            return Column(self._ordered(self.pieces, self.kind), problem)
        mask = pa.array(self.empty) if self.empty.any() else None
        flat = pa.array(self.vectors.reshape(-1))
        return Column(pa.FixedSizeListArray.from_arrays(flat, type=self.kind, mask=mask), problem)

    def _ordered(self, pieces: list[pa.Array], kind: pa.DataType) -> pa.Array:
        where = pa.array(self.places, mask=None if self.there.all() else ~self.there)
        return _whole(pa.chunked_array(pieces, kind).take(where))


def _matrix(values: pa.Array) -> NDArray[Any]:
    """Vectors as a table that shares their memory; anything stands under a null."""
    width, inside = values.type.list_size, values.values
    numbers = np.frombuffer(inside.buffers()[1], NUMBERS[inside.type])
    start = inside.offset + values.offset * width
    return numbers[start : start + len(values) * width].reshape(-1, width)


def _whole(array: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array instead of chunks."""
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
