"""S2L, small to large: rows whose loss moved alike while a small model was trained are alike.

1. Train `proxy` on the pool and keep a model after every `every` updates.
2. A row's trajectory: the mean loss of its answer under each kept model, in their order.
3. k-means on trajectories; every cluster an equal share of the selection, rows at random inside,
   clusters of at most 2 rows last (`cluster_quota` with allocation=equal, small=2, inside=random).
Paper and code (arXiv:2403.07384): Pythia-70M for targets up to 2.8B and Phi-2, a loss every 500
updates, 100 clusters, sources of the pool (a field of MathInstruct) clustered by themselves with
equal shares: groups=field(name=source).
Official code writes 0 for a loss that is missing, which makes a cluster of such rows; its k-means
and its draws have no seed; shares are whole numbers by repeated division, the smaller clusters
first, and sources likewise. Here a row without a loss is dropped by name, all is decided by the
seed, and places are given one at a time, so that each prefix is shared equally and the counts are
the code's. With `groups` the number of clusters is for each group.
Without `proxy` it is the run's model. The training is the run's otherwise: low-rank matrices unless
the run says full; the paper trains all weights. share=0.1 trains the proxy on a tenth of the pool;
losses are of all rows all the same.
Cost: the training, and a forward pass of the proxy over the pool for each kept model.
Oracle: methods.md S3; losses of the kept models read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.kmeans import automatic, k_means
from tamis.recipes._passing import rows_in
from tamis.recipes._rounds import MARKUP, at_random, column_of, forget, settings, told
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.selectors._quota import quota_order
from tamis.selectors._rows import drawn
from tamis.selectors.random import uniform
from tamis.spec import recipe
from tamis.training.settings import Training
from tamis.types import (
    Column,
    ColumnName,
    Dataset,
    Ints,
    Selection,
    Vectors,
    masks,
    order_by,
)
from tamis.vectors import Table

TRAJECTORY = "trajectory, by s2l"
"""The pool's column with the losses of each row."""
SMALL = 2
"""Clusters of at most so many rows are drawn from last."""


@recipe(family="beyond", paper="arXiv:2403.07384")
def s2l(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    proxy: str = "",
    every: int = 500,
    epochs: float = 3.0,
    rate: float = 0.0,
    share: float = 1.0,
    clusters: int = 100,
    groups: ColumnName = "",
    seed: int = 0,
) -> Selection:
    """Equal shares of clusters of rows whose loss moved alike in the training of a small model.

    Args:
        proxy: the small model; the run's where none is named
        every: updates between two losses
        epochs: how often the proxy reads its rows
        rate: highest learning rate; 0 is the run's
        share: share of the pool that the proxy is trained on
        clusters: number of clusters; 0 is floor(sqrt(rows / 2))
        groups: label column whose groups are clustered apart and get equal shares
        seed: decides clusters, draws and the share
    """
    if every < 1 or not 0 < share <= 1 or clusters < 0:
        raise UserError(
            "s2l: every is at least 1, share above 0 and at most 1, clusters at least 0, got "
            f"every={every}, share={share}, clusters={clusters}"
        )
    pool, limit = run.payable(data, [groups] if groups else [], budget)
    small = replace(run, model=proxy) if proxy else run
    training = settings(run, epochs=epochs, rate=rate, keep_every=every)
    rows = at_random(data, np.arange(len(data)), seed)[: rows_in(share, len(data))]
    trained = small.train(data.take(np.sort(rows)), training)
    if not trained.kept:
        updates = trained.manifest.get("steps") or ceil(len(rows) / training.batch * epochs)
        raise UserError(
            f"s2l: a training of {updates} updates keeps no model every {every}: lower every"
        )
    column = trajectories(run, data, [one.model for one in trained.kept], training)
    pool = replace(pool, columns={**pool.columns, TRAJECTORY: column})
    keep, dropped = scored(pool, [TRAJECTORY, *([groups] if groups else [])])
    keep = keep[np.argsort(pool.ids[keep], kind="stable")]
    names = [str(label) for label in pool.take(keep).labels(groups)] if groups else None
    order, counts = shared(Table(pool, TRAJECTORY, keep)[:], pool.ids[keep], names, clusters, seed)
    picks = ((row, 0.0) for row in keep[order].tolist())
    info = {"losses": len(trained.kept), "clusters": counts, "proxy": told(trained, len(rows))}
    return drawn(pool, limit, picks, dropped, **info)


def trajectories(run: Run, data: Dataset, models: Sequence[str], training: Training) -> Column:
    """The losses of each row under each model; a row that lacks one says why."""
    found = np.empty((len(data), len(models)), np.float32)
    why: list[str | None] = [None] * len(data)
    for at, model in enumerate(models):
        name = column_of(run, "perplexity", model, training, (*MARKUP, "turns"))
        pool = run.score(data, [name])
        found[:, at] = np.log(pool.scores(name))
        new = pool.column(name).problem.to_pylist()
        why = [old or other for old, other in zip(why, new, strict=True)]
        forget(run, model, (data, name))
    return Column.vectors(found, **masks(why))


def shared(
    vectors: Vectors, ids: NDArray[np.str_], groups: Sequence[str] | None, clusters: int, seed: int
) -> tuple[Ints, int]:
    """All rows so that every prefix is shared among groups, and inside among clusters, equally."""
    names, group = np.unique(np.array(groups or [""] * len(ids)), return_inverse=True)
    orders, count = [np.empty(0, np.int64)], 0
    for number in range(len(names)):
        rows = np.flatnonzero(group == number)
        found = k_means(vectors[rows], clusters or automatic(len(rows)), seed=seed)
        drawn_first = order_by(uniform(ids[rows].tolist(), seed), ids[rows])
        orders.append(rows[equally(found.labels, found.sizes, drawn_first)])
        count += len(found.sizes)
    if not len(ids):
        return np.empty(0, np.int64), 0
    return quota_order(group, np.concatenate(orders), np.ones(len(names))), count


def equally(labels: Ints, sizes: Ints, preferred: Ints) -> Ints:
    """Rows so that every prefix has equal shares of the clusters, tiny ones last."""
    return quota_order(labels, preferred, np.ones(len(sizes)), late=sizes <= SMALL)
