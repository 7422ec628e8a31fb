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
from tamis.scorers._eye import Eye
from tamis.scorers._features import text_blocks
from tamis.scorers._options import turns_in
from tamis.scorers._taught import LEAST, taught
from tamis.scorers.learned import _models
from tamis.types import Batch, Column, Dataset, Floats, Part, Pool

FOLDS = 5
ROWS = 2048
"""Rows of the pool whose turns are scored together."""


@dataclass(frozen=True, slots=True)
class SmallScorer:
    """What was learned, and how well it foresees ratings of rows that it has not seen.

    `correlation` is that of held-out predictions and ratings.
    """

    eye: Eye
    weights: Floats
    lowest: float
    correlation: float

    def rate(self, batch: Batch) -> Floats:
        """The rating of each row of one turn, at least the lowest one of the scale."""
        if not len(batch):
            return np.empty(0)
        parts = [self.eye.features(block) @ self.weights[:-1] for block in text_blocks(batch)]
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
    lesson = taught(variants, RATING, (ROW,), of, FOLDS, seed)
    lesson.check(f"the ratings of {what}", False, FOLDS)
    eye = Eye.opened(embedder, of, lesson.blocks())
    weights = _models(lesson, eye, False, FOLDS)
    unseen = np.empty(len(lesson.rows))
    for cut, block in zip(lesson.cuts(), lesson.blocks(), strict=True):
        model = weights[:, lesson.folds[cut.start]]
        unseen[cut] = eye.features(block) @ model[:-1] + model[-1]
    together = float(np.corrcoef(unseen, lesson.labels)[0, 1]) if np.ptp(unseen) > 0 else 0.0
    return SmallScorer(eye, weights[:, -1], lowest, together)


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
