"""The range that a score falls in, as a label: quotas by length, difficulty or anything.

Formula: with edges e1 < e2 < ..., "<e1" below the first, "e1-e2" from e1 up to but not including
e2, and ">=" from the last on. Without edges the pool is cut into `parts` ranges of equal numbers of
rows, q1 the lowest: range 1 + floor(parts * s), s the share of rows below, ties counted half. Equal
scores share a range, so many ties make ranges unequal.
The ranges of `parts` are relative to the pool, edges are not. A row without the score has no range.
For a quota: --quota "band(of=length,edges=[50,200])=50-200:30%..".
Oracle: ranges by hand, and a count of rows below in plain loops.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tamis.errors import UserError
from tamis.scorers._problems import carried
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Floats, Ints, Pool


@scorer(prefer="none", unit="label")
def band(pool: Pool, *, of: ColumnName, edges: tuple[float, ...] = (), parts: int = 4) -> Column:
    """The range of a score that a row is in: between edges, or quarters of the pool.

    Args:
        of: the score
        edges: where ranges begin, rising: [50,200] makes <50, 50-200 and >=200
        parts: how many ranges with as many rows each, where no edges are given
    """
    if parts < 1:
        raise UserError(f"parts is {parts}: set 1 or more")
    if not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise UserError(f"edges {list(edges)} do not rise: write each once, the smallest first")
    scores = pool.scores(of)
    missing = np.isnan(scores)
    there = scores[~missing]
    names = between(edges) if edges else [f"q{part + 1}" for part in range(parts)]
    found = np.zeros(len(scores), np.int64)
    found[~missing] = np.searchsorted(edges, there, "right") if edges else quantiles(there, parts)
    return Column.strings([names[place] for place in found], **carried(pool, [of]))


def between(edges: tuple[float, ...]) -> list[str]:
    """Names of the ranges that the edges cut."""
    said = [f"{edge:.12g}" for edge in edges]
    inner = [f"{low}-{high}" for low, high in pairwise(said)]
    return [f"<{said[0]}", *inner, f">={said[-1]}"]


def quantiles(scores: Floats, parts: int) -> Ints:
    """The range of each score, from 0; in whole numbers, as shares on a bound are common."""
    ranked = np.sort(scores)
    twice = np.searchsorted(ranked, scores, "left") + np.searchsorted(ranked, scores, "right")
    return np.asarray(parts * twice // (2 * max(len(scores), 1)), np.int64)
