"""Greedy k-center: always the row farthest from all that were picked.

Formula: argmax_i min_{c in picked} |x_i - x_c|_2 (Gonzalez 1985; core-set selection,
arXiv:1708.00489); the radius it leaves is at most twice the best possible for as many picks.
Used by MoDS (arXiv:2311.15653), DiverseEvol (arXiv:2311.08182), WaveCoder (arXiv:2312.14187).
Official codes build the n x n matrix, take the root of a negative rounding error, fail an
assertion on duplicates, or leave the first centre out of the subset. Here: a running minimum
(n k d time, n floats), clamped at 0, the first centre is picked like any other, ties by id, and
rows that float32 cannot tell from a picked one are never picked: when only such rows are left the
selection ends and says "no further distinct points".
The gain is the row's distance when it was picked, so the next row's gain is the covering radius
of a prefix; the radius of the whole selection is in the manifest. The first row, which has nothing
to be far from, has the radius that it leaves.
Caution: the farthest rows are the oddest ones (MoDS and DEITA rank by quality before); `cover`
does not chase outliers, and its card has the comparison.
Oracle: methods.md K1 and K2; the n x n form; at most twice the best radius by brute force.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.selectors._rows import usable
from tamis.selectors.random import uniform
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, Vectors

_SAME = 1e-6  # of the largest squared norm: what rounding leaves between equal float32 rows


@dataclass(slots=True)
class Walk:
    """Where a farthest-first walk stands: its covering radius, and whether it has ended."""

    radius: float = float("inf")
    ended: bool = False


@selector(family="beyond", paper="arXiv:1708.00489")
def k_center(
    pool: Pool,
    budget: Budget,
    *,
    of: ColumnName = "embedding",
    start: Literal["random", "middle"] = "random",
    seed: int = 0,
) -> Selection:
    """The row farthest from those picked so far, again and again; the gain is its distance.

    Args:
        of: the vectors to spread over
        start: the first row: drawn by the seed, or the one nearest to the mean
        seed: another seed gives another first row
    """
    rows, dropped = usable(pool, vectors=[of])
    vectors = pool.vectors(of)[rows]
    walk = Walk()
    picks: Iterator[tuple[int, float]] = iter(())
    if len(rows):
        if start == "random":
            first = int(uniform(pool.ids[rows].tolist(), seed).argmin())
        else:
            mean = vectors.mean(axis=0, dtype=np.float64)
            first = int(np.square(vectors - mean.astype(np.float32)).sum(axis=1).argmin())
        picks = farthest_first(vectors, [first], walk)
    chosen = Selection.take(pool, budget, ((int(rows[i]), gain) for i, gain in picks))
    info: dict[str, Any] = {"radius": walk.radius} if len(chosen) else {}
    if walk.ended:
        info["stopped"] = "no further distinct points"
    return replace(chosen, info=info, dropped=dropped)


def farthest_first(
    vectors: Vectors, start: Sequence[int], walk: Walk, *, given: bool = False
) -> Iterator[tuple[int, float]]:
    """(row, distance) of the start and then of each farthest row; `walk` has the radius so far.

    Where the start is `given`, a subset chosen earlier, its rows are walked from but not yielded.
    """
    norms = np.einsum("ij,ij->i", vectors, vectors)
    same = _SAME * max(float(norms.max()), 1e-30)
    nearest = np.full(len(vectors), np.inf, np.float32)
    buffer = np.empty_like(nearest)

    def add(row: int) -> int:
        """Picks a row; returns the one that is now the farthest."""
        np.dot(vectors, vectors[row], out=buffer)
        np.multiply(buffer, -2, out=buffer)
        np.add(buffer, norms, out=buffer)
        np.add(buffer, norms[row], out=buffer)
        np.minimum(nearest, buffer, out=nearest)
        nearest[row] = 0
        far = int(nearest.argmax())
        walk.radius = float(np.sqrt(nearest[far])) if nearest[far] > same else 0.0
        return far

    for row in start:
        reached = float(np.sqrt(max(float(nearest[row]), 0)))
        far = add(row)
        if not given:
            yield row, (walk.radius if np.isinf(reached) else reached)
    while walk.radius > 0:
        reached, row = walk.radius, far
        far = add(row)
        yield row, reached
    walk.ended = True
