"""Nuggets' golden score: for how many tasks one example in front makes the answer likelier.

Formula, over m anchors with answer A_j to question Q_j, and a row z shown before them:
    zero_j = log P(A_j | Q_j)      one_j(z) = log P(A_j | z, Q_j)
    score(z) = share of the anchors with one_j(z) > zero_j; a tie is no win
Anchors: k-means over the vectors `of`, and of each cluster the row nearest to its centre, among the
rows that have room for an answer in `anchor_length` tokens; so each anchor counts.
Paper (arXiv:2312.10302): 100 anchors by k-means on mean states of the last layer; rows above 0.85,
threshold(by=nuggets,at_least=0.85,closed=none), or the top 1 %.
Official code: the states' mean takes padding in; only the pass with an example begins with the
start token, which favours it; an anchor cut to 200 tokens may keep no answer and then counts as
lost for every row; an anchor is scored on itself; nothing stands between the example and the
anchor, and the template is bare labels. Here both passes begin alike and score the same tokens, and
a row is not tried on an anchor that it is itself or a copy of. Row and anchor are whole
conversations in the template, with the markup between them that follows an answer.
Cost: rows x anchors short passages, those of a row next to each other with the row as their common
beginning, which goes through the model once for as many anchors as fit a forward pass (on a
processor; a GPU reads it again); a few thousand are asked at a time. With 52,000 rows that is
5.2 million passages: take a small model, as SuperNuggets (arXiv:2412.09990) does. The column is of
the whole pool and stored when it is finished: a run that is killed before begins anew.
Oracle: methods.md N1; a loop over rows and anchors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.kmeans import k_means
from tamis.passages import Setting, Written, opening, written
from tamis.protocols import Likelihood, Passage
from tamis.scorers._passages import AT_A_TIME, column, conditioned
from tamis.spec import scorer
from tamis.templates import TEMPLATES
from tamis.types import Batch, Column, ColumnName, Floats, Ints, Pool


@scorer(prefer="high", family="trainable-llm", unit="share of anchors", paper="arXiv:2312.10302")
def nuggets(
    pool: Pool,
    lm: Likelihood,
    *,
    of: ColumnName = "hidden_state(pooling=mean)",
    anchors: int = 100,
    template: Literal["plain", "alpaca", "vicuna", "tulu"] = "alpaca",
    anchor_length: int = 256,
    max_length: int = 1024,
    start: bool = True,
    seed: int = 0,
) -> Column:
    """Share of the anchors whose answer is likelier with the row in front than without.

    Args:
        of: vectors whose clusters the anchors are taken from
        anchors: how many
        template: markup around the turns
        anchor_length: tokens read of an anchor
        max_length: tokens read of a row and an anchor together, at most the model's context
        start: begin with the model's start token
        seed: decides the clusters
    """
    between = lm.encode([TEMPLATES[template].after_assistant], markup=True)[0]
    limit, first = min(max_length, lm.context), len(opening(lm, start))
    room = limit - anchor_length - len(between) + first  # the start token stands there once
    if anchors < 1 or anchor_length < 2 or room < 2:
        raise UserError(
            "nuggets needs an anchor, anchor_length at least 2, and as much for a row: of "
            f"{limit} tokens {anchors} anchors of {anchor_length} and the markup leave {room}"
        )
    short = Setting(template, "last", anchor_length, start)
    chosen = _anchors(pool, lm, of, anchors, short, seed)
    if not chosen:
        return Column.floats(np.full(len(pool), np.nan), no_anchor=np.ones(len(pool), bool))
    shown = Setting(template, "last", room, start)
    zero = _likelihoods(lm, [conditioned(anchor) for anchor in chosen])
    rows: list[Written] = []
    found = [np.empty(0)]
    for batch in pool.data.batches(max(1, AT_A_TIME // len(chosen))):
        rows += (part := written(batch, lm, shown))
        found.append(_scores(part, chosen, zero, lm, between, first))
    return column(rows, np.concatenate(found))


def golden_score(zero: Floats, one: Floats) -> Floats:
    """Share of the anchors with a larger log-likelihood; those with NaN are not counted."""
    counted = (~np.isnan(one)).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        share: Floats = (one > zero).sum(axis=-1) / np.where(counted > 0, counted, np.nan)
    return share


def _anchors(
    pool: Pool, lm: Likelihood, of: str, count: int, setting: Setting, seed: int
) -> list[Written]:
    """The row nearest to each centre, among those that can be anchors."""
    vectors = pool.vectors(of)
    rows = [bool(w.answers) for b in pool.data.batches(1024) for w in written(b, lm, setting)]
    able = np.flatnonzero(np.array(rows, bool) & ~np.isnan(vectors).any(axis=1))
    able = able[np.argsort(pool.ids[able])]
    clusters = k_means(vectors[able], count, seed=seed)
    nearest = np.lexsort((clusters.distances, clusters.labels))  # stable: ties go by id
    first = np.unique(clusters.labels[nearest], return_index=True)[1]
    return written(Batch(pool.data.table.take(able[nearest[first]])), lm, setting)


def _scores(
    rows: list[Written],
    anchors: list[Written],
    zero: Floats,
    lm: Likelihood,
    between: Ints,
    first: int,
) -> Floats:
    """The golden score of each row, NaN where the row or every anchor is missing."""
    one = np.full((len(rows), len(anchors)), np.nan)
    tried = [(r, a) for r, row in enumerate(rows) for a in _others(row, anchors)]
    passages = [_behind(np.append(rows[r].ids, between), anchors[a], first) for r, a in tried]
    if tried:
        at = np.array(tried)
        one[at[:, 0], at[:, 1]] = _likelihoods(lm, passages)
    return golden_score(zero, one)


def _others(row: Written, anchors: list[Written]) -> Iterator[int]:
    """The anchors that a row can be tried on: none that it is itself or a copy of."""
    for at, anchor in enumerate(anchors):
        if row.answers and not _same(row, anchor):
            yield at


def _same(one: Written, other: Written) -> bool:
    """Whether two rows are one; a row that was cut is any longer one that it begins."""
    short, long = sorted((one, other), key=lambda row: len(row.ids))
    size = len(short.ids) if short.kept < 1 else len(long.ids)
    return np.array_equal(short.ids, long.ids[:size])


def _behind(shown: Ints, anchor: Written, first: int) -> Passage:
    """The anchor after what is shown; the token that begins a text stands in front once."""
    spans = tuple((a + len(shown) - first, b + len(shown) - first) for a, b in anchor.answers)
    return Passage(np.concatenate([shown, anchor.ids[first:]]), spans)


def _likelihoods(lm: Likelihood, passages: list[Passage]) -> Floats:
    """Log P of the answer in each passage."""
    return np.array([-reading.tokens["loss"].sum() for reading in lm.read(passages)])
