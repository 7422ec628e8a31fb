"""Similarities of all rows, by the row: kept while they fit in memory, computed again where not.

Formula: s_ij = max(cos(x_i, x_j), 0) or exp(-|x_i - x_j| / d) of unit vectors with d dimensions,
shape (rows asked for, all rows). Up to `KEPT` bytes, which
is 11,585 rows, all are computed once; beyond that each request is a matrix product, so memory stays
bounded whatever the number of rows. The cosine of a zero vector is 0, also with itself.
Oracle: numpy's x @ x.T.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from tamis.selectors._compiled import added
from tamis.types import Floats, Ints, Vectors
from tamis.vectors import Table, slices

Kernel = Literal["cosine", "exp_distance"]

KEPT = 1 << 29
"""Bytes of similarities that are kept."""

NOISE = 1e-6
"""How far rounding may put two equal sums of similarities apart."""

_SIDE = 256


class Cosines:
    """`cosines.blocks(rows)`: similarities of some rows to all, a few rows at a time.

    `table` holds directions: vectors of length 1.
    """

    def __init__(self, table: Table, kernel: Kernel = "cosine") -> None:
        self._table, self._kernel = table, kernel
        self._kept = self._square() if 4 * len(table) ** 2 <= KEPT else None

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, rows: Ints) -> Vectors:
        """A new array, which the caller may write to."""
        if self._kept is not None:
            return np.asarray(self._kept[rows])
        asked, found = self._table[rows], np.empty((len(rows), len(self)), np.float32)
        for part, block in self._table.blocks():
            self._fill(found[:, part], asked, block)
        return found

    def added(self, rows: Ints, covered: Vectors) -> Floats:
        """sum_i max(s_ij - covered_i, 0) of each of these rows j."""
        if self._kept is not None:
            return added(self._kept, rows, covered)
        found = np.empty(len(rows))
        for part, block in self.blocks(rows):
            found[part] = added(block, np.arange(len(block)), covered)
        return found

    def blocks(self, rows: Ints) -> Iterator[tuple[slice, Vectors]]:
        """The rows asked for, as many at a time as make up a block of 16 MB."""
        for part in slices(len(rows), len(self)):
            yield part, self[rows[part]]

    def _fill(self, out: Vectors, some: Vectors, others: Vectors) -> None:
        np.matmul(some, others.T, out=out)
        if self._kernel == "cosine":
            np.maximum(out, 0, out=out)
            return
        squared = 2 - 2 * out
        squared[squared < 1e-6] = 0  # a root makes rounding a thousand times larger
        out[:] = np.exp(np.sqrt(squared) / -self._table.dimensions)

    def _square(self) -> Vectors:
        found = np.empty((len(self), len(self)), np.float32)
        every = self._table[:]
        for part in slices(len(self), len(self), cells=_SIDE * len(self)):
            self._fill(found[part], every[part], every)
        return found
