"""Several scores as one by their values: a weighted mean, for scores on one scale.

Formula, weights w divided by their sum:
    mean=arithmetic  sum of w_i * x_i
    mean=geometric   product of x_i ^ w_i; with equal weights it orders rows as the product does
SelectIT's model level (arXiv:2402.16705) weighs the same score by several models by their numbers
of parameters: weighted_mean(of=[select_it(model=A),select_it(model=B)],weights=[7,13]).
A row that lacks one of the scores has none here, for the reason that the score has; no weight moves
to the others. For scores without a common unit see mean_rank.
Oracle: methods.md Q1, model level.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.scorers._problems import carried
from tamis.scorers._weights import as_shares
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Pool


@scorer(prefer="high")
def weighted_mean(
    pool: Pool,
    *,
    of: tuple[ColumnName, ...],
    weights: tuple[float, ...] = (),
    mean: Literal["arithmetic", "geometric"] = "arithmetic",
) -> Column:
    """Sum over the scores of weight times score, weights summing to 1; or the geometric mean.

    Args:
        of: the scores
        weights: how much each counts, in proportion; equal where none are given
        mean: arithmetic or geometric; the latter needs scores above 0
    """
    shares = as_shares("weighted_mean", weights, len(of))
    values = np.array([pool.scores(name) for name in of])
    if mean == "arithmetic":
        return Column.floats(shares @ values, **carried(pool, of))
    low = np.any(values <= 0, axis=0)
    found = np.exp(shares @ np.log(np.where(low, np.nan, values)))
    return Column.floats(found, **carried(pool, of, not_above_0=low))
