"""Weights of several columns as shares of 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.errors import UserError
from tamis.types import Floats


def as_shares(method: str, weights: Sequence[float], count: int) -> Floats:
    """The weights divided by their sum; equal ones where none are given."""
    given = np.array(weights or [1.0] * count, np.float64)
    if len(given) != count:
        raise UserError(f"{method}: {len(given)} weights for {count} columns in of")
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise UserError(
            f"{method}: weights are at least 0 and not all 0, got {list(map(float, weights))}"
        )
    shares: Floats = given / given.sum()
    return shares
