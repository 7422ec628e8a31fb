"""GraNd, gradient norm: how far one step on the row alone would move the model.

Formula: || d (mean loss of the answers' tokens) / d W ||_2, W the weights of all linear layers
inside the model (weights=layers), or of low-rank adapters beside them (weights=adapter). Output
layer, embeddings and norms are left out.
Paper: "Deep Learning on a Data Diet" (arXiv:2107.07075) defines it for classifiers as the mean over
initialisations, a few epochs into a training. A pretrained model has one initialisation, so this is
the norm at the model given; for a mean over models or seeds, take several of these columns.
Integrated toolkits read it in training mode, where dropout makes it random, and often for the last
layer alone; here the model is in evaluation mode, and the norm is of the whole gradient, before
any projection, computed without storing it: ||sum_t d_t x_t'||^2 = sum_(t,s) (x_t x_s)(d_t d_s).
A new adapter's B is zero: its norm is that of the layers' gradients through a random A, drawn from
the seed. The mean over tokens makes short answers' gradients long: compare with `length`.
Cost: 2.5 forward passes a row with GPT-2 (124M).
Oracle: autograd on one row at a time.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.passages import Setting, written
from tamis.protocols import Gradients, Likelihood, Weights
from tamis.scorers._passages import column, conditioned
from tamis.scorers._vectors import Answers
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column


@scorer(prefer="high", family="trainable-llm", unit="norm", paper="arXiv:2107.07075")
def grand(
    batch: Batch,
    lm: Likelihood,
    trained: Gradients,
    *,
    weights: Weights = "layers",
    seed: int = 0,
    template: TemplateName = "alpaca",
    turns: Answers = "last",
    max_length: int = 1024,
    start: bool = True,
) -> Column:
    """Length of the gradient of the answer's mean loss.

    Args:
        weights: layers for all linear layers, adapter for low-rank weights beside them
        seed: decides a new adapter's first values
        template: markup around the turns; chat is the model's own
        turns: the last answer, or all together
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
    """
    if seed < 0:
        raise UserError(f"seed must be at least 0, got {seed}")
    rows = written(batch, lm, Setting(template, turns, max_length, start))
    values = np.full(len(rows), np.nan)
    read = [at for at, row in enumerate(rows) if row.answers]
    values[read] = trained.norms([conditioned(rows[at]) for at in read], weights=weights, seed=seed)
    return column(rows, values)
