"""Facility location: how well each row of the pool is represented by its closest chosen row.

Formula: mean over rows i of the pool of max over rows c of the subset of max(cos(x_i, x_c), 0),
the value that facility location makes large (QDIT, arXiv:2311.14736, with the sum in place of the
mean). In [0, 1]; 1 where every row has a chosen one in its direction. A zero vector is similar to
nothing and counts 0. Never falls when rows are added: compare subsets of one size.
Cost: n k d time, by blocks.
Oracle: the n x k matrix of cosines in float64.
"""

from __future__ import annotations

import numpy as np

from tamis.measures._rows import inside
from tamis.spec import measure
from tamis.types import ColumnName, Ints, Pool
from tamis.vectors import Table, slices


@measure(prefer="high", paper="arXiv:2311.14736")
def facility_location_value(pool: Pool, rows: Ints, *, of: ColumnName = "embedding") -> float:
    """Mean, over the pool, of the largest cosine to a row of the subset; below 0 counts 0.

    Args:
        of: the vectors whose directions are compared
    """
    every, chosen = inside(pool, rows, vectors=of)
    table = Table(pool, of, every, directions=True)
    subset = Table(pool, of, every[chosen], directions=True)
    best = np.zeros(len(every), np.float32)
    for _, block in subset.blocks():
        for part in slices(len(every), len(block)):
            np.maximum(best[part], (table[part] @ block.T).max(axis=1), out=best[part])
    return float(np.minimum(best, 1).mean(dtype=np.float64))
