"""Perplexity of the answer under a language model: how surprising it is, given the question or not.

Formula: exp(mean of -log P(token | what stands before it)) over the scored tokens. `of=response`
reads the answer after its question; `of=answer` the answer alone; `of=question` what stands before
the last answer, and `of=all` the whole row, both with the template's markup.
Papers: "When Less is More" (arXiv:2309.04564) keeps the middle of a pool's perplexities:
`percentile_band(by=perplexity)`; high and low ends are baselines of IFD's and Active IT's papers:
`top_k(by=perplexity)`, `bottom_k(by=perplexity)`. The former's first step reads questions.
Integrated toolkits average windows of a long text without weighing them by their tokens; here a
text longer than `max_length` is cut, and the mean is over tokens. Which token begins the text is
explicit: with `start` the first token is scored after the model's start token.
A short answer's perplexity is unstable, and text that repeats itself has a low one.
Oracle: a float64 loop over one row at a time; methods.md 1.1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.passages import Setting, Turns, Written, opening, written
from tamis.protocols import Likelihood, Passage
from tamis.scorers._passages import alone, conditioned, scores, split
from tamis.spec import scorer
from tamis.templates import TemplateName
from tamis.types import Batch, Column, Floats, Ints

Of = Literal["response", "answer", "question", "all"]


@scorer(prefer="none", family="baseline", unit="perplexity", paper="arXiv:2309.04564")
def perplexity(
    batch: Batch,
    lm: Likelihood,
    *,
    of: Of = "response",
    template: TemplateName = "plain",
    turns: Turns = "last",
    max_length: int = 1024,
    start: bool = True,
) -> Column:
    """exp(mean loss) over the tokens of the answer, or of the whole row.

    Args:
        of: response is the answer after its question, answer the answer alone, question what stands
            before it, all every token
        template: markup around the turns; chat is the model's own
        turns: the last answer, all together, or the mean over each
        max_length: tokens read of a row, at most the model's context
        start: begin with the model's start token
    """
    setting = Setting(template, turns, max_length, start)
    rows = written(batch, lm, setting)
    first = opening(lm, start)
    asked = [_passages(row, of, first) for row in rows]
    readings = iter(lm.read([passage for passages in asked for passage in passages]))
    losses = [
        [next(readings).tokens["loss"] for _ in passages] or [np.empty(0)] for passages in asked
    ]
    if of == "response":
        losses = [
            split(r, found[0]) if r.answers else [] for r, found in zip(rows, losses, strict=True)
        ]
    return scores(rows, turns, mean_perplexity, losses)


def _passages(row: Written, of: Of, first: Ints) -> list[Passage]:
    if not row.answers:
        return []
    if of == "answer":
        return alone(row, first)
    if of in ("all", "question"):
        end = len(row.ids) if of == "all" else row.answers[-1][0]
        begin = max(len(first), 1)
        return [Passage(row.ids[:end], ((begin, end),))] if begin < end else []
    return [conditioned(row)]


def mean_perplexity(losses: Floats) -> float:
    """Exp of the mean loss; infinite where it is too large for a number."""
    with np.errstate(over="ignore"):
        return float(np.exp(losses.mean())) if len(losses) else np.nan
