"""A quota for every value of a label: sources, languages, tasks, tags, in shares you choose.

Formula: seats by Sainte-Laguë (`_quota.py`) with weight size, 1 or sqrt(size); inside a stratum
the best score first, or at random by hash(seed, id). Strata are ordered by their label, so the
order of the file changes nothing.
Settings in papers: equal shares a task (S2L's sources, arXiv:2403.07384), shares of the pool
(the usual stratified sample), square roots (multilingual mixtures, between the two).
Official codes round quotas and hand the remainder to the last stratum or to nobody; a divisor
method has no remainder, and the place of a stratum that has run out goes to the others in
proportion. A budget below minimum x strata fills the first round of the larger strata first.
Oracle: the divisor table by hand; one seat at a time in a loop; methods.md S3.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from tamis.apportion import Allocation, weights_of
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._quota import quota_order
from tamis.selectors._rows import drawn, told, usable
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, order_by


@selector(family="baseline")
def stratified(
    pool: Pool,
    budget: Budget,
    *,
    by: ColumnName,
    then: ColumnName = "",
    allocation: Allocation = "proportional",
    minimum: int = 0,
    maximum: int = 0,
    seed: int = 0,
) -> Selection:
    """Rows by quota for each value of a label; the gain is the score, 0 where there is none.

    Args:
        by: the label, one a row
        then: the score that ranks rows inside a stratum, highest first; random if empty
        allocation: weight of a stratum: its size, the same for all, or the root of its size
        minimum: rows that every stratum gets before the rest is shared out
        maximum: rows that no stratum exceeds; 0 sets no limit
        seed: another seed gives another random order inside the strata
    """
    if minimum < 0 or maximum < 0 or 0 < maximum < minimum:
        raise UserError(f"minimum {minimum} and maximum {maximum} leave no quota")
    rows, dropped = usable(pool, scores=[then], labels=by)
    values = pool.labels(by)
    if any(isinstance(values[row], list) for row in rows):
        raise UserError(f"column {by!r} holds lists; stratified needs one label a row")
    strata, labels = np.unique(np.array([str(values[row]) for row in rows]), return_inverse=True)
    ids = pool.ids[rows]
    scores = pool.scores(then)[rows] if then else np.zeros(len(rows))
    keys = scores if then else uniform(ids.tolist(), seed)
    weights = weights_of(np.bincount(labels, minlength=len(strata)), allocation)
    order = quota_order(labels, order_by(keys, ids), weights, minimum=minimum, maximum=maximum)
    picks = zip(rows[order].tolist(), scores[order].tolist(), strict=True)
    chosen = drawn(pool, budget, picks, dropped)
    counts = Counter(str(values[row]) for row in chosen.rows)
    return told(chosen, strata={str(name): counts[str(name)] for name in strata})
