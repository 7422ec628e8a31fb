"""Saturated coverage: every row is to be near to several picks, up to a share of what is possible.

Formula: f(S) = sum_i min(sum_{j in S} s_ij, saturation * sum_j s_ij), s_ij = max(cos(x_i, x_j), 0),
the second sum over all rows, i included (Lin and Bilmes, "A Class of Submodular Functions for
Document Summarization", ACL 2011); always the row that adds most to f, by lazy greedy, so f(S) is
at least 1 - 1/e of the best value for as many rows. The manifest has f(S) and an upper bound on the
best. apricot's alpha is this saturation, with the same default.
A row asks for similarity until it has its share and then for no more. Facility location counts the
nearest pick alone, so that one pick satisfies a row; here several middling ones do, and rows in
dense parts, which have the largest sums, ask for most. With saturation=1 nothing saturates and the
rows with the largest sums of cosines come first, however alike they are.
When all rows have their share the others follow by id with gain 0: that happens after some
`saturation` of the rows.
Cost: similarities are kept up to 11,585 rows and computed again beyond; n floats else.
Oracle: the loop that evaluates f of every row in every step; apricot-select pick by pick;
(1 - 1/e) of brute force.
"""

from __future__ import annotations

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._greedy import Greedy
from tamis.selectors._rows import drawn, named, told, usable
from tamis.selectors._similarity import NOISE, Cosines
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Pool, Selection
from tamis.vectors import Table


@selector(family="beyond")
def saturated_coverage(
    pool: Pool, budget: Budget, *, of: ColumnName = "embedding", saturation: float = 0.1
) -> Selection:
    """Rows that others are similar to, as long as those still lack similar picks; the gain is in f.

    Args:
        of: the vectors whose directions are compared
        saturation: the share of its sum of similarities with which a row is content, above 0
    """
    if not 0 < saturation <= 1:
        raise UserError(f"saturation {saturation} is out of range: above 0 and at most 1")
    rows, dropped = usable(pool, vectors=[of])
    similar = Cosines(Table(pool, of, rows, directions=True))
    walk = Greedy(Saturated(similar, saturation), len(rows), NOISE)
    chosen = drawn(pool, budget, named(walk.picks(), rows), dropped)
    return told(chosen, **walk.certificate())


class Saturated:
    """The objective: what each row still lacks, of its share of similarity."""

    def __init__(self, similar: Cosines, saturation: float) -> None:
        self._similar = similar
        self._lacks = np.empty(len(similar))
        for part, block in similar.blocks(np.arange(len(similar))):
            self._lacks[part] = saturation * block.sum(axis=1, dtype=np.float64)

    def gains(self, rows: Ints) -> Floats:
        """sum_i min(s_ij, lacks_i) of each row j."""
        found, lacks = np.zeros(len(rows)), self._lacks.astype(np.float32)
        if not lacks.any():
            return found
        for part, block in self._similar.blocks(rows):
            for similar in block:  # a row at a time stays in the cache
                np.minimum(similar, lacks, out=similar)
            found[part] = block.sum(axis=1, dtype=np.float64)
        return found

    def add(self, row: int) -> None:
        """Rows have what the pick gives them."""
        self._lacks -= self._similar[np.array([row])][0]
        np.maximum(self._lacks, 0, out=self._lacks)
