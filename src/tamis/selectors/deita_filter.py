"""DEITA's filter: the best rows by a score, none too similar to a better one that was chosen.

Formula: walk down the score, ties by id, and choose a row unless its cosine with a row chosen
before is above the threshold; stop when the budget is spent. A row that was passed over, by the
threshold or by a quota, stands in nobody's way.
Paper: arXiv:2312.15685, by complexity x quality of DEITA's scorers, threshold 0.9 (a similarity:
rows nearer than distance 0.1 go), last-token vectors of LLaMA-1-13B, 6,000 and 10,000 rows.
Official code does the same for batches of one; in larger batches a row that was rejected still
rejects later rows of its batch, and its `manhattan` metric rejects the rows that are far.
distilabel compares each row with its nearest neighbour in the whole pool instead, chosen or not, so
that both of two twins go, and takes 0.9 as a distance, which keeps next to nothing.
Here rows come in blocks: a matrix product with the rows chosen so far and one within the block;
only rows that conflict inside it are settled one by one. Cosines within 1e-6 of the threshold are
computed again in float64, so blocks change nothing. The chosen rows and a block are in memory,
whatever the pool; cost: m k d for m rows looked at and k chosen. 10,000 of a million rows of 384
dimensions in a float16 file, 13,882 looked at: 2 s.
The gain is the score. Rows passed over are told as dropped, "too similar to a chosen row". A zero
vector is similar to nothing. When all rows were looked at the selection ends and says so.
Oracle: methods.md S2; the loop row by row in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.selectors._rows import Picks, drawn, named, told, usable
from tamis.spec import selector
from tamis.types import ColumnName, Floats, Ints, Mask, Pool, Selection, Vectors
from tamis.vectors import Table

FIRST, BLOCK = 64, 512
"""Rows looked at together: few at first, then twice as many."""

_NEAR = 1e-6
_CHUNK = 4096


@selector(family="powerful-llm", paper="arXiv:2312.15685")
def deita_filter(
    pool: Pool,
    budget: Budget,
    *,
    by: ColumnName,
    of: ColumnName = "embedding",
    threshold: float = 0.9,
) -> Selection:
    """The best rows whose cosine with no better chosen row is above the threshold.

    Args:
        by: the score to walk down, highest first
        of: the vectors that are compared
        threshold: largest cosine allowed with a chosen row, a similarity: 0.9 means distance 0.1
    """
    if not 0 <= threshold <= 1:
        raise UserError(f"threshold {threshold} is no cosine to compare with: set 0 to 1, as 0.9")
    rows, dropped = usable(pool, scores=[by], vectors=[of])
    scores = pool.scores(by)[rows]
    order = np.argsort(-scores, kind="stable")
    rows, scores = rows[order], scores[order]

    def read(which: Ints, directions: bool) -> Vectors:
        return Table(pool, of, rows[which], directions=directions)[:]

    walk = Filter(read, scores, threshold)
    chosen = drawn(pool, budget, named(walk.picks(), rows), dropped)
    similar = walk.too_similar()
    info: dict[str, Any] = {"threshold": threshold, "looked_at": walk.looked_at()}
    info["too_similar"] = len(similar)
    if walk.ended:
        info["stopped"] = "no further row is below the threshold"
    if len(similar):
        dropped["too similar to a chosen row"] = np.sort(rows[similar])
    return told(chosen, **info)


class Filter:
    """A walk down rows sorted by score, and what it passed over."""

    def __init__(
        self, read: Callable[[Ints, bool], Vectors], scores: Floats, threshold: float
    ) -> None:
        self.ended = False
        self._read, self._scores, self._threshold = read, scores, threshold
        self._offered: list[int] = []
        self._chosen = np.empty(0, np.int64)
        self._vectors = np.empty((0, 0), np.float32)  # of the chosen rows, with room to grow

    def picks(self) -> Picks:
        """(row, score) of the rows that are similar to no chosen one."""
        start, size = 0, FIRST
        while start < len(self._scores):
            rows = np.arange(start, min(start + size, len(self._scores)))
            vectors = self._read(rows, True)
            keep = ~self._similar_to_chosen(rows, vectors)
            rows, vectors = rows[keep], vectors[keep]
            similar = self._similar_inside(rows, vectors)
            conflicts = np.asarray(similar.any(axis=1))
            free = np.ones(len(rows), bool)
            chosen: list[int] = []
            for at, row in enumerate(rows.tolist()):
                if not free[at]:
                    continue
                taken = yield row, float(self._scores[row])
                self._offered.append(row)
                if taken is False:
                    continue
                chosen.append(at)
                if conflicts[at]:
                    free &= ~similar[at]
            self._choose(rows[chosen], vectors[chosen])
            start, size = start + size, min(2 * size, BLOCK)
        self.ended = True

    def looked_at(self) -> int:
        """How many of the first rows are settled."""
        if self.ended:
            return len(self._scores)
        return self._offered[-1] + 1 if self._offered else 0

    def too_similar(self) -> Ints:
        """The settled rows that were not offered."""
        passed = np.ones(self.looked_at(), bool)
        passed[self._offered] = False
        return np.flatnonzero(passed).astype(np.int64)

    def _choose(self, rows: Ints, vectors: Vectors) -> None:
        if not len(rows):  # a quota refused them all
            return
        count, total = len(self._chosen), len(self._chosen) + len(rows)
        if total > len(self._vectors):
            grown = np.empty((2 * total, vectors.shape[1]), np.float32)
            grown[:count] = self._vectors[:count] if count else 0
            self._vectors = grown
        self._vectors[count:total] = vectors
        self._chosen = np.concatenate([self._chosen, rows])

    def _similar_to_chosen(self, rows: Ints, vectors: Vectors) -> Mask:
        """Which rows have a cosine above the threshold with a chosen one."""
        found = np.zeros(len(rows), bool)
        for start in range(0, len(self._chosen), _CHUNK):
            others = self._chosen[start : start + _CHUNK]
            cosines = vectors @ self._vectors[start : start + len(others)].T
            largest = cosines.max(axis=1)
            found |= largest > self._threshold + _NEAR
            unsure = np.flatnonzero(~found & (largest >= self._threshold - _NEAR))
            at, other = np.nonzero(cosines[unsure] >= self._threshold - _NEAR)
            above = self._exactly_above(rows[unsure[at]], others[other])
            found[unsure[at[above]]] = True
        return found

    def _similar_inside(self, rows: Ints, vectors: Vectors) -> Mask:
        """Of each pair of two of these rows whether its cosine is above the threshold."""
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -1)
        above = np.asarray(cosines > self._threshold + _NEAR)
        at, other = np.nonzero(~above & (cosines >= self._threshold - _NEAR))
        above[at, other] = self._exactly_above(rows[at], rows[other])
        return above

    def _exactly_above(self, rows: Ints, others: Ints) -> Mask:
        """The same for pairs of a row and another, in float64 from what is stored."""
        found = np.zeros(len(rows), bool)
        if self._threshold >= 1:  # a cosine is not above 1, whatever rounding says
            return found
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            one = self._read(rows[part], False).astype(np.float64)
            two = self._read(others[part], False).astype(np.float64)
            lengths = np.sqrt(np.square(one).sum(axis=1) * np.square(two).sum(axis=1))
            found[part] = np.einsum("ij,ij->i", one, two) > self._threshold * lengths
        return found
