"""NovelSelect: always the row that is the most novel to those picked, in dense parts above all.

Formula: the first row by the seed; then argmax_i of the mean over the picks j of
d_ij (rho_i + rho_j) / rank_ij, with d = 1 - cosine, rank 1 for the smallest d_ij (rho_i + rho_j),
and rho the density of `_novelty`: 1 / sqrt(mean squared distance to the 10 nearest others + 1e-9).
Paper: "Measuring Data Diversity for Instruction Tuning" (arXiv:2502.17184), 10,000 of 396,000 rows,
last-layer means of LLaMA-3-8B or Qwen-2.5-7B over 256 tokens as vectors: `of` names any vectors.
Official code computes every row's distances to all picks again for each pick (n k^2 d in all) in
float16, draws the first row from NumPy's global state, and lets a picked row win again. Here a row
is picked once, sums are in float64, and the result is exact all the same: with S_i the sum over t
picks, a further pick at weighted distance w adds at most w / (t + 1), because it moves every larger
one down by a rank. So one bound per row, n floats, tells which few have to be computed again: of
3,000 Alpaca rows 57 on average for each of 300 picks (0.7 s on two cores), of 20,000 rows 117 for
each of 1,000 (16 s). The 300 are those of the loop over all; float16 changes 17 of them. Equal
vectors share a bound. Sums within a millionth of each other tie and go by id.
The gain is the mean; it may rise or fall, and the first row, with no picks to differ from, has 0.
Caution: as the densest parts count most, it depends on the pool; `neighbours=0` leaves density out.
Oracle: methods.md W1; the loop that sorts all distances in every step.
"""

from __future__ import annotations

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.neighbours import Search
from tamis.selectors._greedy import TIE
from tamis.selectors._novelty import density
from tamis.selectors._rows import Picks, drawn, named, usable
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Pool, Selection
from tamis.vectors import Part, Table, distinct

_FEW, _MANY = 8, 64  # rows that are computed again at a time
_ROUNDING = 1e-5  # of a float32 cosine; a bound has to stay a bound


@selector(family="beyond", paper="arXiv:2502.17184")
def novel_select(
    pool: Pool,
    budget: Budget,
    *,
    of: ColumnName = "embedding",
    neighbours: int = 10,
    search: Search = "automatic",
    seed: int = 0,
) -> Selection:
    """The row farthest from the picks, near ones and dense parts weighing more; the gain is that.

    Args:
        of: the vectors to compare
        neighbours: nearest rows that say how dense a row's part is; 0: all parts count the same
        search: exact or approximate nearest rows; automatic is exact up to 50,000 rows
        seed: another seed gives another first row
    """
    if neighbours < 0:
        raise UserError(f"novel_select: neighbours is {neighbours}: set 0 or more")
    rows, dropped = usable(pool, vectors=[of])
    rho, info = density(Table(pool, of, rows), neighbours, search=search, seed=seed)
    order = np.argsort(uniform(pool.ids[rows].tolist(), seed), kind="stable")
    walk = Walk(Table(pool, of, rows, directions=True), rho)
    return drawn(pool, budget, named(walk.picks(order), rows), dropped, **info)


class Walk:
    """The picks so far, and what the sum of each distinct vector is at most."""

    def __init__(self, table: Table, rho: Floats) -> None:
        first, self._which = distinct(table)
        self._table, self._rho = Part(table, first), rho[first]
        self._grouped = np.argsort(self._which, kind="stable")  # rows by vector
        sizes = np.bincount(self._which, minlength=len(first))
        self._end = np.cumsum(sizes)
        self._at = self._end - sizes  # each vector's first row that is left, in `_grouped`
        self._left = np.ones(len(table), bool)
        self._bounds = np.zeros(len(first))
        self._chosen: list[int] = []

    def picks(self, order: Ints) -> Picks:
        """(row, mean): the first row that is not refused in this order, then the most novel."""
        for first in order.tolist():
            self._remove(first)
            if (yield first, 0.0) is not False:
                self._add(first)
                break
        while self._left.any():
            row, gain = self._best()
            self._remove(row)
            if (yield row, gain) is not False:
                self._add(row)

    def _remove(self, row: int) -> None:
        self._left[row] = False
        vector = self._which[row]
        while self._at[vector] < self._end[vector] and not self._left[self._next(vector)]:
            self._at[vector] += 1

    def _next(self, vectors: Ints) -> Ints:
        return np.asarray(self._grouped[self._at[vectors]])

    def _add(self, row: int) -> None:
        vector = int(self._which[row])
        self._chosen.append(vector)
        picked = self._table[np.array([vector])][0]
        for part, block in self._table.blocks():
            apart = np.maximum(1 - block @ picked, 0) + _ROUNDING
            most = apart * (self._rho[part] + self._rho[vector])
            self._bounds[part] += most / len(self._chosen)

    def _best(self) -> tuple[int, float]:
        """The row with the largest mean, the first of those that tie."""
        bounds = np.where(self._at < self._end, self._bounds, -2)
        sums = np.full(len(bounds), -2.0)
        top, size = -1.0, _FEW
        while len(asked := np.flatnonzero(bounds >= top - TIE * abs(top))):
            if len(asked) > size:
                asked = asked[np.argpartition(-bounds[asked], size)[:size]]
            self._bounds[asked] = sums[asked] = self._sums(asked)
            bounds[asked] = -2
            top, size = max(top, float(sums[asked].max())), min(2 * size, _MANY)
        tied = np.flatnonzero(sums >= top - TIE * abs(top))
        row = int(self._next(tied).min())
        return row, float(sums[self._which[row]]) / len(self._chosen)

    def _sums(self, asked: Ints) -> Floats:
        """Sum over the picks of weighted distance / rank, in float64."""
        chosen = np.array(self._chosen)
        cosines = self._table[asked].astype(np.float64) @ self._table[chosen].astype(np.float64).T
        apart = np.maximum(1 - cosines, 0) * (self._rho[asked][:, None] + self._rho[chosen])
        apart.sort(axis=1)
        return np.asarray(apart @ (1 / np.arange(1, len(chosen) + 1)), np.float64)
