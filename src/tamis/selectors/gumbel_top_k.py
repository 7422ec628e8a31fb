"""Importance resampling: rows drawn without replacement with chances that grow with their score.

Formula: sort by score / temperature + g with g = -log(-log(u)) standard Gumbel noise. The first
row is row i with probability softmax(score / temperature)_i, the next is drawn from what is left,
and so on (Gumbel top-k is sampling without replacement), so a smaller budget is a prefix.
Paper: "Data Selection for Language Models via Importance Resampling" (arXiv:2302.03169), where the
score is `dsir` and temperature 1. Official code draws noise from one stream, so a re-ordered or
appended file gets another sample, and needs fewer rows than the pool has; here u is a hash of
(seed, id) and any budget will do. Unnormalised DSIR weights differ by tens between rows, against
which this noise is nothing: a higher temperature, or `dsir(per_ngram=true)` with a temperature
below 1, sets how much is left to chance; at a low temperature this is `top_k`.
Oracle: the draw frequencies of a small pool against softmax and its sequel, over many seeds.
"""

from __future__ import annotations

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._rows import drawn, usable
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Pool, Selection, order_by


@selector(family="beyond", paper="arXiv:2302.03169")
def gumbel_top_k(
    pool: Pool, budget: Budget, *, by: ColumnName, seed: int = 0, temperature: float = 1.0
) -> Selection:
    """Rows sampled without replacement by softmax of the score; the gain is the noisy score.

    Args:
        by: the score, read as a log weight
        seed: another seed draws another sample
        temperature: above 1 nearer to a random subset, below 1 nearer to the best rows
    """
    if not temperature > 0:
        raise UserError(f"gumbel_top_k: temperature must be above 0, got {temperature}")
    rows, dropped = usable(pool, scores=[by])
    ids = pool.ids[rows]
    keys = pool.scores(by)[rows] / temperature + gumbel(ids.tolist(), seed)
    order = order_by(keys, ids)
    picks = zip(rows[order].tolist(), keys[order].tolist(), strict=True)
    return drawn(pool, budget, picks, dropped)


def gumbel(ids: list[str], seed: int) -> Floats:
    """Standard Gumbel noise that depends on the id and the seed alone; always finite."""
    inside = np.clip(uniform(ids, seed), 2.0**-65, 1 - 2.0**-53)
    return np.asarray(-np.log(-np.log(inside)), np.float64)
