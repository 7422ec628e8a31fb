"""Ridge regression from sums, with the strength chosen on folds that were not trained on.

Rows are seen once and in blocks: for each fold only the sums of products of a row's features, a 1
and its label are kept, (features + 2)^2 numbers. The sums of all folds but one train a model, and
the sums of that fold give its squared error, so no prediction has to be stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tamis.types import Floats, Ints

STRENGTHS = 10.0 ** np.arange(-1, 6.1, 0.5)


@dataclass(slots=True)
class Sums:
    """Sums over the rows of a fold: of products, and of (features, 1, label) themselves.

    With `within` the products are of differences to the mean of the row's group: what is left is
    how rows of a group differ, and a pair of rows counts by that difference alone.
    """

    width: int
    within: bool
    products: Floats = field(init=False)
    totals: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.products = np.zeros((self.width + 2, self.width + 2))
        self.totals = np.zeros(self.width + 2)

    def add(self, features: Floats, labels: Floats, groups: Ints) -> None:
        """Rows of whole groups, those of a group next to each other."""
        rows = np.column_stack([features, np.ones(len(labels)), labels])
        self.totals += rows.sum(axis=0)
        if self.within and len(rows):
            starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
            sizes = np.diff(np.append(starts, len(rows)))
            rows -= np.repeat(np.add.reduceat(rows, starts) / sizes[:, None], sizes, axis=0)
        self.products += rows.T @ rows

    def __add__(self, other: Sums) -> Sums:
        return self._joined(other, 1)

    def __sub__(self, other: Sums) -> Sums:
        return self._joined(other, -1)

    def _joined(self, other: Sums, sign: int) -> Sums:
        both = Sums(self.width, self.within)
        both.products = self.products + sign * other.products
        both.totals = self.totals + sign * other.totals
        return both


def solved(sums: Sums) -> Floats:
    """Weights for each strength, and in the last row what is added: (width + 1, strengths)."""
    wide, (count, label) = sums.width, sums.totals[-2:]
    mean = sums.totals[:wide] / count
    scatter, target = sums.products[:wide, :wide], sums.products[:wide, -1]
    if not sums.within:
        scatter = scatter - count * np.outer(mean, mean)
        target = target - label * mean
    values, vectors = np.linalg.eigh(scatter)
    parts = (vectors.T @ target)[:, None] / (np.maximum(values, 0)[:, None] + STRENGTHS)
    weights = vectors @ parts
    return np.vstack([weights, label / count - mean @ weights])


def error(sums: Sums, weights: Floats) -> Floats:
    """Sum of the squared errors of each strength's weights on the rows behind `sums`."""
    signed = np.vstack([-weights, np.ones(weights.shape[1])])
    return np.asarray(np.einsum("ik,ij,jk->k", signed, sums.products, signed, optimize=True))


def fitted(folds: list[Sums]) -> tuple[Floats, float]:
    """Weights without each fold in turn, then those of all rows; and the strength chosen.

    Shape (width + 1, folds + 1). The strength has the least squared error on rows left out.
    """
    everything = sum(folds[1:], start=folds[0])
    models = [solved(everything - fold) for fold in folds]
    errors = sum(error(fold, model) for fold, model in zip(folds, models, strict=True))
    best = int(np.argmin(errors))
    columns = [model[:, best] for model in (*models, solved(everything))]
    return np.stack(columns, axis=1), float(STRENGTHS[best])
