"""How scores lie: shares below, histograms of the pool and of selections, rank correlations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from tamis.agreement import grades
from tamis.reports.facts import Matrix, Part
from tamis.types import Floats, Ints, Mask

BINS = 40
"""Columns of a histogram at most; a score with fewer different values has one for each."""
BEYOND = 0.005
"""The share of rows at each end that is counted into the first and the last column."""


def percentiles(values: Floats) -> Floats:
    """100 (share below + half of the share that is equal), among rows that have a value."""
    there = ~np.isnan(values)
    found = np.full(len(values), np.nan)
    if there.any():
        found[there] = 100 * grades(values[there])
    return found


def edges(values: Floats) -> Floats:
    """Where the columns of a histogram begin and end; `values` has no NaN and at least one row."""
    distinct = np.unique(values)
    if len(distinct) == 1:
        return np.array([distinct[0] - 0.5, distinct[0] + 0.5])
    if len(distinct) <= BINS:
        middles = (distinct[1:] + distinct[:-1]) / 2
        first = distinct[0] - (middles[0] - distinct[0])
        return np.array([first, *middles, distinct[-1] + (distinct[-1] - middles[-1])])
    low, high = np.quantile(values, [BEYOND, 1 - BEYOND])
    if low == high:
        low, high = distinct[0], distinct[-1]
    return np.linspace(low, high, BINS + 1)


def part(name: str, values: Floats, at: Floats) -> Part:
    """The rows of one set by column of the histogram; what lies beyond counts into its ends."""
    there = values[~np.isnan(values)]
    place = np.clip(np.searchsorted(at, there, "right") - 1, 0, len(at) - 2)
    counts = np.bincount(place, minlength=len(at) - 1)
    middle = float(np.median(there)) if len(there) else None
    return Part(name=name, rows=len(there), counts=counts.tolist(), median=middle)


def correlations(columns: Mapping[str, Floats]) -> Matrix | None:
    """Spearman's correlation of every two scores over the rows that have both."""
    names = list(columns)
    if len(names) < 2:
        return None
    there = {name: ~np.isnan(values) for name, values in columns.items()}
    whole = {name: _ranks(columns[name][there[name]]) for name in names}
    values: list[list[float | None]] = [[1.0] * len(names) for _ in names]
    for i, j in combinations(range(len(names)), 2):
        one, other = names[i], names[j]
        both = there[one] & there[other]
        ranks = [
            whole[name] if both.sum() == there[name].sum() else _ranks(columns[name][both])
            for name in (one, other)
        ]
        values[i][j] = values[j][i] = _pearson(*ranks)
    return Matrix(names=names, values=values)


def _ranks(values: Floats) -> Floats:
    return grades(values) if len(values) else values


def _pearson(x: Floats, y: Floats) -> float | None:
    """None where one of them is constant, or there are no rows."""
    if len(x) < 2:
        return None
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else None


def jaccard(names: Sequence[str], kept: Sequence[Mask]) -> Matrix:
    """|A and B| / |A or B| of every two selections."""
    return _each(names, kept, lambda a, b: int((a | b).sum()))


def shared(names: Sequence[str], kept: Sequence[Mask]) -> Matrix:
    """|A and B| / |A|, A the selection in the line and B the one in the column."""
    return _each(names, kept, lambda a, _: int(a.sum()))


def _each(names: Sequence[str], kept: Sequence[Mask], of: Callable[[Mask, Mask], int]) -> Matrix:
    values: list[list[float | None]] = [
        [int((a & b).sum()) / of(a, b) if of(a, b) else None for b in kept] for a in kept
    ]
    return Matrix(names=list(names), values=values)


def ranks(names: Sequence[str], places: Sequence[Ints]) -> Matrix:
    """Spearman's correlation of the ranks of rows that both selections picked."""
    picked = {
        name: np.where(rank < 0, np.nan, rank.astype(np.float64))
        for name, rank in zip(names, places, strict=True)
    }
    found = correlations(picked)
    return found or Matrix(names=list(names), values=[[1.0] for _ in names])
