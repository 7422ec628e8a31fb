"""Kernel herding: rows whose running mean stays as near as it can to the mean of the pool.

Formula: w_1 = m, the mean of all x; always pick argmax_j w_t . x_j among the rows not yet picked,
then w_{t+1} = w_t + m - x_pick (Welling, "Herding Dynamical Weights to Learn", ICML 2009; Chen,
Welling and Smola, "Super-Samples from Kernel Herding", arXiv:1203.3472), with the linear kernel on
vectors of length 1. For vectors of one length this is the row that brings the mean of the picks
nearest to m: |m - (s + x) / t|^2 depends on x through (t m - s) . x alone, s being the sum of the
picks. For vectors of any length the product would prefer long ones, so directions it is.
It is a baseline of DeepCore (arXiv:2204.08499), whose code takes the row farthest from t m - s: the
largest distance, where the smallest is meant.
The gain is the decrease of the squared distance between m and the mean of the picks, |m|^2 before
the first: what all gains together leave of |m|^2 is the squared distance of the subset. A gain can
be negative. The manifest has the distance, and the one that as many random rows have on average
(root of the mean square).
Only the mean is matched: few rows do that well, and nothing asks that each row has a pick near to
it. For that take `facility_location` or `cover`.
Cost: a product of w with all vectors, n d operations a pick, and n floats; w is kept in float64, so
rounding does not add up. Ties within the rounding of float32 go by id.
Oracle: the loop over the distances of means in float64.
"""

from __future__ import annotations

import numpy as np

from tamis.budget import Budget
from tamis.selectors._greedy import TIE, first_best
from tamis.selectors._rows import Picks, drawn, named, told, usable
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Pool, Selection
from tamis.vectors import Table, products, weighted_sum


@selector(family="beyond", paper="arXiv:1203.3472")
def herding(pool: Pool, budget: Budget, *, of: ColumnName = "embedding") -> Selection:
    """Rows whose mean follows the pool's mean; the gain is the decrease of their squared distance.

    Args:
        of: the vectors whose directions are averaged
    """
    rows, dropped = usable(pool, vectors=[of])
    if not len(rows):
        return drawn(pool, budget, iter(()), dropped)
    table = Table(pool, of, rows, directions=True)
    mean = weighted_sum(table, np.full(len(rows), 1 / len(rows)))
    chosen = drawn(pool, budget, named(herded(table, mean), rows), dropped)
    return told(chosen, **nearness(float(mean @ mean), chosen.gains, table))


def nearness(length: float, gains: Floats, table: Table) -> dict[str, float]:
    """Distance of the subset's mean to m, and of as many random rows' mean; `length` is |m|^2."""
    count, rows = len(gains), len(table)
    if not count:
        return {}
    squares = sum(float(np.square(block, dtype=np.float64).sum()) for _, block in table.blocks())
    variance = (squares / rows - length) * (rows - count) / max(rows - 1, 1) / count
    found = {"distance": length - float(gains.sum()), "random_distance": variance}
    return {name: float(np.sqrt(max(squared, 0))) for name, squared in found.items()}


def herded(table: Table, mean: Floats) -> Picks:
    """(row, decrease of the squared distance) of every row."""
    total, away = np.zeros_like(mean), float(mean @ mean)
    left = np.zeros(len(table))  # -inf once a row was offered
    count, values, towards = 0, left, mean
    taken: bool | None = True
    for _ in range(len(table)):
        if taken is not False:
            towards = (count + 1) * mean - total
            values = products(table, towards)
        values = values + left
        row = first_best(values, TIE * float(np.linalg.norm(towards)) + 1e-9)
        left[row] = -np.inf
        reached = total + table[row : row + 1][0]
        now = float(np.square(mean - reached / (count + 1)).sum())
        taken = yield row, away - now
        if taken is not False:
            total, away, count = reached, now, count + 1
