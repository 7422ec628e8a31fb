"""Rows of groups in an order whose every prefix shares its places among them (`apportion.py`)."""

from __future__ import annotations

import numpy as np

from tamis.apportion import apportion
from tamis.types import Floats, Ints, Mask


def quota_order(
    labels: Ints,
    preferred: Ints,
    weights: Floats,
    *,
    minimum: int = 0,
    maximum: int = 0,
    late: Mask | None = None,
) -> Ints:
    """All rows so that every prefix shares its places among the groups by their weights.

    `labels` has the group of each row, `preferred` the rows in the order they should be taken
    inside a group; a group of weight 0 gets nothing, and none gets more than `maximum` if set.
    """
    sizes = np.bincount(labels, minlength=len(weights))
    grouped = preferred[np.argsort(labels[preferred], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    seats = np.where(weights > 0, np.minimum(sizes, maximum) if maximum else sizes, 0)
    group, seat = apportion(weights, seats, minimum=minimum, late=late)
    return np.asarray(grouped[starts[group] + seat], dtype=np.int64)
