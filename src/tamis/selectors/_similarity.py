"""Cosines between all rows, by the row: kept while they fit in memory, computed again where not.

Formula: s_ij = max(cos(x_i, x_j), 0), shape (rows asked for, all rows). Up to `KEPT` bytes, which
is 11,585 rows, all are computed once, half of the products by symmetry; beyond that each request is
a matrix product, so memory stays bounded whatever the number of rows. A zero vector is similar to
nothing, not even to itself.
Oracle: numpy's x @ x.T.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tamis.selectors._rows import Table, slices
from tamis.types import Ints, Vectors

KEPT = 1 << 29
_SIDE = 2048


class Cosines:
    """`cosines.blocks(rows)`: similarities of some rows to all, a few rows at a time.

    `table` holds directions: vectors of length 1.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._kept = _square(table[:]) if 4 * len(table) ** 2 <= KEPT else None

    def __len__(self) -> int:
        return len(self._table)

    def row(self, row: int) -> Vectors:
        """Similarities of one row to all."""
        return np.asarray(self[np.array([row])][0])

    def __getitem__(self, rows: Ints) -> Vectors:
        """A new array, which the caller may write to."""
        if self._kept is not None:
            return np.asarray(self._kept[rows])
        asked, found = self._table[rows], np.empty((len(rows), len(self)), np.float32)
        for part, block in self._table.blocks():
            np.maximum(asked @ block.T, 0, out=found[:, part])
        return found

    def blocks(self, rows: Ints) -> Iterator[tuple[slice, Vectors]]:
        """The rows asked for, as many at a time as make up a block of 16 MB."""
        for part in slices(len(rows), len(self)):
            yield part, self[rows[part]]


def _square(vectors: Vectors) -> Vectors:
    found = np.empty((len(vectors), len(vectors)), np.float32)
    for i in range(0, len(vectors), _SIDE):
        for j in range(i, len(vectors), _SIDE):
            block = np.maximum(vectors[i : i + _SIDE] @ vectors[j : j + _SIDE].T, 0)
            found[i : i + _SIDE, j : j + _SIDE] = block
            found[j : j + _SIDE, i : i + _SIDE] = block.T
    return found
