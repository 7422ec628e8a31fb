"""The grade that a reward model gives to an answer after its question.

Formula: r(question, answer), the model's one output as it is: a logit without bounds, in units of
its own. Any sequence classifier will do (--reward, or reward(model=FOLDER)), such as those that
`tamis teach` writes. Of two outputs the grade is output 1 minus output 0, log P(1) / P(0); more
than two are classes and refused, and so is a model without trained weights for its output.
The texts are shown as a pair, joined as the model's tokenizer joins two, or in its own chat
template: model=NAME#pair or NAME#chat; else chat for a causal model that has a template.
Papers: MoDS (arXiv:2311.15653) keeps rows above a threshold (0 for Alpaca, 1 for a mixture; this
default model, whose grades lie between about -6 and 6) and again those whose generated answer is
below one; INSTRUCTMINING (arXiv:2307.06290) has it among its indicators, by another reward model
(of 1.4 B parameters, with a head of its own that this library does not load).
Official code of MoDS cuts nothing, so that a long row fails, and drops every row that fails; it
joins instruction and input by one line break for the first grade and adds one where there is no
input for the second, so that the two cannot be compared. Here both read the row's own question, in
which an empty line stands before the input. An answer too long for the model is cut at its end, and
then the grade is of its beginning; the question is never cut: where it leaves no room for any of
the answer the row is null (does_not_fit), as it is where a chat template shows the two otherwise
than they are.
Grades of two models are not on one scale, nor are grades of one model in other precision than the
one a threshold was found in. Length moves them: compare with a plain length.
Oracle: methods.md M2 (thresholds); the transformers library row by row.
"""

from __future__ import annotations

from typing import Literal

from tamis.protocols import Reward
from tamis.scorers._exchanges import Graded, History, exchanges
from tamis.spec import scorer
from tamis.types import Batch, Column

Shown = Literal["both", "question", "answer"]


@scorer(prefer="high", family="small-model", unit="logit", paper="arXiv:2311.15653")
def reward(
    batch: Batch,
    grader: Reward,
    *,
    turns: Graded = "last",
    history: History = "last",
    shown: Shown = "both",
) -> Column:
    """The reward model's output for the last answer after its question.

    Args:
        turns: the last answer, the mean over all of them, or each as a series
        history: what stands for the question: what was asked last, or all that was said before
        shown: both texts, or one of them alone, for classifiers that read a single text
    """
    needed = {"question", "answer"} if shown == "both" else {shown}
    found = exchanges(batch, turns, history, needed)
    pairs = [
        (
            turn["question"] if "question" in needed else "",
            turn["answer"] if "answer" in needed else "",
        )
        for turn in found.turns
    ]
    return found.column(grader.reward(pairs), turns, "does_not_fit")
