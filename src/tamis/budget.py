"""How much may be selected: rows, a fraction or tokens, and quotas for groups of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.errors import UserError, nearest
from tamis.notation import parse

OTHERS = "*"
"""The group of a quota that holds for every group of the column that no other quota names."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The least and the most that one group of rows may have of a budget, in the budget's unit."""

    column: str  # a reference: source, script, band(of=length,edges=[50,200])
    group: str
    least: float = 0.0  # a share of the budget below 1 where `shares` says so, else rows or tokens
    most: float | None = None
    shares: tuple[bool, bool] = (False, False)

    @classmethod
    def parse(cls, text: str | Quota) -> Quota:
        """`source=alpaca:100..500`, `script=Han:20%..`, `source=*:..40%`, `script=Han:30%`."""
        if isinstance(text, Quota):
            return text
        left, colon, bounds = text.rpartition(":")
        depth = np.cumsum([(c in "([") - (c in ")]") for c in left])
        at = next((i for i, c in enumerate(left) if c == "=" and depth[i] == 0), -1)
        column, group = left[:at].strip(), left[at + 1 :].strip()
        low, dots, high = bounds.partition("..")
        if not colon or at < 1 or not group or not (low.strip() or high.strip()):
            raise UserError(
                f"quota {text!r} is not understood: write column=group:least..most, "
                "such as source=alpaca:100..500 or script=Han:20%.."
            )
        if not dots:
            high = low
        least, share = _bound(text, low) if low.strip() else (0.0, False)
        most, share_too = _bound(text, high) if high.strip() else (None, False)
        if most is not None and share == share_too and least > most:
            raise UserError(f"quota {text!r}: the least is above the most")
        return cls(str(parse(column)), group, least, most, (share, share_too))

    def __str__(self) -> str:
        low = _said(self.least, self.shares[0]) if self.least or self.most in (None, 0) else ""
        high = "" if self.most is None else _said(self.most, self.shares[1])
        same = low == high and low
        return f"{self.column}={self.group}:{low if same else f'{low}..{high}'}"

    def of(self, total: int) -> tuple[int, int | None]:
        """Least and most for a budget of so many rows or tokens; shares are rounded down."""
        least = int(self.least * (total if self.shares[0] else 1) + 1e-9)
        if self.most is None:
            return least, None
        return least, int(self.most * (total if self.shares[1] else 1) + 1e-9)


def _bound(text: str, bound: str) -> tuple[float, bool]:
    found = re.fullmatch(r"\s*([0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)\s*(%?)\s*", bound)
    if not found or (found[2] and float(found[1]) > 100):
        raise UserError(f"quota {text!r}: {bound.strip()!r} is neither a number nor at most 100%")
    value = float(found[1])
    if not found[2] and value != int(value):
        raise UserError(f"quota {text!r}: {bound.strip()!r} is not a whole number; add %")
    return (value / 100, True) if found[2] else (value, False)


def _said(bound: float, share: bool) -> str:
    return f"{bound * 100:.12g}%" if share else f"{bound:.0f}"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to select: exactly one of rows, a fraction of the rows read, or tokens."""

    count: int | None = None
    fraction: float | None = None
    tokens: int | None = None
    quotas: tuple[Quota, ...] = ()

    def __post_init__(self) -> None:
        given = [v for v in (self.count, self.fraction, self.tokens) if v is not None]
        if len(given) != 1:
            raise UserError("a budget is one of a count, a fraction or tokens")
        if not given[0] > 0 or (self.fraction is not None and self.fraction > 1):
            raise UserError(f"budget {self} is out of range: more than 0 rows and at most 100 %")

    @classmethod
    def parse(cls, text: str | int | float | Budget) -> Budget:
        """`1000` rows, `5%` or `0.05` of the rows, `200000tok` or `200ktok` tokens."""
        if isinstance(text, Budget):
            return text
        if isinstance(text, float):
            return cls(fraction=text)
        found = re.fullmatch(
            r"\s*([0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?|\.[0-9]+)\s*([km]?)\s*(%|tok|tokens|rows)?\s*",
            str(text),
            re.I,
        )
        if not found:
            raise UserError(
                f"budget {text!r} is not understood: write 1000 (rows), 5% or 200000tok (tokens)"
            )
        number, scale, unit = found.groups()
        # rounded: 32.3 * 1000 is 32299.999999999996
        value = round(float(number) * {"": 1, "k": 1e3, "m": 1e6}[scale.lower()], 6)
        if unit == "%" and not scale:
            return cls(fraction=value / 100)
        if (unit or "").lower().startswith("tok"):
            return cls(tokens=int(value))
        if "." in number and value <= 1 and not scale and unit is None:
            return cls(fraction=value)
        if unit == "%" or value != int(value):
            raise UserError(f"budget {text!r} is not a whole number of rows")
        return cls(count=int(value))

    def __str__(self) -> str:
        if self.tokens is not None:
            return f"{self.tokens}tok"
        return f"{self.fraction * 100:.12g}%" if self.fraction is not None else str(self.count)

    def of(self, rows: int) -> Budget:
        """The same budget, a fraction turned into rows of a pool of that size (rounded down)."""
        if self.fraction is None:
            return self
        # 1e-9: 0.07 * 100 is 7.000000000000001, and 0.29 * 100 is 28.999999999999996
        count = int(self.fraction * rows + 1e-9)
        if count == 0:
            raise UserError(f"{self} of {rows} rows is less than one row: ask for more")
        return replace(self, count=count, fraction=None)

    def within(self, quotas: Sequence[str | Quota]) -> Budget:
        """The same budget, its rows or tokens shared out within these quotas."""
        found = tuple(Quota.parse(q) for q in quotas)
        named = [(q.column, q.group) for q in found]
        for column, group in named:
            if named.count((column, group)) > 1:
                raise UserError(f"two quotas for {column}={group}: write one, least..most")
        return replace(self, quotas=found)


class Purse:
    """What is left of a budget while rows are drawn: rows or tokens, and the quotas of groups.

    A row is refused when its group has its most, or when taking it would leave too little to give
    every group its least. What is refused once stays refused, so nothing needs to be asked twice.
    """

    def __init__(
        self, budget: Budget, costs: NDArray[np.int64] | None, groups: Mapping[str, Sequence[Any]]
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
            Tally.of([q for q in budget.quotas if q.column == c], groups[c], total, self.costs)
            for c in columns
        ]

    def cost(self, row: int) -> int:
        """What a row costs, in the unit of the budget."""
        return 1 if self.costs is None else int(self.costs[row])

    def ends(self, row: int) -> bool:
        """Whether nothing more can be taken, or a row does not fit and no group waits for less."""
        if self.left < self.cheapest or not self.left:
            return True
        return self.cost(row) > self.left and not any(tally.owed for tally in self.tallies)

    def takes(self, row: int) -> bool:
        """Pays for a row if the quotas allow it."""
        cost = self.cost(row)
        if not all(tally.allows(row, cost, self.left) for tally in self.tallies):
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
    """How much each group of one column has, and how much its quotas still ask for."""

    column: str
    names: list[str]
    group: NDArray[np.int64]  # of each row, -1 where there is no label
    least: NDArray[np.int64]
    most: NDArray[np.int64]
    has: NDArray[np.int64]
    asked: set[int]  # groups that a quota bounds
    owed: int

    @classmethod
    def of(
        cls,
        quotas: Sequence[Quota],
        labels: Sequence[Any],
        total: int,
        costs: NDArray[np.int64] | None,
    ) -> Tally:
        """The quotas of one column; raises UserError for one that the rows cannot meet."""
        column = quotas[0].column
        names = sorted({str(label) for label in labels if label is not None})
        place = {name: i for i, name in enumerate(names)}
        group = np.array([-1 if x is None else place[str(x)] for x in labels], dtype=np.int64)
        least, most = np.zeros(len(names), np.int64), np.full(len(names), total, np.int64)
        weights = np.ones(len(group), np.int64) if costs is None else costs
        there = np.bincount(group[group >= 0], weights[group >= 0], len(names))
        named = {quota.group for quota in quotas} - {OTHERS}
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
        return cls(column, names, group, least, most, np.zeros_like(least), asked, int(least.sum()))

    def allows(self, row: int, cost: int, left: int) -> bool:
        """Whether a row of that cost fits its group's most and leaves enough for what is owed."""
        at = self.group[row]
        if at < 0:
            return left - cost >= self.owed
        if self.has[at] + cost > self.most[at]:
            return False
        return bool(left - cost >= self.owed - self._pays(at, cost))

    def count(self, row: int, cost: int) -> None:
        """Counts a row that was taken."""
        at = self.group[row]
        if at >= 0:
            self.owed -= self._pays(at, cost)
            self.has[at] += cost

    def _pays(self, at: int, cost: int) -> int:
        return min(cost, max(int(self.least[at] - self.has[at]), 0))

    def report(self) -> dict[str, dict[str, Any]]:
        """Of each group with a quota: what it has, its bounds, and whether its least is met."""
        return {
            f"{self.column}={name}": {
                "has": int(self.has[i]),
                "least": int(self.least[i]),
                "most": int(self.most[i]),
                "met": bool(self.has[i] >= self.least[i]),
            }
            for i, name in enumerate(self.names)
            if i in self.asked
        }
