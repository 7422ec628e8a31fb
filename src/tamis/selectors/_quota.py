"""Seats for groups, one at a time, so that every prefix is an allocation of its own size.

Formula: Sainte-Laguë. Seat s (from 0) of group g has priority weight_g / (2 s + 1), and seats are
given in falling priority. With whole numbers as weights equal priorities are equal floats, so ties
are real ties: the larger group is first, then the one with the lower number. There is no remainder
to hand out, because no quota is ever rounded; the seats of a group that has run out of rows go to
the others in proportion. Largest-remainder rounding, the usual way, does not nest: a larger budget
can take a row away from a group.
Oracle: the divisor table by hand, a loop that gives one seat at a time, methods.md S3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.types import Floats, Ints, Mask

Allocation = Literal["proportional", "equal", "square_root"]


def weights_of(sizes: Ints, allocation: Allocation) -> Floats:
    """Weight of each group: its size, 1, or the square root of its size."""
    floats = sizes.astype(np.float64)
    if allocation == "equal":
        return np.ones_like(floats)
    return np.sqrt(floats) if allocation == "square_root" else floats


def apportion(
    weights: Floats, seats: Ints, *, minimum: int = 0, late: Mask | None = None
) -> tuple[Ints, Ints]:
    """Group and seat number of every seat in the order given; group g gets at most seats[g].

    The first `minimum` seats of each group come before all others, a round at a time; the groups
    marked `late` come when the others have nothing left.
    """
    group = np.repeat(np.arange(len(seats)), seats)
    seat = np.arange(len(group)) - np.repeat(np.cumsum(seats) - seats, seats)
    priority = weights[group] / (2 * seat + 1)
    last = np.zeros(len(group), bool) if late is None else late[group]
    order = np.lexsort((group, -seats[group], -priority, np.minimum(seat, minimum), last))
    return group[order].astype(np.int64), seat[order].astype(np.int64)


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
