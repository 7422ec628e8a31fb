"""Cherry from its beginning: IFD by a model that was first trained on a few rows of everything.

1. Vectors of the questions: the mean of the base model's states over the prompt; k-means into
   `clusters` groups.
2. Of each group at most `each` rows, among those whose prompt's perplexity lies within the group's
   percentiles `low` and `high`; of a group of fewer rows than `each`, all of it.
3. Train the run's model on these for `epochs`.
4. `cherry` with IFD by that model: rows above 1 are dropped, the highest come first.
Paper and code (arXiv:2308.12032): 100 clusters of 10, one epoch, 1,000 rows in all; template
alpaca, 512 tokens. The text draws ten rows of a cluster; the code's example has percentiles 25 and
75 (its defaults are 1 and 99), and takes every m-th of the rows within them in the order of the
file, m = rows / 10 rounded down: inside=step, here in the order of ids. The text is
inside=random,low=0,high=100. Later versions of the code train nothing first: `cherry`.
A cluster where fewer than `each` rows are within the percentiles gives those alone, as in the code.
Markup and length are the training's for all that is read, unless `of`, `by` or `ratio` name others.
A row without an answer to learn is in no cluster. The manifest tells clusters, rows and the model;
`cherry(by=ifd(direct=header,model=...))` gives the same selection from it.
Cost: two forward passes over the questions, a training on `clusters` x `each` rows, two forward
passes over the rows.
Oracle: the choice by a loop over clusters; `cherry` on the trained model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.kmeans import k_means
from tamis.recipes._rounds import column_of, forget, in_markup, learnable, settings, told
from tamis.recipes.cherry import cherry
from tamis.run.session import Run
from tamis.selectors._rows import usable
from tamis.selectors.random import uniform
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Floats, Ints, Selection, order_by
from tamis.vectors import Table

Inside = Literal["step", "random"]


@recipe(family="trainable-llm", paper="arXiv:2308.12032")
def cherry_pre_experienced(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: ColumnName = "hidden_state(of=question,unit=false)",
    by: ColumnName = "perplexity(of=question)",
    clusters: int = 100,
    each: int = 10,
    low: float = 25.0,
    high: float = 75.0,
    inside: Inside = "step",
    epochs: float = 1.0,
    rate: float = 0.0,
    ratio: ColumnName = "ifd(ratio=loss,direct=header)",
    fits: ColumnName = "",
    seed: int = 0,
) -> Selection:
    """Rows with the highest IFD up to 1, by a model trained on a few rows of every cluster.

    Args:
        of: the question's vector by the base model
        by: the question's perplexity by the base model
        clusters: number of clusters
        each: rows of a cluster that the model is trained on
        low: percentile of the perplexity in a cluster from which rows are taken
        high: percentile up to which they are
        inside: every m-th row by id, or rows drawn by the seed
        epochs: how often they are read in training
        rate: highest learning rate; 0 is the run's
        ratio: the ratio that the trained model gives
        fits: share of the answer that is read, answer_kept(...): rows below 1 are dropped
        seed: decides the clusters and what is drawn
    """
    _check(each, low, high)
    training = settings(run, epochs=epochs, rate=rate)
    of, by = (in_markup(run, name, training) for name in (of, by))
    there, _ = learnable(run, data, training)
    pool = run.score(data, [of, by]).take(there)
    rows, _ = usable(pool, scores=[by], vectors=[of])
    if not len(rows):
        raise UserError("cherry_pre_experienced: no row has a question and an answer to learn from")
    found = k_means(Table(pool, of, rows)[:], clusters, seed=seed)
    ids = pool.ids[rows]
    order = order_by(uniform(ids.tolist(), seed), ids) if inside == "random" else None
    chosen = some_of_each(found.labels, pool.scores(by)[rows], each, (low, high), order)
    trained = run.train(data.take(np.sort(pool.rows[rows[chosen]])), training)
    picked = cherry(run, data, budget, by=column_of(run, ratio, trained.model, training), fits=fits)
    forget(run, trained.model)
    info = {"clusters": len(found.sizes), "pre_experience": told(trained, len(chosen))}
    return replace(picked, info={**picked.info, **info})


def some_of_each(
    labels: Ints,
    scores: Floats,
    each: int,
    bounds: tuple[float, float],
    order: Ints | None = None,
) -> Ints:
    """At most so many rows of each cluster with a score between two of its percentiles.

    They are the first ones in `order`; without one, every m-th within the bounds.
    """
    place = np.arange(len(labels))
    if order is not None:
        place[order] = np.arange(len(labels))
    chosen = []
    for label in range(int(labels.max(initial=-1)) + 1):
        rows = np.flatnonzero(labels == label)
        if len(rows) > each:
            least, most = np.percentile(scores[rows], bounds)
            rows = rows[(scores[rows] >= least) & (scores[rows] <= most)]
        step = max(len(rows) // each, 1) if order is None else 1
        chosen.append(rows[np.argsort(place[rows])][::step][:each])
    return np.concatenate([np.empty(0, np.int64), *chosen]).astype(np.int64)


def _check(each: int, low: float, high: float) -> None:
    if each < 1:
        raise UserError(f"cherry_pre_experienced: each is at least 1, got {each}")
    if not 0 <= low <= high <= 100:
        raise UserError(
            f"cherry_pre_experienced: low and high are percentiles, got {low:g} and {high:g}"
        )
