"""What separates two sets of rows: the probability that a row of one is above a row of the other.

AUC = (pairs with the row of the first set above + half of the equal ones) / pairs, by ranks. Its
variance is DeLong's: var(P) / m + var(Q) / n, where P is for each row of the first set the share of
the second below it, Q for each row of the second the share of the first above it, ties half. The
interval is Wilson's for a share of AUC (1 - AUC) / variance rows, with t of the smaller set's
degrees of freedom: it stays within 0 and 1, and where nothing overlaps (variance 0) it is that of
as many rows as the smaller set has. Rows are taken as drawn at random, each by itself; those of a
selection are not, so the interval says how firm a difference is, not how it would be elsewhere.
Oracle: the double loop over all pairs.
"""

from __future__ import annotations

from math import nan

import numpy as np

from tamis.intervals import Interval, student, wilson
from tamis.types import Floats


def auc(above: Floats, below: Floats) -> Interval:
    """How often a value of the first set is above one of the second, ties half, with its 95 %.

    NaN counts for nothing; where a set has no value all three numbers are NaN, and where one has a
    single value, or all values are equal, the ends are.
    """
    x, y = above[~np.isnan(above)], below[~np.isnan(below)]
    if not (len(x) and len(y)):
        return Interval(nan)
    p, q = _shares_below(x, np.sort(y)), 1 - _shares_below(y, np.sort(x))
    value, few = float(p.mean()), min(len(x), len(y))
    if few < 2:
        return Interval(value)
    variance = float(p.var(ddof=1)) / len(x) + float(q.var(ddof=1)) / len(y)
    if 0 < value < 1 and not variance > 0:  # all values are equal: nothing to tell it by
        return Interval(value)
    rows = value * (1 - value) / variance if variance > 0 else float(few)
    return wilson(value, rows, student(few - 1))


def _shares_below(values: Floats, ordered: Floats) -> Floats:
    """For each value the share of a sorted set below it, ties half."""
    low, high = np.searchsorted(ordered, values), np.searchsorted(ordered, values, "right")
    return np.asarray((low + high) / (2 * len(ordered)), np.float64)
