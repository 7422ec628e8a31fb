"""InstructionGPT-4 for text: a selector learns from trainings on subsets which features help.

1. Features of a row: the columns of `of`, and the first `parts` principal components of `vectors`,
   each with mean 0 and deviation 1 over the pool.
2. k-means++ splits the pool into `subsets` by these features; the run's model is trained on each,
   on `rows` rows drawn from it at most, and its label is minus the loss on the target set.
3. Least squares of the labels on the subsets' mean features; the same line scores each row.
4. k-means on `vectors` into `clusters`; each gives its share of the budget, at least one row, its
   best rows first.
Paper and code (arXiv:2308.12067): image and text pairs of MiniGPT-4, 3,439 to 200; features CLIP
score, reward, length, GPT-4's score and six components of each of image and text; 30 subsets,
labels from visual questions; spectral clustering into ten, quota max(1, int(204 size / 3439)).
Its selector is a small attention network over a subset's rows. Here it is a line, which is what 30
labels can tell of a dozen features; `r_squared_left_out` in the manifest says whether it tells
anything: at or below 0 the scores are no better than chance. Clusters are by k-means, not spectral.
Official code fits the components anew for each subset, so that axes differ; reads attention across
subsets; scores a row by 114 copies of it; keeps the last network for the best; ranks by whole
numbers, with many ties; and reads a judge's 100 as 10. None of that is here.
quota=nested gives places one at a time (Sainte-Lague), so that a smaller selection is the start of
a larger one; quota=floor is the paper's formula with the budget for 204 and the pool for 3,439,
clusters merged by falling score: it is for budgets in rows, and selections do not nest.
A judge's score is a feature like others: of=[reward,length,alpagasus]. Rows without a feature, or
without an answer to learn, are dropped by name. `rows` holds the trainings to one length, as a
label would follow a subset's size otherwise.
Cost: `subsets` trainings and the target set as often; found again by whoever asks the same.
Oracle: methods.md G1; components by numpy's SVD; a trainer whose loss is a known rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.kmeans import k_means
from tamis.notation import parse
from tamis.recipes._held_out_loss import loss_of
from tamis.recipes._least_squares import fit
from tamis.recipes._rounds import at_random, learnable, settings
from tamis.run.session import Run
from tamis.selectors._quota import quota_order
from tamis.selectors._rows import drawn, usable
from tamis.spec import recipe
from tamis.training.settings import Training
from tamis.types import ColumnName, Dataset, Floats, Ints, Selection, order_by
from tamis.vectors import Table

Quota = Literal["nested", "floor"]


@recipe(family="indicators", paper="arXiv:2308.12067")
def instruction_gpt4(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: tuple[ColumnName, ...] = ("reward", "length"),
    vectors: ColumnName = "embedding",
    parts: int = 6,
    subsets: int = 30,
    rows: int = 200,
    clusters: int = 10,
    quota: Quota = "nested",
    epochs: float = 3.0,
    rate: float = 0.0,
    seed: int = 0,
) -> Selection:
    """Best rows of each cluster by a line from features to losses of trainings on subsets.

    Args:
        of: scores that are features
        vectors: what gives the components, and the clusters that share the budget
        parts: number of components; 0 leaves them out
        subsets: subsets that are trained on
        rows: most rows of a training
        clusters: clusters that share the budget
        quota: places one at a time, or the paper's formula
        epochs: how often a training reads its rows
        rate: highest learning rate; 0 is the run's
        seed: decides subsets, draws and clusters
    """
    if run.target is None:
        raise UserError(
            "instruction_gpt4 reads losses on a target set: give one with --target FILE"
        )
    if parts < 0 or min(subsets, rows, clusters) < 1 or not (of or parts):
        raise UserError(
            "instruction_gpt4 needs a feature, and at least 1 of subsets, rows and clusters, got "
            f"parts={parts}, subsets={subsets}, rows={rows}, clusters={clusters}"
        )
    if quota == "floor":
        _rows(budget)
    names, vectors = [str(parse(name)) for name in of], str(parse(vectors))
    training = settings(run, epochs=epochs, rate=rate)
    there, dropped = learnable(run, data, training)
    whole, limit = run.payable(data, [*names, vectors], budget)
    inside, gone = usable(whole.take(there), scores=names, vectors=[vectors])
    dropped |= {why: there[places] for why, places in gone.items()}
    keep = there[inside]
    if not len(keep):
        return drawn(whole, limit, (), dropped)
    table, ids = Table(whole, vectors, keep), whole.ids[keep]
    features = standard(
        np.column_stack([*(whole.scores(name)[keep] for name in names), components(table, parts)])
    )
    names += [f"component {at + 1} of {vectors}" for at in range(features.shape[1] - len(names))]
    split = k_means(features.astype(np.float32), subsets, seed=seed)
    if len(split.sizes) < len(names) + 2:  # told before anything is trained
        raise UserError(
            f"instruction_gpt4: {len(split.sizes)} subsets cannot tell {len(names)} features: set "
            f"subsets to at least {len(names) + 2}, better ten for each, or parts to fewer"
        )
    order = at_random(whole.data.take(keep), np.arange(len(keep)), seed)
    trained = [order[split.labels[order] == at][:rows] for at in range(len(split.sizes))]
    losses = trainings(run, data, [keep[part] for part in trained], training)
    found = fit(names, np.array([features[part].mean(axis=0) for part in trained]), -losses)
    score = found.values[0] + features @ found.values[1:]
    groups = k_means(table[:], clusters, seed=seed)
    best = order_by(score, ids)
    if quota == "floor":
        ranked = floor_order(groups.labels, best, _rows(limit))
    else:
        sizes = groups.sizes
        ranked = quota_order(groups.labels, best, sizes.astype(np.float64), minimum=1)
    picks = zip(keep[ranked].tolist(), score[ranked].tolist(), strict=True)
    told = {"fit": found.told(), "losses": losses.tolist(), "rows": [len(p) for p in trained]}
    return drawn(whole, limit, picks, dropped, clusters=len(groups.sizes), **told)


def trainings(run: Run, data: Dataset, parts: Sequence[Ints], training: Training) -> Floats:
    """The loss on the target set after training on each part."""
    found = []
    for done, part in enumerate(parts):
        run.progress("trainings for the selector", done, len(parts))
        trained = run.train(data.take(np.sort(part)), training)
        found.append(loss_of(run, trained.model, training))
    run.progress("trainings for the selector", len(parts), len(parts))
    return np.array(found)


def components(table: Table, parts: int) -> Floats:
    """The first principal components of a table's rows, shape (rows, at most parts).

    The largest weight of each is positive, so that a sign is not left to chance.
    """
    size, width = len(table), table.dimensions
    mean = np.zeros(width)
    moments = np.zeros((width, width))
    for _, block in table.blocks():
        exact = block.astype(np.float64)
        mean += exact.sum(axis=0) / size
        moments += exact.T @ exact / size
    values, axes = np.linalg.eigh(moments - np.outer(mean, mean))
    there = values[::-1] > 1e-9 * max(float(values[-1]), 1e-30)
    axes = axes[:, ::-1][:, there][:, :parts]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found = np.empty((size, axes.shape[1]))
    for part, block in table.blocks():
        found[part] = (block - mean) @ axes
    return found


def standard(features: Floats) -> Floats:
    """Each column with mean 0 and deviation 1; one that is the same everywhere is 0."""
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1))


def floor_order(labels: Ints, best: Ints, budget: int) -> Ints:
    """The best rows of each cluster up to its quota, and after them all others, each by score."""
    most = quotas(np.bincount(labels), budget)
    place = np.empty(len(labels), np.int64)
    for label in range(len(most)):
        own = best[labels[best] == label]
        place[own] = np.arange(len(own))
    within = place[best] < most[labels[best]]
    return np.concatenate([best[within], best[~within]])


def quotas(sizes: Ints, budget: int, rows: int = 0) -> Ints:
    """max(1, int(budget * size / rows)) of each cluster; the paper has 204 for a budget of 200."""
    return np.maximum(budget * sizes // (rows or int(sizes.sum())), 1).astype(np.int64)


def _rows(budget: Budget) -> int:
    if budget.count is None:
        raise UserError("quota=floor is for a budget in rows")
    return budget.count
