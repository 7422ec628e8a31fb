"""A number of seats shared out among groups by their weights: quotas, and selectors that share.

Formula: Sainte-Laguë. Seat s (from 0) of group g has priority weight_g / (2 s + 1), and seats are
given in falling priority. With whole numbers as weights equal priorities are equal floats, so ties
are real ties: the larger group is first, then the one with the lower number. There is no remainder
to hand out, because no quota is ever rounded; the seats of a group that has run out of rows go to
the others in proportion. Largest-remainder rounding, the usual way, does not nest: a larger budget
can take a row away from a group.
Bounds (Balinski and Young, Fair Representation): seats below a group's least come first, and none
is above its most. Tokens are shared out without rounding: weight x rate, held within the bounds.
Oracle: the divisor table by hand, a loop that gives one seat at a time, methods.md S3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Allocation = Literal["proportional", "equal", "square_root"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def weights_of(sizes: Ints, allocation: Allocation) -> Floats:
    """Weight of each group: its size, 1, or the square root of its size."""
    floats = sizes.astype(np.float64)
    if allocation == "equal":
        return np.ones_like(floats)
    return np.sqrt(floats) if allocation == "square_root" else floats


def apportion(
    weights: Floats,
    seats: Ints,
    *,
    minimum: int | Ints = 0,
    late: NDArray[np.bool_] | None = None,
) -> tuple[Ints, Ints]:
    """Group and seat number of every seat in the order given; group g gets at most seats[g].

    The first `minimum` seats of each group come before all others, a round at a time; the groups
    marked `late` come when the others have nothing left.
    """
    group = np.repeat(np.arange(len(seats)), seats)
    seat = np.arange(len(group)) - np.repeat(np.cumsum(seats) - seats, seats)
    first = np.broadcast_to(np.asarray(minimum, np.int64), len(seats))[group]
    rounds = np.where(seat < first, seat, first.max(initial=0))
    priority = weights[group] / (2 * seat + 1)
    last = np.zeros(len(group), bool) if late is None else late[group]
    order = np.lexsort((group, -seats[group], -priority, rounds, last))
    return group[order].astype(np.int64), seat[order].astype(np.int64)


def seats_of(weights: Floats, least: Ints, most: Ints, total: int) -> Ints:
    """How many of `total` rows each group gets; fewer together where `most` leaves no more."""
    room = np.minimum(most, total)
    group, _ = apportion(weights, room, minimum=np.minimum(least, room))
    return np.bincount(group[:total], minlength=len(weights)).astype(np.int64)


def shares_of(weights: Floats, least: Ints, most: Ints, total: int) -> Ints:
    """How many of `total` tokens each group gets, rounded down: weight x rate within its bounds."""
    low, high = np.minimum(least, most).astype(np.float64), most.astype(np.float64)
    if total >= high.sum():
        return most.astype(np.int64)
    safe = np.where(weights > 0, weights, np.nan)
    bends = np.concatenate([low / safe, high / safe])  # rates at which a group meets a bound
    rates = np.unique(np.append(bends[~np.isnan(bends)], 0.0))
    before, after = 0, len(rates) - 1
    while after - before > 1:
        middle = (before + after) // 2
        enough = _held(weights, low, high, rates[middle]).sum() >= total
        before, after = (before, middle) if enough else (middle, after)
    given, more = (_held(weights, low, high, rates[at]) for at in (before, after))
    step = more.sum() - given.sum()
    part = (total - given.sum()) / step if step > 0 else 0.0
    # 1e-6: a share of a whole number of tokens is that number
    return np.floor(given + max(part, 0.0) * (more - given) + 1e-6).astype(np.int64)


def _held(weights: Floats, low: Floats, high: Floats, rate: float) -> Floats:
    """Shares at a rate; a group without weight has its least."""
    return np.asarray(np.where(weights > 0, np.clip(weights * rate, low, high), low), np.float64)
