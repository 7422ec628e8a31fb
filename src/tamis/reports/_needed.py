"""Which value of its score a row needs to be kept, all other rows being as they are.

The ranking without the row is walked through: a row that stands before pick p leaves what p picks
cost, and fits where its own cost still can be paid. The last such place says which value it has to
beat; equal values go by id. That is exact for rankings by one score without quotas; a bound of
`threshold` comes on top.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isfinite, isnan
from typing import Any

import numpy as np

from tamis.reports._replay import Made
from tamis.reports.opened import Selected
from tamis.run.plan import resolve
from tamis.types import Floats, Ints

RANKINGS = ("top_k", "bottom_k", "threshold")


@dataclass(frozen=True, slots=True)
class Needed:
    """The range of one score within which the row is kept.

    Args:
        score: its name
        value: what the row has; None where it has no value
        low: lower end of the range, None for none
        high: upper end
        low_itself: the end itself is enough
        high_itself: the same of the upper end
        missing: how far the value is from the range; 0 inside it, and at an end that is not enough
    """

    score: str
    value: float | None
    low: float | None = None
    high: float | None = None
    low_itself: bool = True
    high_itself: bool = True
    missing: float | None = None


def needed(one: Selected, how: Made, row: int, order: Ints, costs: Ints | None) -> Needed | None:
    """What a row needs; None where no single value decides, or none would do.

    Args:
        one: the run
        how: how it was selected
        row: position of the row
        order: all rows that can be picked, in pick order
        costs: tokens of each row where the budget is in tokens
    """
    if how.spec is None or how.spec.name not in RANKINGS or how.limit.quotas:
        return None
    params = resolve(how.spec, how.reference)
    values, others = one.values(params["by"]), order[order != row]
    rises = how.spec.name == "top_k" or params.get("first") == "high"
    value = float(values[row])
    whole = Needed(params["by"], None if isnan(value) else value, *_bounds(params))
    last = _last_place(row, others, how.total, costs)
    if last is None:
        return None
    if last < len(others):
        whole = _beating(whole, int(others[last]), row, values, one.ids, rises)
    return None if _is_empty(whole) else replace(whole, missing=_missing(whole))


def _last_place(row: int, others: Ints, total: int, costs: Ints | None) -> int | None:
    """How many of the others may stand before a row that the budget still has room for."""
    if costs is None:
        return total - 1 if len(others) >= total else len(others)
    before = np.concatenate([[0], np.cumsum(costs[others])])
    room = total - before
    fits = np.flatnonzero((room >= costs[row]) & (room > 0))
    return int(fits[-1]) if len(fits) else None


def _bounds(params: dict[str, Any]) -> tuple[float | None, float | None, bool, bool]:
    """Ends of the range that `threshold` allows, and whether they are in it."""
    low, high = params.get("at_least", -inf), params.get("at_most", inf)
    closed = params.get("closed", "both")
    return (
        low if isfinite(low) else None,
        high if isfinite(high) else None,
        closed in ("both", "left"),
        closed in ("both", "right"),
    )


def _beating(
    whole: Needed, other: int, row: int, values: Floats, ids: list[str], rises: bool
) -> Needed:
    """The range, narrowed to values that come before those of another row."""
    at, itself = float(values[other]), ids[row] < ids[other]
    if rises:
        return replace(whole, low=at, low_itself=itself)
    return replace(whole, high=at, high_itself=itself)


def _missing(whole: Needed) -> float | None:
    if whole.value is None:
        return None
    low = -inf if whole.low is None else whole.low
    high = inf if whole.high is None else whole.high
    return max(low - whole.value, whole.value - high, 0.0)


def _is_empty(whole: Needed) -> bool:
    """Whether no number lies in the range, as where equal values fill the budget."""
    if whole.low is None or whole.high is None:
        return False
    both = whole.low_itself and whole.high_itself
    return whole.low > whole.high or (whole.low == whole.high and not both)
