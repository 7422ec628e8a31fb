"""How evenly the subset is spread over the parts of the pool.

Formula: -sum_c s_c ln s_c / ln C, s_c the subset's share in cluster c of C k-means clusters of the
pool; in [0, 1]. 1 is the same number of rows from each cluster; the pool itself, and random rows,
lie below it where clusters differ in size. A subset of fewer rows than clusters cannot reach 1:
compare subsets of one size. Clusters are those of the pool and the seed, whatever is chosen; a
cluster of equal rows is never split, so C can be less than asked for.
Cost: the k-means, n d C time for each iteration.
Oracle: counts over the same clusters in plain Python; equal shares give 1, one cluster gives 0.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.kmeans import automatic, k_means
from tamis.measures._rows import inside
from tamis.spec import measure
from tamis.types import ColumnName, Ints, Pool
from tamis.vectors import Table


@measure(prefer="high")
def cluster_entropy(
    pool: Pool, rows: Ints, *, of: ColumnName = "embedding", clusters: int = 0, seed: int = 0
) -> float:
    """Entropy of the subset's shares in the pool's clusters; 1 where all clusters have the same.

    Args:
        of: the vectors to cluster
        clusters: number of clusters, at least 2; 0 is floor(sqrt(rows / 2))
        seed: decides the clusters
    """
    every, chosen = inside(pool, rows, vectors=of)
    found = k_means(Table(pool, of, every)[:], clusters or automatic(len(every)), seed=seed)
    if len(found.centres) < 2:
        raise UserError("the pool falls into one cluster: its rows are equal, or too few for more")
    counts = np.bincount(found.labels[chosen], minlength=len(found.centres))
    shares = counts[counts > 0] / len(chosen)
    return min(float(abs(shares @ np.log(shares)) / np.log(len(found.centres))), 1.0)
