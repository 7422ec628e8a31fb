"""Distance to the k-th nearest other row of the subset: small where twins were chosen.

Formula: mean over the rows i of the subset of |x_i - N_k(x_i)|_2, N_k the k-th nearest other row;
k = 1 is the usual setting. Copies of a row are other rows, at distance 0. Search is exact whatever
is installed, as a number to compare must not depend on that: m^2 d time for m rows, by blocks.
The value falls as the subset grows (compare subsets of one size), and odd rows raise it: a subset
of nothing else has the highest.
Oracle: all distances in float64.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.measures._rows import inside
from tamis.measures.covering_radius import apart
from tamis.neighbours import nearest
from tamis.spec import measure
from tamis.types import ColumnName, Ints, Pool
from tamis.vectors import Table


@measure(prefer="high", paper="arXiv:2502.17184")
def knn_distance(pool: Pool, rows: Ints, *, of: ColumnName = "embedding", k: int = 1) -> float:
    """Mean distance from each row of the subset to its k-th nearest other row of the subset.

    Args:
        of: the vectors whose Euclidean distances count
        k: which of the nearest other rows, 1 for the very nearest
    """
    every, chosen = inside(pool, rows, vectors=of)
    if not 1 <= k < len(chosen):
        raise UserError(
            f"k {k} of a subset of {len(chosen):,} rows: set at least 1 and less than its rows"
        )
    table = Table(pool, of, every[chosen])
    found = nearest(table, table, k, search="exact").rows[:, k - 1]
    return float(apart(table, table, np.arange(len(table)), found).mean())
