"""Facility location: the rows that stand for all others best.

Formula: f(S) = sum_i max(0, max_{j in S} cos(x_i, x_j)); always the row that adds most to f, by
lazy greedy (`_greedy.py`), so f(S) is at least 1 - 1/e of the best value for as many rows; the
manifest has the value, its share of the pool and an upper bound on the optimum.
Used by Superfiltering.D (arXiv:2402.00530) on the rows left by IFD, 520 of Alpaca's, and in QDIT
(selector `qdit`). Cosines below 0 count as 0: a row is not worse served by a pick than by none.
- exact: similarities are kept up to 11,585 rows and computed again beyond, so memory is bounded;
  about five evaluations a row, each n d operations.
- sparse: row i is served by picks among its nearest `neighbours` rows alone. Above 16,384 rows the
  default. It reaches nearly the same f with other picks (docs/selection.md has figures).
- candidates=s: each step looks at s rows drawn by the seed instead of all (stochastic greedy,
  arXiv:1409.7938). With s = n/k ln(1/e), 1 - 1/e - e holds on average; here s does not depend on
  the budget, so that subsets nest.
Official code (Superfiltering) turns Euclidean distances into exp(-distance / d) with d the number
of dimensions, which lies between 0.995 and 1 for unit vectors: similarity=exp_distance is that.
When all rows are covered the others follow by id with gain 0.
Oracle: methods.md F1; apricot-select and submodlib pick by pick; (1 - 1/e) of brute force.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.neighbours import Search, nearest
from tamis.selectors._compiled import ROUNDING
from tamis.selectors._greedy import Objective, walk_of
from tamis.selectors._rows import drawn, named, told, usable
from tamis.selectors._similarity import NOISE, Cosines, Kernel
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Pool, Selection, Vectors
from tamis.vectors import Table

Mode = Literal["automatic", "exact", "sparse"]

EXACT = 1 << 14
"""Rows up to which `automatic` compares all with all."""


@selector(family="beyond", paper="arXiv:2402.00530")
def facility_location(
    pool: Pool,
    budget: Budget,
    *,
    of: ColumnName = "embedding",
    mode: Mode = "automatic",
    similarity: Kernel = "cosine",
    neighbours: int = 64,
    candidates: int = 0,
    search: Search = "automatic",
    seed: int = 0,
) -> Selection:
    """Rows that raise the sum over all rows of the largest similarity to a pick the most.

    Args:
        of: the vectors whose directions are covered
        mode: exact compares all rows with all; sparse each row with its neighbours alone;
            automatic is exact up to 16,384 rows
        similarity: cosine (not below 0), or exp(-distance / dimensions) as Superfiltering.D
        neighbours: how many rows a row can be served by, in sparse mode
        candidates: rows drawn in each step to choose from; 0 chooses from all
        search: how neighbours are found; approximate needs the extra ann
        seed: decides the candidates, and the rows whose neighbours are checked
    """
    rows, dropped = usable(pool, vectors=[of])
    table = Table(pool, of, rows, directions=True)
    objective, info = objective_of(table, mode, similarity, neighbours, search, seed)
    walk = walk_of(objective, len(rows), candidates, seed, NOISE)
    chosen = drawn(pool, budget, named(walk.picks(), rows), dropped, **info)
    return told(chosen, **walk.certificate(), coverage=walk.value / max(len(rows), 1))


def objective_of(
    table: Table, mode: Mode, similarity: Kernel, neighbours: int, search: Search, seed: int
) -> tuple[Objective, dict[str, Any]]:
    """The objective for a table of directions, and what is to be told of it."""
    if neighbours < 1:
        raise UserError(f"neighbours must be at least 1, got {neighbours}")
    if mode == "exact" or (mode == "automatic" and len(table) <= EXACT):
        return Coverage(Cosines(table, similarity)), {"mode": "exact"}
    if similarity != "cosine":
        raise UserError("sparse mode knows cosines only: set mode=exact or similarity=cosine")
    objective, found = neighbourhoods(table, neighbours, search, seed)
    return objective, {"mode": "sparse", **found}


class Coverage:
    """The objective with the similarities of all rows to all: the form of the papers."""

    def __init__(self, similar: Cosines) -> None:
        self._similar = similar
        self._covered = np.zeros(len(similar), np.float32)

    def gains(self, rows: Ints) -> Floats:
        """sum_i max(s_ij - covered_i, 0) of each row j."""
        return self._similar.added(rows, self._covered)

    def add(self, row: int) -> None:
        """Rows are covered by the nearest pick."""
        np.maximum(self._covered, self._similar[np.array([row])][0], out=self._covered)


class Neighbourhoods:
    """The objective with the similarities of each row to its neighbours and itself alone."""

    def __init__(self, near: Ints, similar: Vectors, itself: Vectors) -> None:
        count = near.shape[1]
        order = np.argsort(near.ravel(), kind="stable")
        self._served = (order // max(count, 1)).astype(np.int32)  # by column: whom a row serves
        self._similar = similar.ravel()[order]
        self._starts = np.searchsorted(near.ravel()[order], np.arange(len(near) + 1))
        self._itself = itself
        self._covered = np.zeros(len(near), np.float32)

    def gains(self, rows: Ints) -> Floats:
        """The same sum over the rows that have j among their neighbours, and j."""
        lengths = self._starts[rows + 1] - self._starts[rows]
        ends = np.cumsum(lengths)
        entries = np.arange(ends[-1]) + np.repeat(self._starts[rows] - ends + lengths, lengths)
        more = self._similar[entries] - self._covered[self._served[entries]]
        more[more < ROUNDING] = 0
        sums = np.concatenate([[0.0], np.cumsum(more, dtype=np.float64)])
        own = self._itself[rows] - self._covered[rows]
        own[own < ROUNDING] = 0
        return np.asarray(sums[ends] - sums[ends - lengths] + own, np.float64)

    def add(self, row: int) -> None:
        """Rows that have it among their neighbours are covered by it, and so is the row."""
        part = slice(self._starts[row], self._starts[row + 1])
        served = self._served[part]
        self._covered[served] = np.maximum(self._covered[served], self._similar[part])
        self._covered[row] = max(self._covered[row], self._itself[row])


def neighbourhoods(
    table: Table, count: int, search: Search, seed: int
) -> tuple[Neighbourhoods, dict[str, Any]]:
    """The sparse objective, and how its neighbours were found."""
    found = nearest(table, table, count, search=search, seed=seed)
    itself = np.concatenate([np.zeros(0), *(np.square(b).sum(axis=1) for _, b in table.blocks())])
    # |x - y|^2 = 2 - 2 cos for directions; a zero vector is at distance 1 of each, and serves none
    near = 1 - found.squared / 2
    near[itself[found.rows] == 0] = 0
    near[itself == 0] = 0
    similar = np.maximum(near, 0).astype(np.float32)
    return Neighbourhoods(found.rows, similar, itself.astype(np.float32)), found.info
