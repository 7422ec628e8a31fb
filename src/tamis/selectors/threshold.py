"""Rows whose score lies between two bounds, best first: how several papers cut their data.

Formula: at_least <= score <= at_most, each bound strict or not as `closed` says; then by score.
Papers: IFD keeps ratios up to 1, because a larger one means that the instruction does not help.
Cherry_LLM (arXiv:2308.12032) drops what is above 1 and keeps exactly 1 (closed=both), while
Superfiltering (arXiv:2402.00530) keeps what is below 1 (closed=left). AlpaGasus
(arXiv:2307.08701) keeps a rating of at least 4.5, MoDS a reward above its bound (closed=none).
Official codes hard-code the comparison, and scores stored in half precision fall on either side
of it. Fewer rows than the budget can be in range: then all of them are taken. `in_range` in the
manifest says how many are, and rows beyond a bound are dropped by its name.
Oracle: a filter by hand; methods.md P4.
"""

from __future__ import annotations

from math import inf, isinf
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._rows import drawn, usable
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, order_by

Closed = Literal["both", "left", "right", "none"]


@selector(family="baseline")
def threshold(
    pool: Pool,
    budget: Budget,
    *,
    by: ColumnName,
    at_least: float = -inf,
    at_most: float = inf,
    closed: Closed = "both",
    first: Literal["high", "low"] = "high",
) -> Selection:
    """Rows with a score in range, highest first; the gain is the score, or minus it from below.

    Args:
        by: the score to compare
        at_least: lower bound
        at_most: upper bound
        closed: which bounds are themselves in range; left is the lower one
        first: which end of the range is taken first
    """
    if isinf(at_least) and isinf(at_most):
        raise UserError("threshold needs a bound: set at_least, at_most or both (or use top_k)")
    if not at_least <= at_most:
        raise UserError(f"no score is at least {at_least} and at most {at_most}: swap the bounds")
    rows, dropped = usable(pool, scores=[by])
    scores = pool.scores(by)[rows]
    low, high = closed in ("both", "left"), closed in ("both", "right")
    under = scores < at_least if low else scores <= at_least
    over = scores > at_most if high else scores >= at_most
    for mask, reason in (
        (under, f"{by} {'below' if low else 'not above'} {at_least:.12g}"),
        (over & ~under, f"{by} {'above' if high else 'not below'} {at_most:.12g}"),
    ):
        if mask.any():
            dropped[reason] = np.sort(rows[mask])
    rows, scores = rows[~(under | over)], scores[~(under | over)]
    worth = scores if first == "high" else -scores
    order = order_by(worth, pool.ids[rows])
    picks = zip(rows[order].tolist(), worth[order].tolist(), strict=True)
    return drawn(pool, budget, picks, dropped, in_range=len(rows))
