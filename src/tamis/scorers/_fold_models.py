"""Linear models of labelled rows: one that has not seen each fold, and one that has seen all."""

from __future__ import annotations

import numpy as np

from tamis.scorers._featurizer import Featurizer
from tamis.scorers._labelled import Labelled
from tamis.scorers._ridge import Sums, fitted
from tamis.types import Floats

FEW = 1024  # labelled rows whose features are all held, and turned into as many as there are rows


def fold_models(rows: Labelled, featurizer: Featurizer, within: bool, folds: int) -> Floats:
    """Weights of the models without each fold and of that with all, (features + 1, folds + 1).

    With `within` labels and features count by how they differ from the mean of their group.
    """
    basis = None
    if len(rows.rows) <= FEW:  # the weights lie in the span of the rows' features
        shown = [featurizer.features(block) for block in rows.blocks()]
        basis = np.linalg.qr(np.vstack(shown).T)[0]
    sums: dict[int, Sums] = {}
    for cut, block in zip(rows.cuts(), rows.blocks(), strict=True):
        features = featurizer.features(block)
        few = features if basis is None else features @ basis
        fold = sums.setdefault(int(rows.folds[cut.start]), Sums(few.shape[1], within))
        fold.add(few, rows.labels[cut], rows.groups[cut])
    weights, _ = fitted([sums[fold] for fold in range(folds)])
    return weights if basis is None else np.vstack([basis @ weights[:-1], weights[-1:]])
