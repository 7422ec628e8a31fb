"""Clustering and ranking (CaR): the best rows of all, and the best of every cluster.

Formula: PCA to 95 % of the variance, k-means with k = floor(sqrt(n / 2)); the union of the n1 best
rows of the pool and the n2 best of each cluster. Paper: arXiv:2402.18191, n1 = 1000, n2 = 1,
1,017 of 52,002 Alpaca rows, with its own quality regressor as the score.
Official code hard-codes n2, compares labels as strings and drops full-record duplicates on the way;
here rows are rows, and near-duplicates are a step of their own.
The paper's subset has one size. To serve any budget, the n1 best and the winners that are not
among them are interleaved in the proportion of their numbers (Sainte-Laguë), each from its best row
down, so that a smaller subset has the same mixture and at `union` rows it is the paper's subset
exactly; the second best of every cluster, then the third, and so on fill a larger budget.
Oracle: methods.md C1; k(52,002) = 161.
"""

from __future__ import annotations

import numpy as np

from tamis.apportion import apportion
from tamis.budget import Budget
from tamis.errors import UserError
from tamis.kmeans import automatic, k_means
from tamis.selectors._rows import drawn, usable
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Pool, Selection, Vectors
from tamis.vectors import Table


@selector(family="beyond", paper="arXiv:2402.18191")
def cluster_best(
    pool: Pool,
    budget: Budget,
    *,
    by: ColumnName,
    of: ColumnName = "embedding",
    top: int = 1000,
    per_cluster: int = 1,
    clusters: int = 0,
    variance: float = 0.95,
    seed: int = 0,
) -> Selection:
    """The best rows of the pool and of every cluster; the gain is the score.

    Args:
        by: the score that ranks rows, highest first
        of: the vectors to cluster
        top: n1, how many of the best rows of the pool
        per_cluster: n2, how many of the best rows of each cluster
        clusters: number of clusters; 0 is floor(sqrt(rows / 2))
        variance: share of the variance that PCA keeps before clustering; 1 leaves PCA out
        seed: decides the clusters
    """
    if top < 0 or per_cluster < 0 or top + per_cluster == 0 or not 0 < variance <= 1:
        raise UserError("cluster_best needs top or per_cluster above 0 and variance in (0, 1]")
    rows, dropped = usable(pool, scores=[by], vectors=[of])
    scores = pool.scores(by)[rows]
    vectors = principal(Table(pool, of, rows)[:], variance)
    found = k_means(vectors, clusters or automatic(len(rows)), seed=seed)
    order, union = car_order(scores, found.labels, top, per_cluster)
    picks = zip(rows[order].tolist(), scores[order].tolist(), strict=True)
    return drawn(pool, budget, picks, dropped, clusters=len(found.centres), union=union)


def car_order(scores: Floats, labels: Ints, top: int, per_cluster: int) -> tuple[Ints, int]:
    """All rows, and how many of the first are CaR's union; equal scores by position."""
    best = np.argsort(-scores, kind="stable")
    grouped = best[np.argsort(labels[best], kind="stable")]
    sizes = np.bincount(labels)
    place = np.empty_like(best)
    place[grouped] = np.arange(len(best)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rounds = best[np.argsort(place[best], kind="stable")]
    others = rounds[~np.isin(rounds, best[:top])]
    winners = int((place[others] < per_cluster).sum())
    lengths = np.array([len(best) - len(others), winners])
    which, at = apportion(lengths.astype(np.float64), lengths)
    order = np.concatenate([best[:top], others])
    order[: len(at)] = order[np.where(which == 0, at, at + lengths[0])]
    return order.astype(np.int64), len(at)


def principal(vectors: Vectors, variance: float) -> Vectors:
    """Coordinates along the first principal axes that hold the given share of the variance."""
    if variance >= 1 or not len(vectors):
        return vectors
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    second = sum(
        ((part := vectors[i : i + 8192] - mean).T @ part).astype(np.float64)
        for i in range(0, len(vectors), 8192)
    )
    values, axes = np.linalg.eigh(second)
    held = np.cumsum(values[::-1].clip(0))
    kept = int(np.searchsorted(held, variance * held[-1])) + 1
    axes = axes[:, ::-1][:, :kept].astype(np.float32)
    return np.asarray(vectors @ axes - mean @ axes, np.float32)
