"""Distance to the k-th nearest other row: large for a row that stands alone in the pool.

Formula: |x_i - N_k(x_i)|_2, N_k the k-th nearest other row of the pool by Euclidean distance. A
copy of a row is another row, at distance 0.
Paper: INSTRUCTMINING (arXiv:2307.06290) takes k = 6 on sentence embeddings as its indicator KNN-6.
Which encoder it used is not known here; unit vectors have distances between 0 and 2.
The value depends on the pool: more rows, or denser ones, make it smaller, so values of two pools do
not compare, and a rule fitted on one size of pool does not hold for another. High ends are odd rows
as well as rare ones.
Up to 50,000 rows the search is exact; above, search=automatic looks in cells (faiss, the extra
`ann`), and a row of which the true neighbour was missed gets a distance that is too large. Memory
stays bounded: blocks of queries against blocks of rows.
A row without a vector is null for its vector's reason; in a pool of k rows or fewer every row is
(too_few_rows).
Oracle: a full sort of all distances in float64; scikit-learn's NearestNeighbors.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.neighbours import Search, nearest
from tamis.scorers._problems import carried
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Floats, Ints, Pool
from tamis.vectors import Table, finite, slices


@scorer(prefer="none", family="indicators", unit="distance", paper="arXiv:2307.06290")
def neighbour_distance(
    pool: Pool,
    *,
    of: ColumnName = "embedding",
    k: int = 6,
    search: Search = "automatic",
    seed: int = 0,
) -> Column:
    """Euclidean distance from each row to its k-th nearest other row in the pool.

    Args:
        of: the vectors whose distances count
        k: which of the nearest other rows, 1 for the very nearest
        search: exact compares all rows with all, approximate looks in cells
        seed: decides the queries by which an approximate search is checked
    """
    if k < 1:
        raise UserError(f"neighbour_distance: k must be at least 1, got {k}")
    there = finite(pool, of)
    rows = np.flatnonzero(there)
    values = np.full(len(pool), np.nan)
    if len(rows) > k:
        table = Table(pool, of, rows)
        found = nearest(table, table, k, search=search, seed=seed).rows[:, k - 1]
        values[rows] = apart(table, found)
    few = there & (len(rows) <= k)
    return Column.floats(values, **carried(pool, [of], too_few_rows=few, not_finite=~there))


def apart(table: Table, others: Ints) -> Floats:
    """The distance of each row to another one, in float64, by the block."""
    found = np.empty(len(table))
    for part in slices(len(table), table.dimensions):
        gap = table[part].astype(np.float64) - table[others[part]].astype(np.float64)
        found[part] = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    return found
