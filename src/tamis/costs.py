"""What a method costs beside training on everything, and from when on it is the cheaper way.

Formulas, for seconds, tokens and money each by itself; S is scoring and selecting, T one training
on the subset, F one training on everything:
total = S + T; worth = (S + T) / F, in full trainings; selection = S / F.
Trainings: one selection serves r of them (other models, settings, seeds); S + r T < r F from
r = S / (F - T) on, the first whole number above. Never where F is not above T.
Epochs: if training grows with its epochs, S + T e / E < F e / E from e = E S / (F - T) on, E being
the epochs of the trainings measured.
Rows: if S and F grow with the rows N of the pool while the subset keeps its size, S + T < F from
N T / (F - S) rows on. Never where F is not above S: reading a row once for its score then costs as
much as training on it.
Assumed: costs in proportion, none to begin with. Set-level selectors grow faster than their rows,
and loading a model costs the same for any number, so far from what was measured the figures are
rough. Scores that several arms share are counted in each: an arm costs what it would alone. Tokens
are counted, not weighed: one that a judge reads is not one that is trained on, and only seconds on
the same machine and money can be set against each other.
Cheaper is not as good: `within` in effects.py says whether the subset's model is.
Oracle: by hand, and the smallest of counted numbers of trainings, epochs and rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import floor, inf, isfinite
from typing import Any, Literal

from tamis.errors import UserError

Unit = Literal["seconds", "tokens", "money"]
UNITS: tuple[Unit, ...] = ("seconds", "tokens", "money")


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took; money is None where it has no price."""

    seconds: float = 0.0
    tokens: float = 0.0
    money: float | None = 0.0

    def __post_init__(self) -> None:
        for unit in UNITS:
            value = self.of(unit)
            if value is not None and not (isfinite(value) and value >= 0):
                raise UserError(f"costs: {unit} is {value}; give a number of at least 0")

    def of(self, unit: Unit) -> float | None:
        """The cost in one unit."""
        value: float | None = getattr(self, unit)
        return value

    def __add__(self, other: Cost) -> Cost:
        known = self.money is not None and other.money is not None
        money = (self.money or 0.0) + (other.money or 0.0) if known else None
        return Cost(self.seconds + other.seconds, self.tokens + other.tokens, money)


@dataclass(frozen=True, slots=True)
class Spent:
    """What an arm took; training is one run, of as many epochs as the training on everything."""

    scoring: Cost = field(default_factory=Cost)
    selecting: Cost = field(default_factory=Cost)
    training: Cost = field(default_factory=Cost)

    @property
    def selection(self) -> Cost:
        """What comes before training."""
        return self.scoring + self.selecting

    @property
    def total(self) -> Cost:
        """Everything, once."""
        return self.selection + self.training


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From when on selecting is cheaper, in one unit; inf: never, None: not known."""

    worth: float | None  # of selecting and training, in trainings on everything
    selection: float | None  # of selecting alone, in trainings on everything
    trainings: float | None  # the whole number of them that one selection has to serve
    epochs: float | None  # of each training, above which it is cheaper at its first use
    rows: float | None  # of the pool, above which it is, for a subset of the same size

    def told(self) -> dict[str, Any]:
        """All of it as JSON takes it: null for what is not known."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: "never" if value == inf else value for name, value in named.items()}


@dataclass(frozen=True, slots=True)
class Line:
    """One arm of the table."""

    spent: Spent
    total: Cost
    break_even: Mapping[Unit, BreakEven]

    def told(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        parts = {
            "scoring": self.spent.scoring,
            "selecting": self.spent.selecting,
            "training": self.spent.training,
            "total": self.total,
        }
        even = {unit: found.told() for unit, found in self.break_even.items()}
        costs = {name: {unit: cost.of(unit) for unit in UNITS} for name, cost in parts.items()}
        return {**costs, "break_even": even}


def table(
    arms: Mapping[str, Spent], full: Cost, *, epochs: float = 1.0, rows: float = 0.0
) -> dict[str, Line]:
    """Totals of each arm and from when on it is cheaper than training on everything.

    Args:
        arms: what each arm took
        full: what one training on everything took
        epochs: of the trainings measured
        rows: of the pool; 0 where break-even in rows is not wanted
    """
    return {
        name: Line(
            spent=spent,
            total=spent.total,
            break_even={
                unit: break_even(
                    spent.selection.of(unit),
                    spent.training.of(unit),
                    full.of(unit),
                    epochs=epochs,
                    rows=rows,
                )
                for unit in UNITS
            },
        )
        for name, spent in arms.items()
    }


def break_even(
    selection: float | None,
    subset: float | None,
    full: float | None,
    *,
    epochs: float = 1.0,
    rows: float = 0.0,
) -> BreakEven:
    """From when on selecting and training on the subset is cheaper than training on everything.

    Args:
        selection: what scoring and selecting took, once; None where it is not known
        subset: what one training on the subset took
        full: what one training on everything took, in the same unit
        epochs: of the trainings measured
        rows: of the pool; 0 where break-even in rows is not wanted
    """
    if selection is None or subset is None or full is None:
        return BreakEven(None, None, None, None, None)
    saved = full - subset
    uses = selection / saved if saved > 0 else inf
    spare = full - selection
    return BreakEven(
        worth=(selection + subset) / full if full > 0 else None,
        selection=selection / full if full > 0 else None,
        trainings=floor(uses) + 1 if uses < inf else inf,
        epochs=epochs * uses,
        rows=(rows * subset / spare if spare > 0 else inf) if rows > 0 else None,
    )
