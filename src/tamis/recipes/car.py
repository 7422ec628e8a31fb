"""CaR: the best rows by a taught quality scorer, and the best of every cluster, copies left out.

1. Every row gets the quality `by`: the run's reward model, or reward(model=FOLDER) with what
   `tamis teach --kind regression` (or pairs) wrote.
2. Rows are clustered by `of`: PCA to 95 % of the variance, k-means with k = floor(sqrt(n / 2)).
3. The union of the `top` best rows of all and the `per_cluster` best of each cluster; for another
   budget the two are mixed in the same proportion (card of `cluster_best`, which does 2 and 3).
Paper (arXiv:2402.18191): n1 = 1000, n2 = 1: 1,017 of 52,002 rows of Alpaca, with 161 clusters of
sentence vectors in 243 dimensions. The scorer (550 M parameters) is a regression by COMET's recipe
on answers as experts revised them (1) and as they were (0), and is reported to prefer the revised
one in 84.25 % of the pairs.
Official code collapses rows of the union that are the same record, after counting them; here a row
with the same instruction and answer as another is dropped before (`exact copy`), so that neither
the best nor a cluster is spent on it: copies=keep leaves all. The clusters are then of the rows
that stay, and a row without a score or a vector is in none.
What a scorer sees decides: on the pairs of the paper's own valid file the longer answer is the
revised one in 84.1 %, so a scorer taught on them has to be compared with length (`learned`, and
`tamis teach`, tell theirs). A reward model that was not taught on such pairs may be put in its
place; which one decides more than the clusters do.
Cost: one forward pass of the scorer a row, and k-means.
Oracle: methods.md C1 (`cluster_best`); copies by hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.notation import parse
from tamis.recipes._passing import scored_pool
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Ints, Pool, Selection

COPY = "exact_duplicate"
Copies = Literal["drop", "keep"]


@recipe(family="small-model", paper="arXiv:2402.18191")
def car(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: ColumnName = "reward",
    of: ColumnName = "embedding",
    top: int = 1000,
    per_cluster: int = 1,
    clusters: int = 0,
    variance: float = 0.95,
    copies: Copies = "drop",
    seed: int = 0,
) -> Selection:
    """The best rows of all by a quality scorer and the best of every cluster, without copies.

    Args:
        by: the quality, highest first: reward(model=FOLDER) with a taught scorer
        of: the vectors to cluster
        top: n1, how many of the best rows of the pool
        per_cluster: n2, how many of the best rows of each cluster
        clusters: number of clusters; 0 is floor(sqrt(rows / 2))
        variance: share of the variance that PCA keeps before clustering; 1 leaves PCA out
        copies: drop leaves one row of those that say the same, keep leaves all
        seed: decides the clusters
    """
    names = [str(parse(name)) for name in (by, of)]
    pool = scored_pool(run, data, budget, *names, *([COPY] if copies == "drop" else []))
    pool, dropped = distinct(pool, copies)
    best = (
        f"cluster_best(by={names[0]},of={names[1]},top={top},per_cluster={per_cluster},"
        f"clusters={clusters},variance={variance},seed={seed})"
    )
    picked = run.select(pool, best, budget)
    return replace(picked, dropped={**dropped, **picked.dropped})


def distinct(pool: Pool, copies: Copies) -> tuple[Pool, dict[str, Ints]]:
    """The pool without rows that say the same as one that stays, and those rows."""
    if copies == "keep":
        return pool, {}
    again = pool.scores(COPY) > 0
    gone = {"exact copy": pool.rows[again]} if again.any() else {}
    return pool.take(np.flatnonzero(~again)), gone
