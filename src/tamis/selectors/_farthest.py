"""The farthest-first walk: exact picks for a fraction of the memory traffic of a running minimum.

Formula: always argmax_i min_{c in picked} |x_i - x_c|. A distance to the picked rows never rises,
so an old one is an upper bound. A front holds the rows with the largest bounds, a few thousand
that fit the cache; each pick brings the front up to date alone, with one small product, as long as
the farthest row of the front is farther than any bound outside. When it is not, rows outside are
brought up to date in the order of their bounds, with one matrix product for all the picks they
have missed, until enough are certain. A row that is nearer than the last radius is never looked at
again. Time at most n k d operations, as matrix products; memory a few numbers a row, the front and
the picked rows.
Distances that float32 cannot tell apart are compared again in float64, so picks do not depend on
how products are cut; a row closer than 0.001 of its length to a picked one is its equal.
Oracle: the loop over all distances in float64, methods.md K1 and K2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.selectors._rows import Picks
from tamis.selectors._threads import all_threads
from tamis.types import Floats, Ints, Vectors
from tamis.vectors import Table, slices

SAME = 1e-6  # of a squared length: what rounding leaves between equal float32 rows
CLOSE = 2e-6  # of the largest in the front: distances that rounding may have put in the wrong order
FRONT = 512
_CHUNK, _CENTRES = 1024, 4096


class Farthest:
    """A walk over the rows of a table; `given` rows are picked before it begins."""

    def __init__(self, table: Table, given: Sequence[int] = ()) -> None:
        self._table = table
        rows = len(table)
        self._norms = np.empty(rows, np.float32)
        for part, block in table.blocks():
            self._norms[part] = np.einsum("ij,ij->i", block, block)
        self._nearest = np.full(rows, np.inf, np.float32)  # squared; an upper bound
        self._seen = np.zeros(rows, np.int64)  # picks that the bound knows of
        self._centres = np.empty((64, table.dimensions), np.float32)
        self._centre_norms = np.empty(64, np.float32)
        self._count = 0
        self._refused: list[int] = []
        self._front = np.empty(0, np.int64)
        self._near = np.empty(0, np.float32)
        self._front_vectors = np.empty((0, self._table.dimensions), np.float32)
        self._front_norms = np.empty(0, np.float32)
        self._front_same = self._front_norms
        self._close = 0.0  # how far rounding may put two distances of the front apart
        self._known = np.empty(0)  # exact distances of the front, NaN where none was asked for
        self._some_known = False
        self._outside = float("inf")
        for row in given:
            self._add(row)

    def picks(self, starts: Sequence[int], wanted: int = 1) -> Picks:
        """(row, distance): the first `wanted` starts that are taken, then the farthest rows.

        The first pick has nothing to be far from: its distance is the radius that it would leave.
        """
        for row in starts:
            if self._count >= wanted:
                break
            apart = self._from_start(int(row))
            if self._count and apart[0] <= 0:  # an equal of a picked row
                continue
            taken = yield int(row), float(np.sqrt(apart.max(initial=0)))
            self._answer(int(row), taken)
            if taken is not False and self._count == 1:  # all rows know of the first pick
                self._nearest = np.where(self._nearest < 0, -1, apart).astype(np.float32)
                self._seen[:] = 1
        while self._count:
            row, squared = self._farthest()
            if squared <= 0:
                return
            taken = yield row, float(np.sqrt(squared))
            self._answer(row, taken)

    def radius(self) -> float:
        """The largest distance of a row to the picked ones."""
        if not self._count:
            return float("inf")
        squared = self._farthest()[1]
        if self._refused:
            rows = np.array(self._refused)
            self._nearest[rows], self._seen[rows] = np.inf, 0
            self._update(rows)
            squared = max(squared, float(self._nearest[rows].max()))
        return float(np.sqrt(squared)) if squared > 0 else 0.0

    def _answer(self, row: int, taken: bool | None) -> None:
        if taken is False:
            self._refused.append(row)
            self._nearest[row] = -1
            self._near[self._front == row] = -1
        else:
            self._add(row)

    def _from_start(self, row: int) -> Vectors:
        """Squared distances of all rows to a first pick; of a later start to the picked rows."""
        if self._count:
            self._update(np.array([row]))
            return self._nearest[[row]]
        centre = self._table[np.array([row])][0]
        squared = np.empty(len(self._norms), np.float32)
        for part, block in self._table.blocks():
            squared[part] = self._norms[part] + self._norms[row] - 2 * (block @ centre)
        squared[squared <= SAME * self._norms] = 0
        return squared

    def _add(self, row: int) -> None:
        """Picks a row: the front learns of it now, the others when they must."""
        if self._count == len(self._centres):
            self._centres = np.concatenate([self._centres, np.empty_like(self._centres)])
            self._centre_norms = np.concatenate([self._centre_norms, self._centre_norms])
        centre = self._centres[self._count] = self._table[np.array([row])][0]
        self._centre_norms[self._count] = self._norms[row]
        self._count += 1
        squared = self._front_vectors @ centre
        squared *= -2
        squared += self._front_norms
        squared += self._norms[row]
        squared[squared <= self._front_same] = 0
        np.minimum(self._near, squared, out=self._near)
        self._nearest[row] = -1  # never again
        self._near[self._front == row] = -1
        if self._some_known:
            known = np.flatnonzero(~np.isnan(self._known))
            apart = self._front_vectors[known].astype(np.float64) - centre
            self._known[known] = np.minimum(self._known[known], np.square(apart).sum(axis=1))

    def _farthest(self) -> tuple[int, float]:
        """The row with the largest squared distance to the picked ones, and that distance."""
        most = float(self._near.max(initial=0))
        if most - self._close <= self._outside:
            self._refill()
            most = float(self._near.max(initial=0))
        if most <= 0:
            return -1, 0.0
        tied = np.flatnonzero(self._near >= max(most - self._close, 1e-45))
        if len(tied) == 1:
            return int(self._front[tied[0]]), most
        exact = self._exact(tied)
        best = int(np.argmax(exact))  # the front is in the order of positions
        return int(self._front[tied[best]]), float(exact[best])

    def _exact(self, places: Ints) -> Floats:
        """Squared distances of rows of the front in float64; once known they are kept."""
        self._some_known = True
        for place in places[np.isnan(self._known[places])].tolist():
            vector = self._front_vectors[place]
            centres = self._centres[: self._count]
            squared = self._centre_norms[: self._count] - 2 * (centres @ vector)
            close = 8 * CLOSE * self._front_norms[place]
            apart = centres[squared <= squared.min() + close].astype(np.float64) - vector
            self._known[place] = np.square(apart).sum(axis=1).min()
        return np.asarray(self._known[places], np.float64)

    def _refill(self) -> None:
        """Makes the front the rows that are certainly farther than all others."""
        self._nearest[self._front], self._seen[self._front] = self._near, self._count
        rows, reach = len(self._nearest), FRONT
        while True:
            reach = min(reach, rows)
            top, outside = self._largest(reach)
            self._update(top[self._seen[top] < self._count])
            certain = top[self._nearest[top] > outside]
            if len(certain) >= FRONT // 8 or reach == rows:
                break
            reach *= 2
        if len(certain) > FRONT:
            order = np.argsort(-self._nearest[certain], kind="stable")
            outside = float(self._nearest[certain[order[FRONT]]])
            certain = certain[order[:FRONT]]
        self._front, self._outside = np.sort(certain), outside
        self._near = self._nearest[self._front]
        self._front_vectors = self._table[self._front]
        self._front_norms = self._norms[self._front]
        self._front_same = SAME * self._front_norms
        self._close = CLOSE * float(self._front_norms.max(initial=0))
        self._known, self._some_known = np.full(len(self._front), np.nan), False

    def _largest(self, reach: int) -> tuple[Ints, float]:
        """The rows with the largest bounds, picked ones left out, and the next bound."""
        if reach == len(self._nearest):
            return np.flatnonzero(self._nearest >= 0), -1.0
        order = np.argpartition(-self._nearest, reach)
        top = order[:reach]
        top = np.sort(top[self._nearest[top] >= 0])
        return top, float(self._nearest[order[reach]])

    def _update(self, rows: Ints) -> None:
        """Brings the bounds of these rows up to date, those that missed the same picks together."""
        rows = rows[np.argsort(self._seen[rows], kind="stable")]
        half = self._centre_norms[: self._count] / 2
        for part in slices(len(rows), 1, cells=_CHUNK):
            chunk = rows[part]
            vectors, best = self._table[chunk], np.full(len(chunk), -np.inf, np.float32)
            with all_threads():
                for start in range(int(self._seen[chunk[0]]), self._count, _CENTRES):
                    centres = slice(start, min(start + _CENTRES, self._count))
                    near = vectors @ self._centres[centres].T
                    near -= half[centres]
                    np.maximum(best, near.max(axis=1), out=best)
            squared = np.maximum(self._norms[chunk] - 2 * best, 0)
            squared[squared <= SAME * self._norms[chunk]] = 0  # rounding: an equal of a picked one
            self._nearest[chunk] = np.minimum(self._nearest[chunk], squared)
            self._seen[chunk] = self._count


def nearest_to(table: Table, point: Floats) -> Ints:
    """All rows, the nearest to a point first; ties by position."""
    squared = np.empty(len(table))
    for part, block in table.blocks():
        squared[part] = np.square(block - point.astype(np.float32)).sum(axis=1)
    return np.argsort(squared, kind="stable").astype(np.int64)
