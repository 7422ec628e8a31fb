"""The chance that a model answers yes to a question about an answer: UniEval's way of grading.

Formula: P(Yes) / (P(Yes) + P(No)) at the first token that the model writes (--yes-no, or model=).
Paper: UniEval (arXiv:2210.07197), a T5 taught on questions of this form; INSTRUCTMINING
(arXiv:2307.06290) takes three of its dimensions as indicators: naturalness and understandability,
which see the answer alone, and coherence, which sees what was said before it too.
Form, which the model was taught and we keep: "question: ... </s> response: ..." and, for coherence,
" </s> dialogue history: ..." behind it. The sentences that ask are our own and mean the same; the
model was taught on its authors' three. For their very numbers give these by
question=FILE, with {answer}, {question} and {end} where the form has them; by how much our words
move a score was not measured (no weights at hand).
Any other question goes the same way, such as question=./polite.txt with "Is {answer} a polite
answer to {question}?". A causal model is asked it with a line for the answer behind it, {end} being
a line break there.
Official code cuts a text of more than 1,024 tokens at its end, so that the history goes first, and
reads </s> in a row's text as a sign of its own. Here the longest text of a question is cut first,
and what a row says is text.
A model that is asked what it was not taught says little: compare with a plain length.
Oracle: the transformers library row by row; P(yes) + P(no) = 1 among the two.
"""

from __future__ import annotations

from tamis.protocols import YesNo
from tamis.scorers._exchanges import Graded, History, exchanges
from tamis.scorers._questions import Asked, pieces, shown, text_of
from tamis.spec import scorer
from tamis.types import Batch, Column


@scorer(prefer="high", family="small-model", unit="probability", paper="arXiv:2210.07197")
def boolean_question(
    batch: Batch,
    asked: YesNo,
    *,
    question: Asked = "naturalness",
    turns: Graded = "last",
    history: History = "all",
) -> Column:
    """P(yes) / (P(yes) + P(no)) as a model's answer to a question about the row's answer.

    Args:
        question: naturalness, coherence, understandability, or a file with a question of your own
        turns: the last answer, the mean over all of them, or each as a series
        history: what {question} shows: what was asked last, or all that was said before
    """
    text = text_of(question)
    found = exchanges(batch, turns, history, shown(text))
    chances = asked.yes([pieces(text, turn) for turn in found.turns])
    return found.column(chances, turns, "undefined")
