"""Greedy k-center: always the row farthest from all that were picked.

Formula: argmax_i min_{c in picked} |x_i - x_c|_2 (Gonzalez 1985; core-set selection,
arXiv:1708.00489); the radius it leaves is at most twice the best possible for as many picks.
Used by MoDS (arXiv:2311.15653), DiverseEvol (arXiv:2311.08182), WaveCoder (arXiv:2312.14187) and
Coreset (arXiv:2305.09246), which starts from the centres of k-means: start=means.
Official codes build the n x n matrix, take the root of a negative rounding error, fail an
assertion on duplicates, or leave the first centre out of the subset. Here: bounds instead of a
matrix (`_farthest.py`), the first centre is picked like any other, ties by id, and rows that
float32 cannot tell from a picked one are never picked: when only such rows are left the selection
ends and says "no further distinct points".
Rows with a score above 0 in `given` count as picked before: the subset of an earlier round
(DiverseEvol), or seeds that the subset is added to; they are not picked again.
The gain is the row's distance when it was picked, so the next row's gain is the covering radius
of a prefix; the radius of the whole selection is in the manifest. The first row, which has nothing
to be far from, has the radius that it leaves.
Caution: the farthest rows are the oddest ones (MoDS and DEITA rank by quality before); `cover`
does not chase outliers, and its card has the comparison.
Oracle: methods.md K1 and K2; the n x n form; at most twice the best radius by brute force.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.kmeans import automatic, k_means
from tamis.selectors._farthest import Farthest, nearest_to
from tamis.selectors._rows import drawn, named, told, usable
from tamis.selectors._threads import one_thread
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Ints, Pool, Selection, order_by
from tamis.vectors import Table

Start = Literal["random", "middle", "means"]


@selector(family="beyond", paper="arXiv:1708.00489", version=2)
def k_center(
    pool: Pool,
    budget: Budget,
    *,
    of: ColumnName = "embedding",
    start: Start = "random",
    first: str = "",
    given: ColumnName = "",
    clusters: int = 0,
    seed: int = 0,
) -> Selection:
    """The row farthest from those picked so far, again and again; the gain is its distance.

    Args:
        of: the vectors to spread over
        start: the first row: drawn by the seed, nearest to the mean, or nearest to each centre of
            k-means, large clusters first
        first: id of the row to start with, instead
        given: a score; rows above 0 count as picked before, and the walk starts from them
        clusters: number of clusters for start=means; 0 is floor(sqrt(rows / 2))
        seed: another seed gives another first row, or other clusters
    """
    rows, dropped = usable(pool, scores=[given], vectors=[of])
    table, ids = Table(pool, of, rows), pool.ids[rows]
    before = np.flatnonzero(pool.scores(given)[rows] > 0) if given else np.empty(0, np.int64)
    walk = Farthest(table, before.tolist())
    if first and len(before):
        raise UserError("k_center walks from the rows in given: leave out first, or given")
    if first:
        starts, wanted = np.flatnonzero(ids == first), 1
        if not len(starts):
            raise UserError(f"k_center: no row of the pool has the id {first!r}")
    else:
        starts, wanted = starting_rows(table, ids.tolist(), start, clusters, seed)
    picks = walk.picks([] if len(before) else starts.tolist(), wanted)
    with one_thread():  # the products with the front are too small to share
        chosen = drawn(pool, budget, named(picks, rows), dropped)
    info: dict[str, Any] = {}
    if len(chosen) or len(before):
        info["radius"] = walk.radius()
        if info["radius"] == 0:
            info["stopped"] = "no further distinct points"
    return told(chosen, **info)


def starting_rows(
    table: Table, ids: list[str], start: Start, clusters: int, seed: int
) -> tuple[Ints, int]:
    """Rows in the order they should be started from, and how many of them to start from."""
    if not len(table):
        return np.empty(0, np.int64), 1
    if start == "random":
        return order_by(uniform(ids, seed), np.array(ids), descending=False), 1
    if start == "middle":
        total = sum(block.sum(axis=0, dtype=np.float64) for _, block in table.blocks())
        return nearest_to(table, np.asarray(total / len(table))), 1
    found = k_means(table[:], clusters or automatic(len(table)), seed=seed)
    largest = np.argsort(-found.sizes, kind="stable")
    grouped = np.lexsort((found.distances, found.labels))
    firsts = grouped[np.searchsorted(found.labels[grouped], largest)]
    others = np.setdiff1d(np.arange(len(table)), firsts)
    return np.concatenate([firsts, others]).astype(np.int64), len(firsts)
