"""UPD, uncertainty-based prediction difficulty: tokens that a sure model did not expect.

Formula: mean over the answer's tokens of sigmoid(L_t) * max(1 - (H_t / log V)^beta, 0), with L_t
the token's loss, H_t the entropy of the prediction, both in nats, and V the number of tokens that
the model predicts among. High where the loss is high and the model is sure: a token that could be
anything is not difficult, only open.
Paper: D3 (arXiv:2503.11441), which weighs it with a teacher's rating and with the distance to the
rows chosen so far, in rounds; here it is the difficulty alone. As a loss is never below 0 the
sigmoid is at least 1/2: a perfectly foreseen token counts 0.5, not 0.
How the paper weighs the entropy with beta is not certain: here it is an exponent, 1 by default, at
which other readings agree.
The model has to give entropies: a server that returns log-probabilities of tokens cannot.
Oracle: methods.md U1; a float64 loop over one row at a time.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np

from tamis.errors import UserError
from tamis.passages import Setting, Turns, written
from tamis.protocols import Likelihood
from tamis.scorers._passages import answer_values, scores
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column, Floats


@runtime_checkable
class Counted(Protocol):
    """A model that says how many tokens it predicts among."""

    @property
    def vocabulary(self) -> int: ...


@scorer(prefer="high", family="beyond", unit="0..1", paper="arXiv:2503.11441")
def upd(
    batch: Batch,
    lm: Likelihood,
    *,
    beta: float = 1.0,
    vocabulary: int = 0,
    template: TemplateName = "alpaca",
    turns: Turns = "last",
    max_length: int = 1024,
    start: bool = True,
) -> Column:
    """Mean over the answer's tokens of sigmoid(loss) * max(1 - (entropy / log V)^beta, 0).

    Args:
        beta: exponent of the relative entropy
        vocabulary: tokens the model predicts among; 0 asks the model
        template: markup around the turns; chat is the model's own
        turns: the last answer, all together, or the mean over each
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
    """
    if not beta > 0:
        raise UserError(f"beta must be above 0, got {beta}")
    largest = np.log(vocabulary_of(lm, vocabulary))
    rows = written(batch, lm, Setting(template, turns, max_length, start))
    losses, entropies = answer_values(rows, lm, "loss", "entropy")
    return scores(rows, turns, partial(mean_upd, largest=largest, beta=beta), losses, entropies)


def vocabulary_of(lm: Likelihood, given: int) -> int:
    """The number of tokens that is given, or else the model's."""
    if not given and not isinstance(lm, Counted):
        raise UserError(f"{lm.id} does not say how many tokens it knows: set vocabulary=")
    size = given or lm.vocabulary  # type: ignore[attr-defined]
    if size < 2:
        raise UserError(f"a vocabulary has at least 2 tokens, got {size}")
    return int(size)


def mean_upd(losses: Floats, entropies: Floats, *, largest: float, beta: float) -> float:
    """The mean of sigmoid(loss) * max(1 - (entropy / largest)^beta, 0)."""
    sure = 1 - (np.maximum(entropies, 0) / largest) ** beta
    return float(np.mean(np.maximum(sure, 0) / (1 + np.exp(-losses))))
