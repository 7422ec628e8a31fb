"""What is left of a budget while rows are drawn: rows or tokens, and the quotas of groups.

A group of a column whose quota is an allocation has seats: Sainte-Laguë by the sizes of the groups,
within the bounds of further quotas of that column. In a budget of rows each group gets exactly its
seats. In a budget of tokens whole rows do not fill a share exactly: the first row that does not fit
what is left of it closes the group, so that a row more would be too many; a row larger than the
whole share is passed over and closes nothing. Seats are never counted on rows that cannot be
picked: they go to the other groups, and rows without a label have what all groups leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.apportion import seats_of, shares_of, weights_of
from tamis.budget import OTHERS, Budget, Quota, sizes
from tamis.errors import UserError, nearest

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Purse:
    """What is left of a budget, and which rows may be paid for.

    A row is refused when its group has its most, or when taking it would leave too little to give
    every group its least. What is refused once stays refused, so nothing needs to be asked twice.

    Args:
        budget: rows or tokens, with quotas
        costs: tokens of each row where the budget is in tokens
        groups: the labels of the rows, for each column of the quotas
        pickable: rows that may be drawn; None where all may
    """

    def __init__(
        self,
        budget: Budget,
        costs: Ints | None,
        groups: Mapping[str, Sequence[Any]],
        pickable: Mask | None = None,
    ) -> None:
        if budget.tokens is not None and costs is None:
            raise UserError(
                "a budget in tokens needs the tokens of each row: set costs on the pool"
            )
        total = budget.tokens if budget.tokens is not None else budget.count
        if total is None:
            raise UserError("a fraction is of something: call Budget.of(rows) first")
        self.left = total
        self.costs = costs if budget.tokens is not None else None
        self.cheapest = 1 if self.costs is None else int(self.costs.min(initial=total))
        columns = dict.fromkeys(quota.column for quota in budget.quotas)
        self.tallies = [
            Tally.of(
                [q for q in budget.quotas if q.column == c], groups[c], total, self.costs, pickable
            )
            for c in columns
        ]

    def cost(self, row: int) -> int:
        """What a row costs, in the unit of the budget."""
        return 1 if self.costs is None else int(self.costs[row])

    def ends(self, row: int) -> bool:
        """Whether nothing more can be taken, or a row does not fit and no group waits for less."""
        if self.left < self.cheapest or not self.left:
            return True
        if any(not tally.room for tally in self.tallies):
            return True
        return self.cost(row) > self.left and not any(tally.owed for tally in self.tallies)

    def takes(self, row: int) -> bool:
        """Pays for a row if the quotas allow it."""
        cost = self.cost(row)
        against = [tally for tally in self.tallies if not tally.allows(row, cost, self.left)]
        if against:
            if len(against) == 1:
                against[0].refuse(row, cost)
            return False
        self.left -= cost
        for tally in self.tallies:
            tally.count(row, cost)
        return True

    def report(self) -> dict[str, dict[str, Any]]:
        """What each group with a quota has, and its bounds."""
        return {key: value for tally in self.tallies for key, value in tally.report().items()}


@dataclass(slots=True)
class Tally:
    """How much each group of one column has, and how much its quotas still ask for.

    The last entry of each array is that of the rows without a label.

    Args:
        column: where the labels are from
        names: of the groups
        group: of each row
        least: what is kept for each group
        most: what no group exceeds
        has: what each has
        full: groups that get no more
        bound: what quotas by name ask for, be it there or not
        there: what could be picked of each group
        sizes: by which the budget is shared; None without an allocation
        asked: groups that a quota bounds
        owed: what the groups together still miss of their least
        closes: a row that does not fit closes its group
    """

    column: str
    names: list[str]
    group: Ints
    least: Ints
    most: Ints
    has: Ints
    full: Mask
    bound: Ints
    there: Ints
    sizes: Ints | None
    asked: set[int]
    owed: int
    closes: bool

    @classmethod
    def of(
        cls,
        quotas: Sequence[Quota],
        labels: Sequence[Any],
        total: int,
        costs: Ints | None,
        pickable: Mask | None = None,
    ) -> Tally:
        """The quotas of one column; raises UserError for one that the rows cannot meet."""
        column = quotas[0].column
        allocation = next((quota for quota in quotas if quota.allocation), None)
        known = dict(allocation.sizes or sizes(labels, costs)) if allocation else {}
        names = sorted({*known, *(str(label) for label in labels if label is not None)})
        place = {name: i for i, name in enumerate(names)}
        last = len(names)
        group = np.array([last if x is None else place[str(x)] for x in labels], dtype=np.int64)
        weights = np.ones(len(group), np.int64) if costs is None else costs
        every = np.bincount(group, weights, last + 1).astype(np.int64)
        there = every if pickable is None else _summed(group, weights, pickable, last + 1)
        bounds = [quota for quota in quotas if not quota.allocation]
        bound, most, asked = _bounds(column, bounds, names, every, total)
        least, shared = bound, None
        if allocation:
            asked = set(range(last + 1 if every[last] else last))
            shared = np.array([known.get(name, 0) for name in names], np.int64)
            least = _seats(allocation, shared, bound, np.minimum(most, there), total, costs)
            most = least.copy()
            most[last] = total - int(least.sum())
        most[last] = most[last] if every[last] else 0
        return cls(
            column=column,
            names=names,
            group=group,
            least=least,
            most=most,
            has=np.zeros_like(least),
            full=most <= 0,
            bound=bound,
            there=there,
            sizes=shared,
            asked=asked,
            owed=int(least.sum()),
            closes=allocation is not None and costs is not None,
        )

    @property
    def room(self) -> bool:
        """Whether any group may have more."""
        return not self.full.all()

    def allows(self, row: int, cost: int, left: int) -> bool:
        """Whether a row of that cost fits its group's most and leaves enough for what is owed."""
        at = self.group[row]
        if self.full[at] or self.has[at] + cost > self.most[at]:
            return False
        return bool(left - cost >= self.owed - self._pays(at, cost))

    def refuse(self, row: int, cost: int) -> None:
        """Hears that a row was refused for these quotas alone."""
        at = self.group[row]
        if self.closes and cost <= self.most[at] and not self.full[at]:
            self.owed -= max(int(self.least[at] - self.has[at]), 0)
            self.full[at] = True

    def count(self, row: int, cost: int) -> None:
        """Counts a row that was taken."""
        at = self.group[row]
        self.owed -= self._pays(at, cost)
        self.has[at] += cost
        self.full[at] = self.has[at] >= self.most[at]

    def _pays(self, at: int, cost: int) -> int:
        return min(cost, max(int(self.least[at] - self.has[at]), 0))

    def report(self) -> dict[str, dict[str, Any]]:
        """Of each group with a quota: what it has, its bounds, and whether its least is met.

        With an allocation also its size, and how much of it could be picked.
        """
        told = [f"{self.column}={name}" for name in self.names]
        told.append(f"{self.column} without a label")
        return {told[i]: self._told(i) for i in sorted(self.asked)}

    def _told(self, at: int) -> dict[str, Any]:
        has, least, closed = int(self.has[at]), int(self.least[at]), bool(self.full[at])
        met = has >= self.bound[at] and (has >= least or (self.closes and closed))
        told = {"has": has, "least": least, "most": int(self.most[at]), "met": bool(met)}
        if self.sizes is None:
            return told
        size = int(self.sizes[at]) if at < len(self.sizes) else int(self.there[at])
        return {**told, "size": size, "can_be_picked": int(self.there[at])}


def _summed(group: Ints, weights: Ints, rows: Mask, groups: int) -> Ints:
    return np.bincount(group[rows], weights[rows], groups).astype(np.int64)


def _bounds(
    column: str, quotas: Sequence[Quota], names: Sequence[str], there: Ints, total: int
) -> tuple[Ints, Ints, set[int]]:
    """Least and most of each group, and those that a quota bounds; UserError for what cannot be."""
    least, most = np.zeros(len(names) + 1, np.int64), np.full(len(names) + 1, total, np.int64)
    named = {quota.group for quota in quotas} - {OTHERS}
    place = {name: i for i, name in enumerate(names)}
    asked: set[int] = set()
    for quota in quotas:
        low, high = quota.of(total)
        if quota.group != OTHERS and quota.group not in place:
            raise UserError(f"quota {quota}: no row has it; {nearest(quota.group, names)}")
        others = [i for i, name in enumerate(names) if name not in named]
        which = others if quota.group == OTHERS else [place[quota.group]]
        asked.update(which)
        for i in which:
            least[i], most[i] = low, total if high is None else high
            if least[i] > min(there[i], most[i]):
                raise UserError(
                    f"quota {quota} asks for {low:,} of {column}={names[i]}, and only "
                    f"{min(int(there[i]), int(most[i])):,} can be had: ask for less"
                )
    if least.sum() > total:
        raise UserError(
            f"the quotas on {column} ask for {least.sum():,} together, and the budget is "
            f"{total:,}: ask for less or raise the budget"
        )
    return least, most, asked


def _seats(
    quota: Quota, known: Ints, least: Ints, most: Ints, total: int, costs: Ints | None
) -> Ints:
    """Seats of each group, in rows or tokens; none for rows without a label."""
    assert quota.allocation is not None
    weights = weights_of(known, quota.allocation)
    share = seats_of if costs is None else shares_of
    found = share(weights, least[:-1], most[:-1], total)
    return np.append(found, 0).astype(np.int64)
