"""A small linear model learns from labelled rows, such as a judge rated, and scores all rows.

Formula: ridge regression of the label on features of the row's text; w minimises
sum (label - w.x - b)^2 + strength |w|^2 over the labelled rows, and a row's score is w.x + b.
`loss=pairs` takes the differences between rows of the same group in place of the labels, so that
what a group has in common counts for nothing: right for several answers to one instruction.
Features: figures of form (lengths, variety, punctuation, lists, code, endings, words shared with
the instruction), scaled on the labelled rows and held within 4 deviations; logs of counts of words,
signs and pairs of them in 1,024 hash buckets; the embedder's vectors of the answer and of the
instruction, and their cosine. With `of` instruction or response that part alone is shown.
A labelled row gets the prediction of a model that has seen no label of its group, nor its own: rows
are dealt into `folds` by group (the same instruction, or the same values in the columns `groups`),
and a row is predicted from the other folds. All other rows are predicted from all labels.
The strength (half decades from 0.1 to 1,000,000) has the least squared error on rows left out; that
one number has seen all labels. With pairs a score says which row of a group is better, and between
groups little; b puts the mean where the labels have it.
Labels may be any score or a field that holds numbers: a judge's ratings of a random sample, say, as
a field of the source. The sample has to be random, or the model learns of other rows than it rates.
Paper (arXiv:2312.15685): DEITA has ChatGPT rate variants of a small seed set and trains models of
13B parameters on that; CaR (arXiv:2402.18191) trains an encoder on answers revised by experts and
reports 84 %. Here a linear model stands in their place: it sees form and wording, never whether an
answer is true.
Measured on CaR's pairs, revised against raw (benchmarks/judge_quality.py): taught by the train file
it prefers the revised answer in 90.7 % of the valid file's 254 pairs (95 % interval 87.0 to 94.3),
with loss=pairs in 88.0 % (83.9 to 91.7). The longer answer is the revised one in 84.1 %: the first
is 6.7 points beyond that (2.6 to 10.8), the second 3.9 (-0.4 to 8.3). With all white space made
blanks, which hides the experts' paragraphs, 87.0, 86.2 and 83.3 %. In the train file, each pair
predicted from others, 88.4, 89.9 and 81.4 %. 50 labelled pairs give about 86 %, 25 about 84.
What it learns of one source need not hold for another: taught by those experts it agrees with
people who compare two models' answers (PandaLM, 914 pairs) in 64.5 and 66.2 %, length in 67.5.
At least 20 labelled rows with text that differ in their labels. A row without text is null:
empty_text. How well it learned is seen by comparing the labelled rows' scores with their labels.
Cost: 30,776 rows of Alpaca with 500 labels 14 s on one core, two thirds of it the embedder's table;
246,208 with 20,000 labels 202 s and 300 MB beside the data. Above 1,024 labels each fold solves for
all features at once: 1 s and 8 (features + 2)^2 bytes (22 MB) a fold with the table's 256 numbers,
more with wider vectors.
Oracle: scikit-learn's Ridge with the same strength; folds left out by hand.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Embedder
from tamis.scorers._features import is_blank, text_blocks
from tamis.scorers._featurizer import Featurizer, parts
from tamis.scorers._fold_models import fold_models
from tamis.scorers._labelled import labelled
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Part, Pool


@scorer(prefer="high", family="small-model", unit="as the labels", paper="arXiv:2312.15685")
def learned(
    pool: Pool,
    embedder: Embedder,
    *,
    labels: ColumnName,
    groups: tuple[ColumnName, ...] = (),
    of: Part = "all",
    loss: Literal["squared", "pairs"] = "squared",
    folds: int = 5,
    seed: int = 0,
) -> Column:
    """The label that a linear model of the text expects; of labelled rows, from other rows' labels.

    Args:
        labels: numbers that some rows have, such as a judge's ratings of a random sample
        groups: rows with the same values here are kept together; the same instruction by default
        of: what the labels are about: all is an answer with its instruction, else one part alone
        loss: squared learns the labels, pairs the differences between rows of a group
        folds: parts that the labelled rows are dealt into
        seed: decides which group is in which part
    """
    if folds < 2:
        raise UserError(f"learned: folds is at least 2, got {folds}")
    if not len(pool):
        return Column.floats(np.empty(0))
    known = labelled(pool, labels, groups, of, folds, seed)
    known.check(labels, loss == "pairs", folds)
    featurizer = Featurizer.scaled(embedder, of, known.blocks())
    weights = fold_models(known, featurizer, loss == "pairs", folds)
    model = np.full(len(pool), folds)  # the last one has seen all labels
    model[known.rows] = known.folds
    blank, scores = np.zeros(len(pool), np.bool_), np.zeros(len(pool))
    at = 0
    for block in (part for batch in pool.data.batches(4096) for part in text_blocks(batch)):
        here = slice(at, at + len(block))
        blank[here] = is_blank(parts(block, of)[0])
        found = featurizer.features(block) @ weights[:-1] + weights[-1]
        scores[here] = np.take_along_axis(found, model[here, None], axis=1)[:, 0]
        at += len(block)
    return Column.floats(scores, empty_text=blank)
