"""k-means, then every cluster its share: diversity by quota.

Formula: k-means on the vectors; seats by Sainte-Laguë (`_quota.py`) with weight size, 1 or
sqrt(size); inside a cluster the best score first, or the row nearest to the centre, or at random.
Settings in papers: token length inside k-means clusters is the sturdy recipe of "Rethinking Data
Selection at Scale" (arXiv:2410.09335). S2L (arXiv:2403.07384) clusters loss trajectories into 100,
gives equal shares at random, and draws from clusters of at most 2 rows last: of=<trajectories>,
clusters=100, allocation=equal, small=2.
Official codes round the quotas (S2L by repeated floor division from the smaller clusters up) and
leave k-means unseeded; here the shares of every prefix follow the weights, and equal allocation
gives S2L's counts. The number of clusters depends on the pool and not on the budget: subsets nest.
Oracle: methods.md S3; the quota loop over scikit-learn's assignment.
"""

from __future__ import annotations

from typing import Literal

from tamis.apportion import Allocation, weights_of
from tamis.budget import Budget
from tamis.kmeans import automatic, k_means
from tamis.selectors._quota import quota_order
from tamis.selectors._rows import drawn, usable
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, order_by
from tamis.vectors import Table


@selector(family="beyond", paper="arXiv:2410.09335")
def cluster_quota(
    pool: Pool,
    budget: Budget,
    *,
    of: ColumnName = "embedding",
    by: ColumnName = "",
    inside: Literal["best", "nearest", "random"] = "best",
    clusters: int = 0,
    allocation: Allocation = "proportional",
    small: int = 0,
    seed: int = 0,
) -> Selection:
    """Rows by quota for each cluster; the gain is the score, 0 where none ranks the rows.

    Args:
        of: the vectors to cluster
        by: the score that ranks rows inside a cluster, highest first
        inside: order in a cluster: best score, nearest to the centre, or random; without a
            score, best means nearest
        clusters: number of clusters; 0 is floor(sqrt(rows / 2))
        allocation: weight of a cluster: its size, the same for all, or the root of its size
        small: clusters of at most this many rows are drawn from last
        seed: decides the clusters and the random order
    """
    ranked = by if inside == "best" else ""
    rows, dropped = usable(pool, scores=[ranked], vectors=[of])
    found = k_means(Table(pool, of, rows)[:], clusters or automatic(len(rows)), seed=seed)
    ids, gains = pool.ids[rows], 0 * found.distances
    if ranked:
        keys = gains = pool.scores(ranked)[rows]
    elif inside == "random":
        keys = uniform(ids.tolist(), seed)
    else:
        keys = -found.distances
    weights = weights_of(found.sizes, allocation)
    order = quota_order(found.labels, order_by(keys, ids), weights, late=found.sizes <= small)
    picks = zip(rows[order].tolist(), gains[order].tolist(), strict=True)
    return drawn(pool, budget, picks, dropped, clusters=len(found.sizes))
