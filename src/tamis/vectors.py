"""Tables of vectors: float32 by the block, wherever and in whatever precision they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from tamis.errors import UserError
from tamis.types import Floats, Ints, Mask, Pool, Vectors

WHOLE = 1 << 30
"""Bytes of float32 vectors that are kept in memory; larger tables are converted by the block."""


class Table:
    """The vectors of some rows of a pool as float32, shape (rows, dimensions).

    `table[which]` hands out a slice or an array of rows, not to be written to. They are in memory
    up to `whole` bytes, and above that come from where the column lies, so that a memory-mapped
    float16 file is never in memory whole.
    """

    def __init__(
        self, pool: Pool, name: str, rows: Ints, *, directions: bool = False, whole: int = WHOLE
    ) -> None:
        self._stored, self._rows = pool.stored_vectors(name), rows
        self._directions = directions
        self._kept: Vectors | None = None
        if 4 * len(rows) * self.dimensions <= whole:
            self._kept = self[:]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dimensions(self) -> int:
        return int(self._stored.shape[1])

    def __getitem__(self, which: slice | Ints) -> Vectors:
        if self._kept is not None:
            return self._kept[which]
        found = self._stored[self._rows[which]].astype(np.float32, copy=False)  # it is one
        return unit(found) if self._directions else found

    def blocks(self) -> Iterator[tuple[slice, Vectors]]:
        """All rows, a block at a time."""
        for part in slices(len(self), self.dimensions):
            yield part, self[part]


class Part(Table):
    """Some rows of a table."""

    def __init__(self, table: Table, rows: Ints) -> None:
        self._table, self._rows = table, rows

    @property
    def dimensions(self) -> int:
        return self._table.dimensions

    def __getitem__(self, which: slice | Ints) -> Vectors:
        return self._table[self._rows[which]]


def same_width(one: Table, other: Table, name: str) -> None:
    """Raises UserError where pool and target set have vectors of different models."""
    if one.dimensions != other.dimensions:
        raise UserError(
            f"{name}: the pool has {one.dimensions} dimensions and the target set "
            f"{other.dimensions}: embed both with the same model"
        )


def slices(rows: int, width: int, cells: int = 1 << 22) -> Iterator[slice]:
    """Consecutive slices of all rows, of about so many numbers each."""
    size = max(1, cells // max(width, 1))
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def finite(pool: Pool, name: str) -> Mask:
    """Which rows have a vector without NaN and infinity; float32 blocks, whatever is stored."""
    values = pool.column(name).values
    there = np.asarray(values.is_valid(), dtype=bool)
    stored = pool.stored_vectors(name)
    for part in slices(len(there), stored.shape[1]):
        there[part] &= np.isfinite(stored[part]).all(axis=1)
    return there


def unit(vectors: Vectors) -> Vectors:
    """The vectors scaled to length 1; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)


def distinct(table: Table) -> tuple[Ints, Ints]:
    """Positions of the first row of each vector, and for each row which of them has its vector."""
    places: dict[bytes, int] = {}
    first: list[int] = []
    which = np.empty(len(table), np.int64)
    for part, block in table.blocks():
        for at, row in enumerate(block + np.float32(0), part.start):  # no -0
            key = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
            which[at] = places.setdefault(key, len(first))
            if which[at] == len(first):
                first.append(at)
    return np.array(first, np.int64), which


def weighted_sum(vectors: Vectors | Table, weights: Floats) -> Floats:
    """sum_i weights_i x_i in float64."""
    total = np.zeros(vectors[:1].shape[1])
    for part in slices(len(vectors), len(total)):
        total += weights[part] @ vectors[part].astype(np.float64)
    return total


def products(vectors: Vectors | Table, by: Floats | Vectors, *, exact: bool = False) -> Floats:
    """x_i . by of every row: a block at a time, in float32 unless exact."""
    found = np.empty(len(vectors))
    for part in slices(len(vectors), len(by)):
        block = vectors[part]
        found[part] = block.astype(np.float64) @ by if exact else block @ by.astype(np.float32)
    return found
