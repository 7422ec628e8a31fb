"""Ranks as quantiles: which share of the rows a row beats."""

from __future__ import annotations

import numpy as np

from tamis.types import Floats, Ints, Mask


def mid_quantiles(scores: Floats, group: Ints | None = None) -> Floats:
    """(rank - 0.5) / n among the rows of the same group, equal scores share their mean rank.

    NaN stays NaN and counts for nobody; so do rows of group -1. Without groups all rows are one.
    """
    kept = np.zeros(len(scores), np.int64) if group is None else group
    there = np.flatnonzero(~np.isnan(scores) & (kept >= 0))
    order = there[np.lexsort((scores[there], kept[there]))]
    found = np.full(len(scores), np.nan)
    if not len(order):
        return found
    value, of = scores[order], kept[order]
    changes = of[1:] != of[:-1]
    below, upto = _run(changes | (value[1:] != value[:-1]))
    start, end = _run(changes)
    found[order] = (below + upto - 2 * start) / (2 * (end - start))
    return found


def _run(changes: Mask) -> tuple[Ints, Ints]:
    """Where the run of equal entries begins that each of them is in, and where it ends."""
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(changes) + 1]])
    number = np.concatenate([[0], np.cumsum(changes)])
    return starts[number], starts[number + 1]
