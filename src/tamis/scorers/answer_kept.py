"""The share of an answer that a likelihood method reads: below 1 it was cut at max_length.

Formula: tokens of the answer within `max_length` over all tokens of the answer, in the template; 0
where the question leaves no room (other methods call such a row too_long).
Nothing is read, the row is only tokenised. With the template, turns, max_length and start of a
likelihood score it says how much of each row that score has seen. Official code of IFD
(arXiv:2308.12032) means to drop rows that do not fit, and cuts them before it tests that; here that
is `cherry(fits=answer_kept(...))`.
Without a start token a token that nothing stands before is not scored and counts as lost.
Oracle: counts by hand.
"""

from __future__ import annotations

import numpy as np

from tamis.passages import Setting, Turns, written
from tamis.protocols import Likelihood
from tamis.scorers._passages import reasons
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column


@scorer(prefer="high", family="baseline", unit="share of tokens", paper="arXiv:2308.12032")
def answer_kept(
    batch: Batch,
    lm: Likelihood,
    *,
    template: TemplateName = "alpaca",
    turns: Turns = "last",
    max_length: int = 1024,
    start: bool = True,
) -> Column:
    """Share of the answer's tokens that fit within max_length.

    Args:
        template: markup around the turns; chat is the model's own
        turns: the last answer, or all
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
    """
    rows = written(batch, lm, Setting(template, turns, max_length, start))
    problems = {name: rows for name, rows in reasons(rows).items() if name != "too_long"}
    return Column.floats(np.array([row.kept for row in rows]), **problems)
