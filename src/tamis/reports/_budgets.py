"""From which budget on a row is selected.

Without quotas a selection is the beginning of every larger one, so the place of a row in a larger
one says it: with as many rows it is in, with one less it is not. With quotas shares change with the
budget, and a row may come and go: what is found is one budget that has it while one less has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.errors import UserError
from tamis.reports._replay import Again
from tamis.types import Ints, Selection


@dataclass(frozen=True, slots=True)
class Reached:
    """From which budget on a row is in; `total` is None where none was found, and `why` says so.

    Args:
        total: the budget, in rows or tokens
        place: picks until the row is in, itself counted
        exact: no smaller budget has the row
        never: no budget has it
        why: a sentence, where there is more to say
    """

    total: int | None = None
    place: int | None = None
    exact: bool = True
    never: bool = False
    why: str = ""


def spent(costs: Ints | None, rows: Ints) -> int:
    """The smallest budget whose selection is exactly these first picks."""
    if costs is None:
        return len(rows)
    # a row without tokens is taken only while something is left
    return int(costs[rows].sum()) + int(costs[rows[-1]] == 0)


def whole(costs: Ints | None, rows: int) -> int:
    """The largest budget that makes a difference."""
    return rows if costs is None else int(costs.sum()) + 1


def reached(
    row: int, again: Again, picked: Sequence[int] | Ints, total: int, most: int, costs: Ints | None
) -> Reached:
    """The budget from which on `row` is in, for a method without quotas.

    Args:
        row: its position in the pool
        again: selects under another budget
        picked: what the run selected, which the larger selections must begin with
        total: the budget of the run
        most: one that takes every row there is to take
        costs: tokens of each row where budgets are in tokens
    """
    first = np.asarray(picked, np.int64)
    while True:
        found = again(total)
        begin = found.rows[: len(first)]
        if not np.array_equal(begin, first):
            return Reached(
                why="selecting again begins with other rows than the run has: its method, or what "
                "it depends on, has changed or goes by the budget; select again to compare"
            )
        at = np.flatnonzero(found.rows == row)
        if len(at):
            place = int(at[0]) + 1
            return Reached(spent(costs, found.rows[:place]), place)
        if total >= most:
            return Reached(never=True, why=_never(found, row))
        total = min(2 * total, most)


def reached_within_quotas(row: int, again: Again, kept: bool, total: int, most: int) -> Reached:
    """A budget that has `row` while one less has not, for a method with quotas."""
    without, has = (0, True) if kept else (total, False)
    while not has:
        if total >= most:
            return Reached(exact=False, why="none of the larger budgets that were tried has it")
        total = min(2 * without, most)
        places = _tried(row, again, total)
        if places is None:  # its quotas cannot be met: try less
            total, most = without, max(without, (without + total) // 2)
        elif places:
            has = True
        else:
            without = total
    while total - without > 1:
        middle = (total + without) // 2
        without, total = (without, middle) if _tried(row, again, middle) else (middle, total)
    why = "with quotas a row may come and go as the budget grows"
    place = next(iter(_tried(row, again, total) or []), None)
    return Reached(total, place, exact=False, why=why)


def _tried(row: int, again: Again, total: int) -> list[int] | None:
    """The place of a row under a budget, [] where it is not in; None: there is no such budget."""
    try:
        found = again(total)
    except UserError:
        return None
    return [int(at) + 1 for at in np.flatnonzero(found.rows == row)]


def _never(found: Selection, row: int) -> str:
    """Why a selection without a limit has not got a row."""
    for reason, rows in found.dropped.items():
        if row in rows:
            return reason
    return "the method never picks it"
