"""Rows between two percentiles of a score: the middle of a distribution, without its tails.

Formula: percentile(low) <= score <= percentile(high), percentiles over the pool's rows that have
a score, interpolated linearly. `order=random` draws from the band by hash(seed, id), so a budget
smaller than the band is a fair sample of it. `order=middle` takes the rows whose rank is closest
to the band's centre first, so that a budget of 30 % is exactly the middle 30 %.
Paper: "When Less is More" (arXiv:2309.04564) keeps the middle of the perplexities of its pool and
finds it better than either end; its band is as wide as the budget (order=middle).
The band depends on the pool and not on the budget: subsets nest.
Oracle: numpy.percentile and a filter by hand.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._rows import drawn, shares, usable
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, order_by


@selector(family="baseline", paper="arXiv:2309.04564")
def percentile_band(
    pool: Pool,
    budget: Budget,
    *,
    by: ColumnName,
    low: float = 25.0,
    high: float = 75.0,
    order: Literal["random", "middle"] = "random",
    seed: int = 0,
) -> Selection:
    """Rows with a score between two percentiles; every gain is 0.

    Args:
        by: the score to compare
        low: lower percentile, 0 to 100, itself in the band
        high: upper percentile, 0 to 100, itself in the band
        order: which rows of the band are first: drawn at random, or nearest to its middle
        seed: another seed gives another random order
    """
    if not 0 <= low < high <= 100:
        raise UserError(f"percentiles must be 0 <= low < high <= 100, got {low} and {high}")
    rows, dropped = usable(pool, scores=[by])
    scores = pool.scores(by)[rows]
    finite = scores[np.isfinite(scores)]  # between infinities there is nothing to interpolate
    if not len(finite):
        return drawn(pool, budget, (), dropped, in_range=0)
    bounds = np.percentile(finite, [low, high])
    inside = (scores >= bounds[0]) & (scores <= bounds[1])
    rows, ids = rows[inside], pool.ids[rows[inside]]
    if order == "middle":
        keys = np.abs(shares(scores)[inside] - (low + high) / 200)
    else:
        keys = uniform(ids.tolist(), seed)
    ranked = rows[order_by(keys, ids, descending=False)]
    picks = ((row, 0.0) for row in ranked.tolist())
    told = {"from": float(bounds[0]), "to": float(bounds[1])}
    return drawn(pool, budget, picks, dropped, in_range=len(rows), band=told)
