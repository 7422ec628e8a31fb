"""Isotonic regression: the rising steps that are nearest to y in squares, by pooling violators.

Oracle: scikit-learn's IsotonicRegression.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tamis.types import Floats


def isotonic(x: Floats, y: Floats) -> Callable[[Floats], Floats]:
    """What to expect of y at any x: rising, straight between the x seen, level beyond them."""
    if not len(x):
        return lambda at: np.zeros(len(at))
    knots, group, count = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(group, y) / count
    pools: list[tuple[float, int, int]] = []  # mean, weight, knots of each level
    for mean, weight in zip(means.tolist(), count.tolist(), strict=True):
        size = 1
        while pools and pools[-1][0] >= mean:
            other, more, knots_there = pools.pop()
            mean = (mean * weight + other * more) / (weight + more)
            weight, size = weight + more, size + knots_there
        pools.append((mean, weight, size))
    levels = np.repeat([mean for mean, _, _ in pools], [size for _, _, size in pools])
    return lambda at: np.asarray(np.interp(at, knots, levels), np.float64)
