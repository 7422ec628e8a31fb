"""Round robin over a target set: each of its rows in turn takes the row that is most like it.

Formula: similarity = cosine of a target row and a row of the pool; the target rows, by id, take
turns, and in its turn each takes its most similar row that nobody has taken. `combine=max` or
`mean` makes one ranking by the largest or the mean similarity instead. With `tasks`, a label column
of the target set, tasks take turns, and a task's similarity to a row is the largest (or, with
`combine=mean`, the mean) over its target rows. The gain is the similarity.
Paper: RDS+, "Large-Scale Data Selection for Instruction Tuning" (arXiv:2503.01807). Its vectors are
last-layer hidden states of the base model over the whole conversation, token i of T weighted by
i / (1 + ... + T): a vectors column, and `of` names any.
Official code lets a query pop the head of its list even where another has taken that row, so that
the turn is lost, and returns the rows of a set in no order; here a turn always takes a row and rows
come in the order of the turns, so subsets nest. A row that a quota refuses is struck off for
everybody, and whose turn it is takes the next best.
Cost: products of all target rows with all rows, in blocks; each query keeps its best 16 n / queries
rows, 16 n in all, and computes its row of similarities again where they are used up. Similarities
within a millionth are ties and go by id.
Oracle: methods.md R2; the loop over the whole matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._rows import Picks, drawn, named, usable
from tamis.spec import selector
from tamis.types import ColumnName, Ints, Mask, Pool, Selection, Vectors
from tamis.vectors import Part, Table, distinct, same_width, slices

LEAST, KEPT = 64, 16
"""How many rows a query keeps at least, and how many all queries keep for each row of the pool."""


@selector(family="beyond", paper="arXiv:2503.01807")
def round_robin(
    pool: Pool,
    budget: Budget,
    target: Pool,
    *,
    of: ColumnName = "embedding",
    combine: Literal["round_robin", "max", "mean"] = "round_robin",
    tasks: ColumnName = "",
) -> Selection:
    """Each target row in turn takes the row most like it; the gain is their cosine.

    Args:
        of: the vectors to compare
        combine: round_robin: each target row takes in turn; max, mean: one ranking by the largest
            or the mean similarity to the target rows
        tasks: label column of the target set; tasks take turns, by their largest similarity, or by
            their mean one with combine=mean
    """
    rows, dropped = usable(pool, vectors=[of])
    asked, _ = usable(target, vectors=[of], labels=tasks)
    if not len(rows):
        return drawn(pool, budget, (), dropped)
    if not len(asked):
        raise UserError(
            f"round_robin: no row of the target set has a value in {of} {tasks}".strip()
        )
    groups = [np.arange(len(asked))]
    if tasks:
        labels = np.array([str(label) for label in target.labels(tasks)])[asked]
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    elif combine == "round_robin":
        groups = [np.array([query]) for query in range(len(asked))]
    table = Table(pool, of, rows, directions=True)
    queries = Table(target, of, asked, directions=True)
    same_width(table, queries, of)
    if combine == "mean":
        takers = [_mean(queries, group)[None] for group in groups]
    else:
        takers = [queries[group] for group in groups]
    takes = Similarities(table, takers)
    told = {"queries": len(asked), "turns": len(takers)}
    return drawn(pool, budget, named(turns(takes), rows), dropped, **told)


def _mean(queries: Table, group: Ints) -> Vectors:
    """The mean of unit vectors, whose products are mean cosines."""
    return np.asarray(queries[group].mean(axis=0, dtype=np.float64), np.float32)


class Similarities:
    """What each taker, one or more vectors, thinks of each row; equal rows are thought equal of."""

    def __init__(self, table: Table, takers: list[Vectors]) -> None:
        first, self._which = distinct(table)
        self._table, self._takers = Part(table, first), takers

    def __len__(self) -> int:
        return len(self._takers)

    @property
    def rows(self) -> int:
        return len(self._which)

    def each(self) -> Iterator[Vectors]:
        """The similarities of each taker, computed for a few takers at a time."""
        for part in slices(len(self), self.rows):
            yield from self[part]

    def __getitem__(self, part: slice) -> Vectors:
        """The largest similarity to a vector of each taker, rounded, shape (takers, rows)."""
        takers = self._takers[part]
        starts = np.cumsum([0, *(len(vectors) for vectors in takers[:-1])])
        found = np.empty((len(takers), len(self._table)), np.float32)
        vectors = np.concatenate(takers)
        for rows in slices(len(self._table), max(len(vectors), self._table.dimensions)):
            found[:, rows] = np.maximum.reduceat(vectors @ self._table[rows].T, starts, axis=0)
        return np.asarray(np.round(found, 6)[:, self._which])


def turns(similarities: Similarities) -> Picks:
    """(row, similarity) of the takers' picks, in turn, as long as there are rows."""
    count = similarities.rows
    left = np.ones(count, bool)
    keep = max(LEAST, KEPT * count // len(similarities))
    lists = [_best(found, left, keep) for found in similarities.each()]

    def best(taker: int) -> tuple[int, float]:
        for row, similarity in lists[taker]:
            if left[row]:
                return row, similarity
        lists[taker] = _best(similarities[taker : taker + 1][0], left, keep)
        return next(lists[taker])

    for taker in cycle(range(len(similarities))):
        taken: bool | None = False
        while taken is False:
            if not count:
                return
            row, similarity = best(taker)
            left[row], count = False, count - 1
            taken = yield row, similarity


def _best(found: Vectors, left: Mask, keep: int) -> Iterator[tuple[int, float]]:
    """The rows that are left with the largest similarity, ties by position."""
    rows = np.flatnonzero(left)
    if len(rows) > keep:
        bound = -np.partition(-found[rows], keep - 1)[keep - 1]
        rows = rows[found[rows] >= bound]
    rows = rows[np.argsort(-found[rows], kind="stable")[:keep]]
    # arrays, not lists: a tenth of the memory
    return ((int(row), float(value)) for row, value in zip(rows, found[rows], strict=True))
