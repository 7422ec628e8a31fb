"""How much may be selected: rows, a fraction or tokens, and quotas for groups of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tamis.apportion import Allocation
from tamis.errors import UserError, nearest
from tamis.notation import parse

OTHERS = "*"
"""The group of a quota that holds for every group of the column that no other quota names."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The least and the most that one group of rows may have of a budget, in the budget's unit.

    With an `allocation` every group of the column has a share instead, by its size.
    """

    column: str  # a reference: source, script, band(of=length,edges=[50,200])
    group: str
    least: float = 0.0  # a share of the budget below 1 where `shares` says so, else rows or tokens
    most: float | None = None
    shares: tuple[bool, bool] = (False, False)
    allocation: Allocation | None = None
    sizes: tuple[tuple[str, int], ...] = ()  # of the groups, where they are known: see `sized`

    @classmethod
    def parse(cls, text: str | Quota) -> Quota:
        """`source=alpaca:100..500`, `script=Han:20%..`, `source=*:..40%`, `language=*:equal`."""
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
                "such as source=alpaca:100..500 or script=Han:20%.., or column=*:proportional"
            )
        if not dots and bounds.strip()[:1].isalpha():
            return cls(str(parse(column)), group, allocation=_allocation(text, group, bounds))
        if not dots:
            high = low
        least, share = _bound(text, low) if low.strip() else (0.0, False)
        most, share_too = _bound(text, high) if high.strip() else (None, False)
        if most is not None and share == share_too and least > most:
            raise UserError(f"quota {text!r}: the least is above the most")
        return cls(str(parse(column)), group, least, most, (share, share_too))

    def __str__(self) -> str:
        if self.allocation:
            return f"{self.column}={self.group}:{self.allocation}"
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


def _allocation(text: str, group: str, given: str) -> Allocation:
    known: dict[str, Allocation] = {name: name for name in get_args(Allocation)}
    name = given.strip().replace("-", "_")
    if name not in known:
        raise UserError(f"quota {text!r}: {given.strip()!r} is no number; {nearest(name, known)}")
    if group != OTHERS:
        raise UserError(f"quota {text!r}: {name} shares among all groups: write * for {group!r}")
    return known[name]


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
        named = [(q.column, q.group, q.allocation is not None) for q in found]
        for column, group, _ in named:
            if named.count((column, group, _)) > 1:
                raise UserError(f"two quotas for {column}={group}: write one, least..most")
        return replace(self, quotas=found)

    def sized(self, groups: Mapping[str, Sequence[Any]], costs: NDArray[np.int64] | None) -> Budget:
        """The same budget, shares by the sizes that these rows give to groups, if not known yet.

        What is selected from later, such as rows that passed a filter, does not change them.

        Args:
            groups: the labels of all rows, by column
            costs: tokens of each row where the budget is in tokens
        """
        unit = costs if self.tokens is not None else None
        found = [
            replace(q, sizes=sizes(groups[q.column], unit)) if q.allocation and not q.sizes else q
            for q in self.quotas
        ]
        return replace(self, quotas=tuple(found))

    @property
    def allocates(self) -> bool:
        """Whether a quota shares the budget by the sizes of groups."""
        return any(quota.allocation for quota in self.quotas)


def sizes(
    labels: Sequence[Any], costs: NDArray[np.int64] | None = None
) -> tuple[tuple[str, int], ...]:
    """Each group and its rows, or tokens where there are costs; no label is in no group."""
    there = np.array([label is not None for label in labels], bool)
    names = np.array([str(label) for label in labels if label is not None], dtype=object)
    found, place = np.unique(names, return_inverse=True)
    weights = None if costs is None else costs[there]
    counts = np.bincount(place, weights, len(found)).astype(np.int64)
    return tuple(zip(found.tolist(), counts.tolist(), strict=True))
