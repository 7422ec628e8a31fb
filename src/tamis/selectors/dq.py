"""Dataset Quantization (DQ): bins by graph cut, one after the other, and equal draws from each.

Formula: bin 1 is picked from the pool, bin 2 from what is left, and so on; inside a bin always the
row x with the largest

    sum_{v in V} cos(v, x) - 2 * sum_{s in S} cos(s, x),

V being the rows left when the bin began, S those picked for it. Early bins hold the middle of the
pool, late ones what is unlike it. Then rows are drawn at random, the same number from every bin.
Paper: arXiv:2308.10524 (images and Alpaca: 2 % with ada-002 vectors of the whole text; 10 bins on
the command line, 50 by default of the function, 5 in its recipe for 1,000 rows).
Official code bins floor(N / k) rows each and draws floor(floor(N ratio) / k) of each, unseeded: of
52,002 rows with ratio 0.02 and k = 50, 2 rows are in no bin, and 1,000 come back where 1,040 were
asked for. It takes (1 + cos) / 2 as the similarity, which changes every gain of a step alike.
Here bins differ by at most one row, so every row can be drawn and a budget is met in full; the
order is one row of each bin in turn, at random inside a bin by hash(seed, id), so that subsets nest
and a prefix has equal shares of all bins, to within one. The gain is the row's graph-cut gain when
it was binned.
The sums are products with one vector w = sum of V - 2 * sum of S, and no similarity is stored. As w
moves by a known length with each pick, only rows whose product was near the top are computed
again, until another one could have overtaken them: the same picks.
Cost: the whole pool is binned whatever the budget, a row at a time: n^2 d operations where nothing
can be skipped. 30,776 Alpaca rows of 256 dimensions in 10 bins: 6 s on two cores, 16 s without.
Gains that differ by less than 1e-7 of the length of w are ties and go by id.
Oracle: methods.md D1 and its counting test (in our arithmetic 1,040); the sums over all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._greedy import TIE
from tamis.selectors._rows import drawn, usable
from tamis.selectors._threads import all_threads, one_thread
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Mask, Pool, Selection
from tamis.vectors import Table

FRONT = 2048
"""Rows whose gains are kept up to date."""

_SAME = 1e-7  # of the length of w: what float32 directions leave between equal gains


@selector(family="indicators", paper="arXiv:2308.10524")
def dq(
    pool: Pool,
    budget: Budget,
    *,
    of: ColumnName = "embedding",
    bins: int = 10,
    seed: int = 0,
) -> Selection:
    """Random rows in equal numbers from bins that a graph cut made; the gain is the graph cut's.

    Args:
        of: the vectors whose directions are compared
        bins: k, how many bins the pool is cut into
        seed: another seed draws other rows from the bins
    """
    if bins < 1:
        raise UserError(f"bins is {bins}: set 1 or more, 10 as on DQ's command line")
    rows, dropped = usable(pool, vectors=[of])
    table = Table(pool, of, rows, directions=True)
    sizes = bin_sizes(len(rows), bins)
    with one_thread():  # the products of a front are too small to share
        found = list(cut(table, sizes))
    binned = np.array([row for row, _ in found], np.int64)
    gains = np.array([gain for _, gain in found])
    keys = uniform(pool.ids[rows[binned]].tolist(), seed)
    order = in_turn(np.repeat(np.arange(len(sizes)), sizes), keys)
    picks = zip(rows[binned[order]].tolist(), gains[order].tolist(), strict=True)
    return drawn(pool, budget, picks, dropped, bins=len(sizes))


def bin_sizes(rows: int, bins: int) -> Ints:
    """Sizes of the bins, the larger ones first; no bin is empty."""
    bins = min(bins, rows)
    return np.array([rows // bins + (b < rows % bins) for b in range(bins)], np.int64)


def in_turn(labels: Ints, keys: Floats) -> Ints:
    """One row of each bin in turn, the smallest keys of a bin first."""
    inside = np.lexsort((keys, labels))
    starts = np.searchsorted(labels[inside], labels[inside])
    place = np.arange(len(labels)) - starts
    return inside[np.lexsort((labels[inside], place))]


def cut(table: Table, sizes: Ints) -> Iterator[tuple[int, float]]:
    """(row, gain) of all rows, bin after bin; the table holds directions."""
    left = np.ones(len(table), bool)
    total = np.zeros(table.dimensions)
    for _, block in table.blocks():
        total += block.sum(axis=0, dtype=np.float64)
    for size in sizes.tolist():
        weights = total.copy()
        while size:
            for row, gain in _front(table, left, weights, size):
                left[row] = False
                total -= table[row : row + 1][0]
                size -= 1
                yield row, gain


def _front(table: Table, left: Mask, weights: Floats, most: int) -> Iterator[tuple[int, float]]:
    """At least one and at most so many picks; `weights` is brought up to date.

    The first is the best of all; after it the rows next to the top are kept up to date. Others
    rise by no more than `weights` has moved, so a row above that is the best still.
    """
    before = weights.copy()
    gains = np.full(len(table), -np.inf)
    with all_threads():
        for part, block in table.blocks():
            gains[part] = block @ weights.astype(np.float32)
    gains[~left] = -np.inf
    scale = 1 + float(np.linalg.norm(weights))
    front, outside = np.flatnonzero(gains >= gains.max() - TIE * scale)[:FRONT], np.inf
    for number in range(most):
        if number == 1:
            front, outside = _top(gains)
        if number < 2:
            vectors = table[front].astype(np.float64)
        values = vectors @ weights
        values[gains[front] == -np.inf] = -np.inf
        best = float(values.max())
        moved = float(np.linalg.norm(weights - before))
        if number and best - TIE * scale <= outside + moved:
            return
        at = int((values >= best - _SAME * scale).argmax())
        yield int(front[at]), float(values[at])
        gains[front[at]] = -np.inf
        weights -= 2 * vectors[at]


def _top(gains: Floats) -> tuple[Ints, float]:
    """The rows with the largest gains, and the largest gain of the others."""
    if len(gains) <= FRONT:
        return np.arange(len(gains)), -np.inf
    order = np.argpartition(-gains, FRONT)
    return np.sort(order[:FRONT]), float(gains[order[FRONT]])
