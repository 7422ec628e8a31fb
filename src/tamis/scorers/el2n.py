"""EL2N: how far the model's predictions of the answer are from the answer.

Formula: mean over the answer's tokens of ||p_t - onehot(a_t)||_2, p_t the prediction of token t.
Between 0 and sqrt(2): 0 where the token was certain, near 1 where the prediction is spread over
many, sqrt(2) where the model was certain of another one.
Paper: "Deep Learning on a Data Diet" (arXiv:2107.07075), for classifiers, averaged over several
models early in training; here it is one model, and a mean over tokens. An average over checkpoints:
the mean of el2n(model=./early), el2n(model=./other), ...
It bounds what a single token can add, where a loss does not; a high value marks hard rows and wrong
ones alike. The model has to give whole predictions: a server that returns log-probabilities of
tokens cannot.
Oracle: methods.md X1; a float64 loop over one row at a time.
"""

from __future__ import annotations

from tamis.passages import Setting, Turns, written
from tamis.protocols import Likelihood
from tamis.scorers._passages import answer_values, scores
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column, Floats


@scorer(prefer="high", family="beyond", unit="0..1.41", paper="arXiv:2107.07075")
def el2n(
    batch: Batch,
    lm: Likelihood,
    *,
    template: TemplateName = "alpaca",
    turns: Turns = "last",
    max_length: int = 1024,
    start: bool = True,
) -> Column:
    """Mean over the answer's tokens of the distance between prediction and token.

    Args:
        template: markup around the turns; chat is the model's own
        turns: the last answer, all together, or the mean over each
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
    """
    rows = written(batch, lm, Setting(template, turns, max_length, start))
    return scores(rows, turns, mean, *answer_values(rows, lm, "el2n"))


def mean(values: Floats) -> float:
    """The mean over tokens."""
    return float(values.mean())
