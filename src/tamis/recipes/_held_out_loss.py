"""The loss of a trained model on the target set: one number for how well a training went.

Formula: mean over the target set's rows with an answer of the mean loss of their answers' tokens,
in nats, in the markup and of the answers that the training learns: every row counts the same. It is
read with `perplexity`, so that it is in the store and a run that was killed finds it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tamis.errors import UserError
from tamis.recipes._rounds import MARKUP, column_of, forget
from tamis.run.execute import problems
from tamis.run.session import Run
from tamis.run.train import default
from tamis.types import Dataset

if TYPE_CHECKING:
    from tamis.training.settings import Training


def trained_loss(run: Run, data: Dataset, seeds: Sequence[int]) -> list[float]:
    """The loss after training on these rows, once for each seed; nothing is done twice."""
    usual = run.training or default()
    found = []
    for seed in seeds:
        training = replace(usual, train_seed=seed)
        trained = run.train(data, training)
        found.append(loss_of(run, trained.model, training))
    return found


def loss_of(run: Run, model: str, training: Training) -> float:
    """The loss of a model on the target set."""
    if run.target is None:
        raise UserError("losses of models are read on a target set: give one with --target FILE")
    column = column_of(run, "perplexity", model, training, (*MARKUP, "turns"))
    found = run.score(run.target, [column])
    forget(run, model, (run.target, column))
    values, why = found.scores(column), problems(found.column(column))
    if "undefined" in why:  # to leave such rows out would make a training that failed look better
        raise UserError(
            f"{model} has no finite loss on {why['undefined']:,} rows of the target set: its "
            "training went astray; try a lower rate"
        )
    there = values[~np.isnan(values)]
    if not len(there):
        raise UserError(f"no row of the target set has a loss under {model}")
    return float(np.log(there).mean())
