"""SelectLLM: a judge is shown lists of instructions and says which are most worth an answer.

Formula: rows are laid in lists of at most `shown`; the judge names the `named` best of each, best
first. Lists take turns, each giving its best row left: first all rows that were named, then, in an
order that says nothing, those that were not. lists=similar: k-means with n / shown clusters, each
cut into lists. lists=diverse: k-means with `shown` clusters, and a list has about as many rows of
each. The gain is how many places above a row that was not named the mean rank of a row is.
Paper: arXiv:2401.16553. Instructions without answers, all-MiniLM-L6-v2, equal-size k-means; of K
lists each gives floor(budget / K) rows; temperature 0. Its abstract speaks of the best within each
cluster, which is lists=similar.
Official code deals each list one row of every cluster, lists=diverse, and has lists of 14 rows for
Dolly and 51 for Alpaca. An answer that is no list of numbers counts as the list's first rows, one
off; numbers out of range end the run; the column of the chosen rows' answers comes out as "N/A".
Here what is asked does not depend on the budget, so a smaller selection is the start of a larger
one. Rows stand in a list in an order of (seed, id); orders=2 asks about each list a second time,
turned round, and takes the mean of the ranks, one below the last for a row that is not named.
Numbers that the list does not have, repeats, and what goes beyond `named` are passed over and
counted. A list without a usable answer, to either question, is dropped with the reason; nothing is
guessed. An instruction is all that the user and the system say, cut after 2,000 characters.
The manifest tells how many questions and lists there were, how many rows were `named`, how many
picks were not (`picked_unnamed`), numbers passed over, instructions cut, `mean_place`, where in
their lists named rows stood (0 first, 1 last, 0.5 without a bias for places), and with orders=2 the
`agreement`: rows named both times among those named at all.
Cost: a question for each list, times `orders`; all rows are shown. There are n / shown lists, and
more with lists=similar, whose clusters differ in size: 2,199 and 3,217 for 30,776 rows.
Oracle: judges with given answers; the order by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.judging.rows import only
from tamis.judging.rubric_files import Rubric
from tamis.judging.rubrics import RubricText, rubric
from tamis.kmeans import k_means
from tamis.protocols import Judge
from tamis.selectors._lists import CHARACTERS, ITEMS, outcomes, report
from tamis.selectors._rows import drawn, told, usable
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Pool, Selection, Vectors
from tamis.vectors import Table


@selector(family="beyond", paper="arXiv:2401.16553")
def select_llm(
    pool: Pool,
    budget: Budget,
    judge: Judge,
    *,
    of: ColumnName = "embedding(of=instruction)",
    lists: Literal["diverse", "similar"] = "diverse",
    shown: int = 14,
    named: int = 3,
    orders: int = 1,
    prompt: RubricText = "select_llm",
    seed: int = 0,
) -> Selection:
    """Rows that a judge names as the best of a list, lists by turns; the gain is places won.

    Args:
        of: the vectors that lists are made by
        lists: diverse: each has rows of all clusters; similar: of one
        shown: most rows in a list
        named: rows that the judge names of each
        orders: 2 asks a second time with the list turned round
        prompt: a rubric of your own with a verdict of picks and the marks {items} and {count}
        seed: decides clusters and the order in each list
    """
    about = only(rubric(prompt), "picks")
    _check(about, shown, named, orders)
    rows, dropped = usable(pool, vectors=[of])
    texts = pool.take(rows).data.texts("instruction").to_pylist()
    there = np.array([bool(text.strip()) for text in texts], bool)
    if not there.all():
        dropped["no instruction"] = np.sort(rows[~there])
    rows, texts = rows[there], [text for text in texts if text.strip()]
    shuffled = np.argsort(uniform(pool.ids[rows].tolist(), seed), kind="stable")
    laid = laid_out(Table(pool, of, rows)[:], shuffled, lists, shown, seed)
    found = outcomes(judge, about, [[texts[row] for row in part] for part in laid], named, orders)
    for problem in sorted({one.problem for one in found if one.problem}):
        gone = [a for a, one in zip(laid, found, strict=True) if one.problem == problem]
        dropped[f"the judge: {problem}"] = np.sort(rows[np.concatenate(gone)])
    order, gains = by_turns(laid, [one.gains for one in found])
    picks = zip(rows[order].tolist(), gains.tolist(), strict=True)
    chosen = drawn(pool, budget, picks, dropped, lists=len(laid), **report(found, orders))
    cut = sum(len(text) > CHARACTERS for text in texts)
    return told(chosen, picked_unnamed=int((chosen.gains == 0).sum()), instructions_cut=cut)


def _check(about: Rubric, shown: int, named: int, orders: int) -> None:
    if not ITEMS.search(about.ask):
        raise UserError("select_llm: the rubric needs the mark {items}, where the list will stand")
    if about.marks:
        raise UserError(f"select_llm: no single row is asked about: remove {{{about.marks[0]}}}")
    if shown < 2 or named < 1 or orders not in (1, 2):
        raise UserError(
            "select_llm: shown is at least 2, named at least 1, orders 1 or 2; got "
            f"shown={shown}, named={named}, orders={orders}"
        )


def laid_out(
    vectors: Vectors, shuffled: Ints, lists: Literal["diverse", "similar"], shown: int, seed: int
) -> list[Ints]:
    """The rows of each list, in the order in which it is shown; lists in the order of their turns.

    `shuffled` are all rows in an order of chance.
    """
    if not len(vectors):
        return []
    count = -(-len(vectors) // shown)
    labels = k_means(vectors, shown if lists == "diverse" else count, seed=seed).labels
    dealt = shuffled[np.argsort(labels[shuffled], kind="stable")]  # by cluster, then by chance
    place = np.empty(len(dealt), np.int64)
    place[shuffled] = np.arange(len(dealt))
    if lists == "diverse":
        parts = [dealt[at::count] for at in range(count)]
        return [part[np.argsort(place[part])] for part in parts]
    clusters = np.split(dealt, np.cumsum(np.bincount(labels))[:-1])
    clusters.sort(key=lambda cluster: (-len(cluster), int(cluster.min())))
    cut: list[tuple[int, Ints]] = []
    for cluster in clusters:
        count = -(-len(cluster) // shown)
        cut += [(at, cluster[at::count]) for at in range(count)]
    return [part for _, part in sorted(cut, key=lambda one: one[0])]


def by_turns(laid: Sequence[Ints], gains: Sequence[Floats | None]) -> tuple[Ints, Floats]:
    """All rows of lists with an answer and their gains: named ones first, lists by turns."""
    rows, won, turn, line = [], [], [], []
    for at, (part, found) in enumerate(zip(laid, gains, strict=True)):
        if found is not None:
            best = np.argsort(-found, kind="stable")
            rows.append(part[best])
            won.append(found[best])
            turn.append(np.arange(len(part)))
            line.append(np.full(len(part), at))
    if not rows:
        return np.empty(0, np.int64), np.empty(0)
    flat = np.concatenate(won)
    order = np.lexsort((np.concatenate(line), np.concatenate(turn), flat == 0))
    return np.concatenate(rows)[order], flat[order]
