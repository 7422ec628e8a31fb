"""A small scorer that learned from rated variants, and what it says of every turn of a pool.

The model is that of the scorer `learned`: ridge regression on a text's form, words and vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from tamis.errors import UserError
from tamis.protocols import Embedder
from tamis.recipes._variants import RATING, ROW, one_turn_each
from tamis.scorers._features import text_blocks
from tamis.scorers._featurizer import Featurizer
from tamis.scorers._fold_models import fold_models
from tamis.scorers._labelled import LEAST, labelled
from tamis.scorers._options import turns_in
from tamis.types import Batch, Column, Dataset, Floats, Part, Pool

FOLDS = 5
ROWS = 2048
"""Rows of the pool whose turns are scored together."""


@dataclass(frozen=True, slots=True)
class SmallScorer:
    """What was learned, and how well it foresees ratings of rows that it has not seen.

    `correlation` is that of held-out predictions and ratings.
    """

    featurizer: Featurizer
    weights: Floats
    lowest: float
    correlation: float

    def rate(self, batch: Batch) -> Floats:
        """The rating of each row of one turn, at least the lowest one of the scale."""
        if not len(batch):
            return np.empty(0)
        parts = [
            self.featurizer.features(block) @ self.weights[:-1] for block in text_blocks(batch)
        ]
        return np.asarray(np.maximum(np.concatenate(parts) + self.weights[-1], self.lowest))


def learn(
    variants: Pool, embedder: Embedder, of: Part, lowest: float, what: str, seed: int
) -> SmallScorer:
    """The scorer that these variants teach; UserError, naming `what`, where they are too few."""
    if len(variants) < LEAST:
        raise UserError(
            f"{what}: {len(variants)} variants were rated, and {LEAST} are needed to learn from "
            "(a few hundred are better): raise seeds, or see why rewriting and rating failed"
        )
    rated = labelled(variants, RATING, (ROW,), of, FOLDS, seed)
    rated.check(f"the ratings of {what}", False, FOLDS)
    featurizer = Featurizer.scaled(embedder, of, rated.blocks())
    weights = fold_models(rated, featurizer, False, FOLDS)
    unseen = np.empty(len(rated.rows))
    for cut, block in zip(rated.cuts(), rated.blocks(), strict=True):
        model = weights[:, rated.folds[cut.start]]
        unseen[cut] = featurizer.features(block) @ model[:-1] + model[-1]
    together = float(np.corrcoef(unseen, rated.labels)[0, 1]) if np.ptp(unseen) > 0 else 0.0
    return SmallScorer(featurizer, weights[:, -1], lowest, together)


def by_turn(data: Dataset, scorers: Mapping[str, SmallScorer]) -> dict[str, Column]:
    """For each scorer a series with a rating of every turn that has a question and an answer."""
    found: dict[str, list[Column]] = {name: [] for name in scorers}
    for batch in data.batches(ROWS):
        rows, turns, problems = turns_in(batch, {"question", "answer"})
        named = [{"id": str(place), **turn} for place, turn in enumerate(turns)]
        shown = Batch(one_turn_each(named).table)
        ends = np.cumsum([0, *np.bincount(rows, minlength=len(batch))]).tolist()
        for name, scorer in scorers.items():
            values = scorer.rate(shown)
            series = [values[a:b] for a, b in pairwise(ends)]
            found[name].append(Column.series(series, **problems))
    return {name: _joined(parts) for name, parts in found.items()}


def _joined(parts: list[Column]) -> Column:
    if not parts:
        return Column.series([])
    values = pa.concat_arrays([part.values for part in parts])
    return Column(values, pa.concat_arrays([part.problem for part in parts]))
