"""How far several judges agree on the rows that they both rated, each number with its interval.

Formulas, for ratings x and y of n rows; F and G are their ranks over n, ties sharing the middle:
exact = share of x = y; within one = share of |x - y| <= 1; bias = mean of x - y.
Spearman = correlation of F and G. Kendall's tau-b = sum of concordant minus discordant pairs over
the root of (pairs not tied in x) (pairs not tied in y).
Quadratic kappa = 2 cov(x, y) / (var x + var y + (mean x - mean y)^2), variances over n: Cohen's
kappa with weights (x - y)^2, which needs no list of categories.
Krippendorff's alpha = 1 - (N - 1) A / (2 (N Q - S^2)) over the N ratings of rows rated by at least
two: S and Q are their sum and sum of squares, A the sum over rows of the squared differences of
ratings, each pair twice, over (ratings of the row - 1). Ordinal alpha is the same of the ranks of
all ratings together, as the ordinal distance of two ratings is that of their middle ranks.
Intervals: rows are taken as drawn at random, each by itself. Shares: Wilson. Bias: t. The others:
each row's influence on the number (the derivative by its weight, the change of ranks included)
gives the standard error, and Fisher's z the interval; no resampling, the same for any seed and in
n log n; degrees of freedom by how far out single rows are (`intervals.py`), as with judges who
rate nearly all rows 4 or 5 a few rows decide. Measured coverage: benchmarks/judge_simulations.py.
With fewer than 30 rows they are rough, and up to about 100 rows kappa and interval alpha of such
judges are: 88 to 96 in 100 hold the truth at 40 rows, 93 to 96 at 150.
A number is NaN where it is not defined (nobody rated both, or a judge gave one rating throughout),
and its ends are NaN where the rows show no spread: judges that agree on every row leave an interval
of exact agreement and none of kappa or bias.
Agreement is not truth: judges that share a fault agree on it.
Oracle: scipy (Spearman, Kendall), scikit-learn (kappa), Krippendorff's example of 4 observers and
12 units (ordinal 0.815, interval 0.849); the jackknife for standard errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from math import nan
from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.intervals import Interval, fisher, symmetric, wilson
from tamis.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Pair:
    """Two judges on the rows that both rated; `bias` above 0 says that `one` rates higher."""

    one: str
    other: str
    rows: int
    exact: Interval
    within_one: Interval
    bias: Interval
    spearman: Interval
    kendall: Interval
    kappa: Interval


@dataclass(frozen=True, slots=True)
class Agreement:
    """Every pair of judges, and all of them together on the rows that at least two rated."""

    rows: int
    pairs: tuple[Pair, ...]
    alpha_interval: Interval
    alpha_ordinal: Interval

    def told(self) -> dict[str, Any]:
        """All of it as JSON takes it, null for NaN."""
        pairs = [
            _told({f.name: getattr(pair, f.name) for f in fields(pair)}) for pair in self.pairs
        ]
        alphas = {"alpha_interval": self.alpha_interval, "alpha_ordinal": self.alpha_ordinal}
        return {"rows": self.rows, "pairs": pairs, **_told(alphas)}


def _told(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v.told() if isinstance(v, Interval) else v for name, v in named.items()}


def agreement(columns: Mapping[str, Floats]) -> Agreement:
    """The agreement of two or more columns of ratings of the same rows, NaN where there is none."""
    if len(columns) < 2:
        raise UserError(f"agreement is of two or more columns of ratings, and {len(columns)} given")
    lengths = {name: len(ratings) for name, ratings in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"the columns rate different rows: {lengths}")
    judges = {name: np.asarray(ratings, np.float64) for name, ratings in columns.items()}
    pairs = [compared(a, b, judges[a], judges[b]) for a, b in combinations(judges, 2)]
    table = np.column_stack(list(judges.values()))
    rated = table[(~np.isnan(table)).sum(axis=1) >= 2]
    interval, ordinal = (fisher(*alpha(rated, ranks)) for ranks in (False, True))
    return Agreement(len(rated), tuple(pairs), interval, ordinal)


def compared(one: str, other: str, x: Floats, y: Floats) -> Pair:
    """Two judges on the rows that both rated."""
    both = ~(np.isnan(x) | np.isnan(y))
    x, y = x[both], y[both]
    rows, apart = len(x), np.abs(x - y)
    if not rows:
        return Pair(one, other, 0, *[Interval(nan)] * 6)
    return Pair(
        one,
        other,
        rows,
        exact=wilson(float((apart == 0).mean()), rows),
        within_one=wilson(float((apart <= 1).mean()), rows),
        bias=symmetric(float((x - y).mean()), x - y),
        spearman=fisher(*spearman(x, y)),
        kendall=fisher(*kendall(x, y)),
        kappa=fisher(*kappa(x, y)),
    )


Found = tuple[float, Floats]
"""A number and the influence of each row on it."""
UNDEFINED: Found = (nan, np.empty(0))


def spearman(x: Floats, y: Floats) -> Found:
    """Spearman's correlation, ties sharing the middle rank."""
    u, v = grades(x) - 0.5, grades(y) - 0.5
    var_u, var_v, both = (u * u).mean(), (v * v).mean(), (u * v).mean()
    if not var_u * var_v > 0:
        return UNDEFINED
    scale = np.sqrt(var_u * var_v)
    value = both / scale
    by_u = (u * u - var_u + 2 * through_ranks(x, u)) / var_u
    by_v = (v * v - var_v + 2 * through_ranks(y, v)) / var_v
    shared = u * v - both + through_ranks(x, v) + through_ranks(y, u)
    return _within(value), shared / scale - value / 2 * (by_u + by_v)


def kendall(x: Floats, y: Floats) -> Found:
    """Kendall's tau-b in n log n."""
    rows = len(x)
    same_x, same_y, same_both = sizes(x), sizes(y), sizes(x, y)
    concordant = below_in_both(x, y) + below_in_both(-x, -y)
    discordant = rows - same_x - same_y + same_both - concordant
    agree, untied_x, untied_y = concordant - discordant, rows - same_x, rows - same_y
    mean_x, mean_y = untied_x.mean(), untied_y.mean()
    if not mean_x * mean_y > 0:
        return UNDEFINED
    scale = np.sqrt(mean_x * mean_y)
    value = agree.mean() / scale
    by_ties = untied_x / mean_x + untied_y / mean_y - 2
    return _within(value), 2 * ((agree - agree.mean()) / scale - value / 2 * by_ties)


def kappa(x: Floats, y: Floats) -> Found:
    """Cohen's kappa with quadratic weights, which is Lin's concordance."""
    u, v, bias = x - x.mean(), y - y.mean(), x.mean() - y.mean()
    both, apart = (u * v).mean(), (u * u).mean() + (v * v).mean() + bias**2
    if not apart > 0 or (x[0] == y[0] and not (np.ptp(x) or np.ptp(y))):
        return UNDEFINED
    value = 2 * both / apart
    moved = u * u + v * v + bias**2 - apart + 2 * bias * (u - v)
    return float(value), (2 * (u * v - both) - value * moved) / apart


def alpha(table: Floats, ranks: bool) -> Found:
    """Krippendorff's alpha of rows x judges, every row rated at least twice; of ranks: ordinal."""
    there = ~np.isnan(table)
    row = np.nonzero(there)[0]
    given = table[there]
    total, each = len(given), there.sum(axis=1).astype(np.float64)
    if not total:
        return UNDEFINED
    value_of = grades(given) if ranks else given - given.mean()
    sums = np.bincount(row, value_of, len(table))
    squares = np.bincount(row, value_of**2, len(table))
    within = 2 * (each * squares - sums**2) / (each - 1)
    s, q, a = sums.sum(), squares.sum(), within.sum()
    spread = total * q - s**2
    if not spread > 1e-12 * total * q:
        return UNDEFINED
    by_within, by_spread = -(total - 1) / (2 * spread), (total - 1) * a / (2 * spread**2)
    moved = by_within * within - each * a / (2 * spread)
    moved += by_spread * (each * q + total * squares - 2 * s * sums)
    if ranks:
        slope = by_within * 4 * (each[row] * value_of - sums[row]) / (each[row] - 1)
        slope += by_spread * 2 * (total * value_of - s)
        moved += np.bincount(row, through_ranks(given, slope), len(table))
    return float(1 + by_within * a), moved * len(table)


def _within(value: float) -> float:
    """A correlation of exactly 1 that rounding has moved."""
    return float(np.clip(value, -1.0, 1.0)) if abs(value) < 1 - 1e-12 else float(np.sign(value))


def sizes(*values: Floats) -> Ints:
    """How many rows have the same values as each row, itself among them."""
    group = np.zeros(len(values[0]), np.int64)
    for column in values:
        found, inverse = np.unique(column, return_inverse=True)
        group = group * len(found) + inverse
    _, group, count = np.unique(group, return_inverse=True, return_counts=True)
    return np.asarray(count[group], np.int64)


def grades(values: Floats) -> Floats:
    """The share of values below each, and half of those equal to it; 1/2 on average."""
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(count) - count / 2) / len(values))[group])


def through_ranks(values: Floats, slope: Floats) -> Floats:
    """How each row moves a number through the grades of all rows, given its slope by each grade."""
    _, group = np.unique(values, return_inverse=True)
    inside = np.bincount(group, slope)
    above = inside[::-1].cumsum()[::-1] - inside / 2
    return np.asarray((above[group] - slope @ grades(values)) / len(values))


def below_in_both(x: Floats, y: Floats) -> Ints:
    """For each row the number of rows with a smaller x and a smaller y.

    Rows stand in the order of x. Bit by bit of y's rank from the highest, rows whose higher bits
    are equal stand together, and each with the bit set counts those before it without.
    """
    order = np.lexsort((-y, x))  # of rows equal in x, none is counted for another
    rank = np.unique(y, return_inverse=True)[1][order].astype(np.int64)
    place, found = np.arange(len(x)), np.zeros(len(x), np.int64)
    for bit in range(int(rank.max(initial=0)).bit_length() - 1, -1, -1):
        prefix, low = rank[place] >> (bit + 1), (rank[place] >> bit & 1) == 0
        begins = np.flatnonzero(np.diff(prefix, prepend=-1))
        size = np.diff(begins, append=len(prefix))
        first, lows = np.repeat(begins, size), np.repeat(np.add.reduceat(low, begins), size)
        before = np.cumsum(low) - low
        before -= before[first]
        found[place] += np.where(low, 0, before)
        highs = np.arange(len(prefix)) - first - before
        moved = np.empty_like(place)
        moved[first + np.where(low, before, lows + highs)] = place
        place = moved
    counted = np.empty(len(x), np.int64)
    counted[order] = found
    return counted
