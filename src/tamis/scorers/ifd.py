"""IFD, instruction-following difficulty: how little the question helps to write the answer.

Formula, over the same n tokens of the answer A to the question Q:
    L(A|Q) = mean of -log P(a_i | Q, a_<i)        L(A) = mean of -log P(a_i | a_<i)
    ratio=loss        L(A|Q) / L(A)               "From Quantity to Quality" (arXiv:2308.12032)
    ratio=perplexity  exp(L(A|Q) - L(A))          Superfiltering (arXiv:2402.00530)
The two order rows differently. Near 1 the question does not help: the row is hard to learn from.
Above 1 it hurts: papers drop such rows, `threshold(by=ifd,at_most=1)`; code of the first keeps
exactly 1 (closed=both), of the second does not (closed=left). `cherry` and `superfiltering` are
those selections.
Paper and code of the first: template alpaca, max_length 512 (1024 for WizardLM), and L(A) is read
after the answer's header, whose tokens do not count (direct=header). Its test for rows longer than
max_length comes after the answer was cut to fit, so it drops only rows whose prompt leaves no room;
the rate is of what is left. Code of the second: template plain, GPT-2, max_length 1024, and no
start token, so that L(A) lacks the answer's first token while L(A|Q) has it (start=false gives
that; it moves IFD by tens of per cent).
Here both passes score the same tokens: the answer is cut once, and with `start` its first token
follows the model's start token where it is read alone. A row without room for one token of its
answer is too_long, and null; no failure becomes 0.
Oracle: methods.md P1, P2; a float64 loop over one row at a time.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.passages import Setting, Turns, written
from tamis.protocols import Likelihood
from tamis.scorers._passages import Direct, answer_losses, beginning, scores
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column, Floats

Ratio = Literal["loss", "perplexity"]


@scorer(prefer="high", family="trainable-llm", unit="ratio", paper="arXiv:2308.12032")
def ifd(
    batch: Batch,
    lm: Likelihood,
    *,
    ratio: Ratio = "loss",
    template: TemplateName = "alpaca",
    turns: Turns = "last",
    max_length: int = 1024,
    start: bool = True,
    direct: Direct = "answer",
) -> Column:
    """Loss of the answer after its question over its loss alone, or the ratio of perplexities.

    Args:
        ratio: loss as in IFD's paper, perplexity as in Superfiltering
        template: markup around the turns; chat is the model's own
        turns: the last answer, all together, or the mean over each
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
        direct: what the answer alone begins with: nothing, or the markup in front of it
    """
    setting = Setting(template, turns, max_length, start)
    rows = written(batch, lm, setting)
    inside, outside = answer_losses(rows, lm, beginning(lm, setting, direct))
    return scores(rows, turns, loss_ratio if ratio == "loss" else perplexity_ratio, inside, outside)


def loss_ratio(conditioned: Floats, alone: Floats) -> float:
    """Mean loss after the question over mean loss alone; NaN where the latter is 0."""
    below = alone.mean() if len(alone) else 0.0
    return float(conditioned.mean() / below) if below > 0 else np.nan


def perplexity_ratio(conditioned: Floats, alone: Floats) -> float:
    """exp(mean loss after the question - mean loss alone)."""
    with np.errstate(over="ignore"):
        return float(np.exp(conditioned.mean() - alone.mean())) if len(alone) else np.nan
