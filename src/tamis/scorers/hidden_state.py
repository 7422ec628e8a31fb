"""A row as the language model sees it: its last layer's states, pooled into one vector.

Formula, over the states h_1 ... h_n of the row's tokens in a template:
    mean      (h_1 + ... + h_n) / n         Cherry's first step, DiverseEvol, Nuggets
    last      h_n                           DEITA
    weighted  sum of i h_i / sum of i       RDS+ (arXiv:2503.01807)
divided by its length unless unit=false.
Papers: RDS+ is pooling=weighted,template=tulu,max_length=2048 over the whole conversation, with
Llama-2-7B, compared by cosine (recipe `rds_plus`). DEITA's filter is
pooling=last,template=vicuna,turns=all,max_length=2048, at the token that ends the text.
Cherry's first step reads the question alone (of=question); DiverseEvol the row, with mean.
Official codes of RDS+ and Nuggets pool over the padding of a batch, so that a row's vector depends
on its neighbours (RDS+ is therefore run one row at a time); here only a row's own tokens count.
The texts of RDS+ and DEITA end with the token that ends an answer; here a row ends with its last
answer's last token, so that the same forward pass serves `ifd` and `perplexity` with the same
parameters.
A row without an answer, or without room for one, has none, as for every score of a language model.
Oracle: methods.md R1; sums by hand.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.passages import Setting, Written, written
from tamis.protocols import Likelihood, Passage, Quantity
from tamis.scorers._vectors import Answers, column
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column, Vectors


@scorer(prefer="none", family="trainable-llm", unit="vectors", paper="arXiv:2503.01807")
def hidden_state(
    batch: Batch,
    lm: Likelihood,
    *,
    pooling: Literal["mean", "last", "weighted"] = "mean",
    of: Literal["all", "question"] = "all",
    template: TemplateName = "alpaca",
    turns: Answers = "last",
    max_length: int = 1024,
    start: bool = True,
    unit: bool = True,
) -> Column:
    """Mean, position-weighted mean or last of the model's last-layer states of a row.

    Args:
        pooling: how states become one vector; weighted gives token i the weight i
        of: all reads the row up to its last answer, question what stands before that answer
        template: markup around the turns; chat is the model's own
        turns: which answer ends the row: its last turn's, or the last that says something
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
        unit: scale vectors to length 1
    """
    rows = written(batch, lm, Setting(template, turns, max_length, start))
    ends = [_end(row, of) for row in rows]
    asked = [
        Passage(row.ids[:end], (), (pooling,)) for row, end in zip(rows, ends, strict=True) if end
    ]
    problems = [
        row.problem or (None if end else "no_question") for row, end in zip(rows, ends, strict=True)
    ]
    return column(problems, _states(lm, asked, pooling), unit=unit, zero="zero_state")


def _end(row: Written, of: Literal["all", "question"]) -> int:
    """How many of the row's tokens are read, 0 for none; one token alone is no question."""
    if not row.answers:
        return 0
    before = row.answers[-1][0]
    return len(row.ids) if of == "all" else before * (before > 1)


def _states(lm: Likelihood, asked: list[Passage], pooling: Quantity) -> Vectors:
    """One vector a passage; where there is none, one token tells how wide they would be."""
    probe = [] if asked else [Passage(np.zeros(1, np.int64), (), (pooling,))]
    found = [reading.states[pooling] for reading in lm.read([*asked, *probe])]
    return np.array(found, np.float32)[: len(asked)]
