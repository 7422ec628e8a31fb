"""Graph cut: rows that are like the whole pool and unlike the rows picked before.

Formula: always pick argmax_x of

    gain(x | S) = weight * sum_{v in V} cos(v, x) - 2 * sum_{s in S} cos(s, x),

V being all rows, the picked ones and x included. Dataset Quantization (arXiv:2308.10524; selector
`dq`) walks so with weight 1 and cuts the walk into bins.
Official code (DQ, DeepCore) takes (1 + cos) / 2 as the similarity and fills an n x n matrix. With
n rows in V that similarity makes every gain of a step (this gain + weight * n) / 2 - |S|: the same
picks. So do apricot's GraphCutSelection and the set function itself, weight * sum_{v in V, x in S}
- sum_{x, y in S}, whose gain is smaller by cos(x, x), 1 for every vector but zero.
Cosines below 0 are not cut off: the sums are then inner products with two vectors, the sum of V and
the sum of S, and a pick costs n d operations and n floats, whatever the size of S.
Every row is picked at last, in spite of gains below 0, so that any budget is met; with a weight
below 2 the set function falls towards the end. Ties within the rounding of float32 go by id.
Oracle: methods.md D1, first bin; the sums over all cosines; apricot-select pick by pick.
"""

from __future__ import annotations

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._greedy import TIE, first_best
from tamis.selectors._rows import Picks, drawn, named, usable
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, Vectors
from tamis.vectors import Table, products, weighted_sum


@selector(family="beyond", paper="arXiv:2308.10524")
def graph_cut(
    pool: Pool, budget: Budget, *, of: ColumnName = "embedding", weight: float = 1.0
) -> Selection:
    """Rows near to the whole pool and far from those picked; the gain is the weighted difference.

    Args:
        of: the vectors whose directions are compared
        weight: what nearness to the pool counts; 0 only spreads, a large one only picks the middle
    """
    if not 0 <= weight < np.inf:
        raise UserError(f"weight {weight} is out of range: set 0 or more, 1 as in DQ")
    rows, dropped = usable(pool, vectors=[of])
    table = Table(pool, of, rows, directions=True)
    return drawn(pool, budget, named(graph_cut_picks(table, weight), rows), dropped)


def graph_cut_picks(vectors: Vectors | Table, weight: float = 1.0) -> Picks:
    """(row, gain) of all rows given, which are V; the vectors have length 1 or 0."""
    if not len(vectors):
        return
    sizes = np.ones(len(vectors))
    gains = weight * products(vectors, weighted_sum(vectors, sizes), exact=True)
    picked = 0
    for _ in range(len(vectors)):
        # what rounding leaves of so many float32 products adds up like a random walk
        row = first_best(gains, 2 * TIE * np.sqrt(1 + picked))
        taken = yield row, float(gains[row])
        gains[row] = -np.inf
        if taken is False:
            continue
        picked += 1
        gains -= 2 * products(vectors, vectors[row : row + 1][0])
