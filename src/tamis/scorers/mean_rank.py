"""Several scores as one: the mean of their ranks within the pool, so that scales do not matter.

Formula: for each score the share of rows below it, ties counted half, 1 minus that where low is
good; then the mean. A row that lacks one of the scores has none here.
A rank is relative to the pool: add rows and it moves. For scores that multiply, as DEITA's do
(complexity x quality), ranks would change the order; this is for scores without a common unit.
Oracle: scipy's rankdata(method="average") by hand on ten values.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.scorers._problems import carried
from tamis.scorers._ranks import mid_quantiles
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Pool


@scorer(prefer="high", unit="share of the pool")
def mean_rank(
    pool: Pool, *, of: tuple[ColumnName, ...], low: tuple[ColumnName, ...] = ()
) -> Column:
    """Mean over the scores of the share of rows that a row beats, between 0 and 1.

    Args:
        of: scores for which high is good
        low: scores for which low is good
    """
    if not of and not low:
        raise UserError("mean_rank needs at least one score: of=[tokens,mtld]")
    signed = [(pool.scores(name), 1) for name in of] + [(pool.scores(name), -1) for name in low]
    total = np.mean([mid_quantiles(sign * scores) for scores, sign in signed], axis=0)
    return Column.floats(total, **carried(pool, [*of, *low]))
