"""Ordinary least squares with what a reader needs to doubt it: errors, collinearity, R^2 left out.

Formulas: b minimises |y - X b|^2, X with a column of ones; s^2 = |y - X b|^2 / (n - p) for p
coefficients; the covariance of b is s^2 (X'X)^-1. `inflation` of an indicator is 1 / (1 - R^2 of it
on the others): how much its variance grows because they go together. `left_out` is 1 minus the sum
of squares of each run's error when it is predicted by a fit without it, over that of the means
without it: what R^2 is for runs that were not seen.
Oracle: numpy's pinv and a loop that leaves out each run; scipy's linregress for one indicator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np

from tamis.errors import UserError
from tamis.intervals import Interval, student
from tamis.types import Floats

NONE = 1e-10
"""A share of variance that is rounding."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted plane.

    Args:
        names: the indicators
        values: the intercept and a coefficient each
        errors: their standard errors
        inflation: of each indicator's variance by the others
        r_squared: share of the variance that the fit explains; NaN where there is none
        left_out: the same for runs that were left out
        runs: how many it was fitted to
    """

    names: tuple[str, ...]
    values: Floats
    errors: Floats
    inflation: Floats
    r_squared: float
    left_out: float
    runs: int

    @property
    def freedom(self) -> int:
        return self.runs - len(self.values)

    def told(self) -> dict[str, Any]:
        """The fit as JSON takes it."""
        reach = student(self.freedom) * self.errors
        ends = [
            Interval(float(v), float(v - r), float(v + r)).told()
            for v, r in zip(self.values, reach, strict=True)
        ]
        grown = [None, *map(float, self.inflation)]
        named = zip(("intercept", *self.names), ends, self.errors.tolist(), grown, strict=True)
        return {
            "runs": self.runs,
            "r_squared": _number(self.r_squared),
            "r_squared_left_out": _number(self.left_out),
            "coefficients": [
                {"of": name, **end, "error": error, "inflation": grew}
                for name, end, error, grew in named
            ],
        }


def fit(names: Sequence[str], indicators: Floats, outcome: Floats) -> Fit:
    """The plane through the outcomes of runs, indicators shaped (runs, names).

    Raises UserError where there are too few runs, or where an indicator is the same in all of them
    or follows from the others, so that no coefficient of it can be told.
    """
    inflation = _checked(names, indicators)
    runs, count = indicators.shape
    middle, scale = indicators.mean(axis=0), indicators.std(axis=0)
    design = np.column_stack([np.ones(runs), (indicators - middle) / scale])
    scaled, *_ = np.linalg.lstsq(design, outcome, rcond=None)
    if _flat(outcome):  # what is left of it is rounding
        scaled = np.concatenate([[outcome.mean()], np.zeros(count)])
    rest = outcome - design @ scaled
    inverse = np.linalg.inv(design.T @ design)
    # back to the indicators' own units
    turn = np.diag(np.concatenate([[1.0], 1 / scale]))
    turn[0, 1:] = -middle / scale
    spread = turn @ inverse @ turn.T * (rest @ rest) / (runs - count - 1)
    errors = np.sqrt(np.maximum(np.diag(spread), 0))
    weight = np.einsum("ij,jk,ik->i", design, inverse, design)
    shares = _explained(outcome, rest, weight)
    return Fit(tuple(names), turn @ scaled, errors, inflation, *shares, runs)


def _checked(names: Sequence[str], indicators: Floats) -> Floats:
    """The inflation of each indicator; raises UserError where nothing can be fitted."""
    runs, count = indicators.shape
    if runs < count + 2:
        raise UserError(
            f"{runs} runs cannot tell {count + 1} coefficients and an error: "
            f"train at least {count + 2}, better ten for each"
        )
    for name, column in zip(names, indicators.T, strict=True):
        if _flat(column):
            raise UserError(f"{name} is the same in all {runs} runs: leave it out")
    found = _inflation(indicators)
    for name, grown in zip(names, found.tolist(), strict=True):
        if grown == np.inf:
            raise UserError(f"{name} follows from the other indicators: leave one of them out")
    return found


def _explained(outcome: Floats, rest: Floats, weight: Floats) -> tuple[float, float]:
    """R^2, and R^2 of runs left out; a run's error without it follows from its error with it."""
    if _flat(outcome):
        return np.nan, np.nan
    runs = len(outcome)
    total = float(((outcome - outcome.mean()) ** 2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = float(((rest / (1 - weight)) ** 2).sum())
    means = total * (runs / (runs - 1)) ** 2
    return 1 - float(rest @ rest) / total, 1 - alone / means


def _inflation(indicators: Floats) -> Floats:
    """1 / (1 - R^2) of each indicator on the others; infinite where it follows from them."""
    found = np.empty(indicators.shape[1])
    scaled = (indicators - indicators.mean(axis=0)) / indicators.std(axis=0)
    for at in range(len(found)):
        others = np.delete(scaled, at, axis=1)
        rest = scaled[:, at]
        if others.shape[1]:
            slopes, *_ = np.linalg.lstsq(others, rest, rcond=None)
            rest = rest - others @ slopes
        share = float(rest @ rest) / len(rest)
        found[at] = 1 / share if share > NONE else np.inf
    return found


def _flat(column: Floats) -> bool:
    """Whether all values are the same but for rounding."""
    return bool(np.ptp(column) <= NONE * sqrt(NONE) + 1e-12 * np.abs(column).max())


def _number(value: float) -> float | None:
    return float(value) if isfinite(value) else None
