"""Covering radius: how far the pool's rows lie from the nearest row of the subset, at most.

Formula: max over rows i of the pool of min over rows c of the subset of |x_i - x_c|_2, the value
that k-center makes small (Gonzalez 1985; arXiv:1708.00489). The maximum is decided by the pool's
oddest row; quantile=0.95 is the smallest radius within which at least 95 % of the pool lie.
Nearest rows are found by blocks in float32, and the distance to them is taken from the difference
of the two vectors, so equal rows are at distance 0. Cost: n k d time, n floats.
Oracle: all distances in float64; the radius that `k_center` reports of its own picks.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.measures._rows import inside
from tamis.neighbours import nearest
from tamis.spec import measure
from tamis.types import ColumnName, Floats, Ints, Pool
from tamis.vectors import Table, slices


@measure(prefer="low", paper="arXiv:1708.00489")
def covering_radius(
    pool: Pool, rows: Ints, *, of: ColumnName = "embedding", quantile: float = 1.0
) -> float:
    """Distance from the pool's farthest row to the nearest row of the subset.

    Args:
        of: the vectors whose Euclidean distances count
        quantile: the share of the pool to be covered: 1 is all of it, 0.95 does not see oddities
    """
    if not 0 < quantile <= 1:
        raise UserError(f"quantile {quantile} is no share of the pool: set more than 0, at most 1")
    every, chosen = inside(pool, rows, vectors=of)
    table = Table(pool, of, every)
    subset = Table(pool, of, every[chosen])
    closest = nearest(table, subset, 1, search="exact").rows[:, 0]
    distances = apart(table, subset, np.arange(len(table)), closest)
    distances[chosen] = 0  # rounding may have found a near twin
    return float(np.quantile(distances, quantile, method="inverted_cdf"))


def apart(table: Table, other: Table, rows: Ints, partners: Ints) -> Floats:
    """Distance of each row of one table to its partner in the other, without cancellation."""
    found = np.empty(len(rows))
    for part in slices(len(rows), table.dimensions):
        found[part] = np.linalg.norm(table[rows[part]] - other[partners[part]], axis=1)
    return found
