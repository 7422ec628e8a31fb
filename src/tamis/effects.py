"""How far one arm of an experiment is from another, random say, and whether that is beyond chance.

An arm (a method, random, full data) was trained k times; each run was evaluated on the same n rows:
a matrix of runs x rows, higher is better (of losses, give the negative). D is the difference of the
means over runs and rows.
Formulas. y(arm, run, row) = arm + run + row + (arm x row) + rest: rows are a sample of test rows,
runs of trainings, and a row is the same row in every run. For each arm: B = variance of the means
of its runs / k; C = mean square of what is left of its matrix without its row and column means,
/ (n k). Once for both: A = variance of the rows' differences / n.
    variance of D = B1 + B2 + P,    P = A - C1 - C2, or 0 if that is below 0.
B has how far runs lie apart, the rest within runs included; A has how far rows differ between the
arms, the same rest included once more, which C takes out: P is only what a row has in all runs of
an arm. Interval: D -+ t x root of the variance; p of D / root. Degrees of freedom by Satterthwaite,
variance^2 / sum of part^2 / its own: k - 1 for B, for P at most n - 1 and fewer where few rows are
far out (`degrees` in intervals.py). Where runs have one figure only (a constant on the other side,
paired runs, `between`), variance / sum of part / its own instead: with the squares, 3 runs that lie
close by chance count for too little, and win rates held 90.6 to 95.2 in 100.
`paired_runs`: run i of both arms belong together (the same seed, say); the one matrix of
differences then has B, C and A. `against` is that with a constant for the other arm, for win rates.
`between`: B1 + B2 = variance of runs x (1 / k1 + 1 / k2), the variance pooled over several arms by
`spread`. It has more degrees of freedom and allows arms with one run, and assumes that all arms'
runs lie equally far apart: where one arm's lie three times as far, intervals held 83 to 88 in 100.
An arm with one run, without `between`: variance A, `over` is "rows", and nothing is known of what
another training of the same arms would give.
Where no row differs from another and no run either, there are no ends; p is 1 for D = 0, otherwise
that of the sign test, 2^(1 - n).
Verdicts: by p after Holm's correction over all comparisons told together, which holds for arms that
are compared with one and the same random arm. `detectable` is (t at 1 - level / 2 + t at the power)
x standard error; with 2 degrees of freedom its power is 77 % instead of 80 %, with 4 79 %.
Limits: 3 runs leave 2 to 4 degrees of freedom where runs differ more than rows do; of two runs an
arm and of skewed rows see docs/effects.md; test rows that come in groups (turns, variants of a
prompt) are no sample of single rows; rows without a value in a run are left out of the pair, which
is harmless only if that is by chance.
Other ways and what they held: benchmarks/effect_simulations.py.
Cost: linear in runs x rows.
Oracle: scipy's paired t (one run each), Welch's t (rows equal within each run), one-sample t; the
variance of D over simulated crossed samples; Holm by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite, isnan, nan, sqrt
from typing import Any, Literal

import numpy as np

from tamis.errors import UserError
from tamis.intervals import LEVEL, ROUNDING, TAIL, Interval, degrees
from tamis.t_distribution import quantile, tail
from tamis.types import Floats

Over = Literal["rows and runs", "rows"]
"""What the interval is over: what other rows and trainings would give, or other rows alone."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The difference of two arms: ours minus theirs, so that above 0 ours is better."""

    difference: Interval
    ours: float
    theirs: float
    standard_error: float
    degrees: float
    p: float  # two-sided, of this comparison alone
    better: float  # share of rows whose mean over runs is higher in ours
    worse: float
    cohen_dz: float  # difference / standard deviation of the rows' differences of run means
    runs: tuple[int, int]
    rows: int
    left_out: int  # rows without a value in one of the runs
    over: Over

    def told(self) -> dict[str, Any]:
        """All of it as JSON takes it, null for NaN."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Spread:
    """How far runs of one arm lie apart, pooled over arms."""

    variance: float  # of the means of runs over their rows
    noise: float  # the part of it that is of rows within runs, which other rows would not repeat
    degrees: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said of an effect among several."""

    said: str
    p: float  # after Holm's correction
    detectable: float  # what would be shown with 80 % power at level / number of comparisons
    over: Over

    def told(self) -> dict[str, Any]:
        """All of it as JSON takes it, null for NaN."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Within:
    """Whether ours is as good as theirs but for a margin: two one-sided tests, each at 2.5 %."""

    equivalent: bool  # the whole 95 % interval lies inside -margin .. margin
    no_worse: bool  # it lies above -margin
    p_equivalent: float
    p_no_worse: float


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return value.told()
    return None if isinstance(value, float) and not isfinite(value) else value


@dataclass(frozen=True, slots=True)
class _Runs:
    """The part of the variance that is of runs, and what of it comes from rows within runs."""

    value: float
    noise: float
    degrees: float
    power: int  # of its share of the variance, in the degrees of freedom of all


def effect(
    ours: Floats, theirs: Floats, *, paired_runs: bool = False, between: Spread | None = None
) -> Effect:
    """The difference of two matrices of runs x rows: ours minus theirs, with its 95 % interval.

    Args:
        ours: a value for each run and row, higher is better, NaN where there is none
        theirs: the same of the other arm, on the same rows; its number of runs may be another
        paired_runs: whether run i of one arm belongs to run i of the other
        between: how far runs lie apart, to be used instead of what these two arms show
    """
    ours, theirs = _matrix(ours), _matrix(theirs)
    if ours.shape[1] != theirs.shape[1]:
        raise UserError(
            f"effects: {ours.shape[1]} rows in one arm and {theirs.shape[1]} in the other; "
            "give both on the same rows, NaN where a row has no value"
        )
    if paired_runs and len(ours) != len(theirs):
        raise UserError(
            f"effects: paired runs, but {len(ours)} of one arm and {len(theirs)} of the other; "
            "give as many of each, or compare them unpaired"
        )
    if paired_runs and between is not None:
        raise UserError("effects: the spread of other arms' runs says nothing of paired runs")
    there = ~(np.isnan(ours).any(axis=0) | np.isnan(theirs).any(axis=0))
    ours, theirs = ours[:, there], theirs[:, there]
    arms = [ours - theirs] if paired_runs else [ours, theirs]
    return _effect(ours, theirs, int((~there).sum()), _runs(arms, between))


def against(preferences: Floats, *, even: float = 0.5) -> Effect:
    """Mean preference minus 0.5, of a matrix of runs x rows; `ours` is the win rate itself.

    Args:
        preferences: 1 where ours won, 0 where theirs did, 0.5 for a tie; run i of ours met run i
            of theirs, no run twice
        even: what neither side would be better at
    """
    ours = _matrix(preferences)
    return effect(ours, np.where(np.isnan(ours), np.nan, even), paired_runs=True)


def spread(arms: Iterable[Floats]) -> Spread | None:
    """How far runs of one arm lie apart, pooled over the arms with several; None where none has.

    Args:
        arms: matrices of runs x rows, all evaluated on the same rows
    """
    several = [_matrix(arm) for arm in arms if len(_matrix(arm)) > 1]
    whole = [arm[:, ~np.isnan(arm).any(axis=0)] for arm in several]
    found = [(_mean_squares(arm), len(arm) - 1) for arm in whole if arm.shape[1] > 1]
    total = sum(freedom for _, freedom in found)
    if not total:
        return None
    variance, noise = (sum(s[i] * freedom for s, freedom in found) / total for i in (0, 1))
    return Spread(variance, noise, total)


def _matrix(values: Floats) -> Floats:
    """Runs x rows, of one run where it is a list."""
    found = np.atleast_2d(np.asarray(values, np.float64))
    if found.ndim != 2 or not found.size:
        raise UserError("effects: an arm is a matrix of runs x rows, with at least one of each")
    if np.isinf(found).any():
        raise UserError("effects: a value is infinite; give NaN where a row has no value")
    return found


def _mean_squares(arm: Floats) -> tuple[float, float]:
    """Variance of the runs' means, and the part of it that is what is left within the matrix."""
    runs, rows = arm.shape
    by_run, by_row = arm.mean(axis=1), arm.mean(axis=0)
    left = arm - by_run[:, None] - by_row + by_run.mean()
    within = float((left**2).sum()) / ((runs - 1) * (rows - 1)) / rows
    return float(by_run.var(ddof=1)), within


def _runs(arms: Sequence[Floats], between: Spread | None) -> _Runs | None:
    """B and C of all arms together; None where they are not known."""
    if min(arm.shape[1] for arm in arms) < 2:
        return None
    if between is not None:
        times = sum(1 / len(arm) for arm in arms)
        return _Runs(between.variance * times, between.noise * times, between.degrees, 1)
    if min(len(arm) for arm in arms) < 2:
        return None
    found = [(*_mean_squares(arm), len(arm)) for arm in arms]
    value = sum(variance / k for variance, _, k in found)
    below = sum((variance / k) ** 2 / (k - 1) for variance, _, k in found)
    noise = sum(noise / k for _, noise, k in found)
    return _Runs(value, noise, value**2 / below if below > 0 else 1.0, len(arms))


def _effect(ours: Floats, theirs: Floats, left_out: int, runs: _Runs | None) -> Effect:
    """The effect on rows that all have a value, given the variance that is of runs."""
    rows = ours.shape[1]
    apart = ours.mean(axis=0) - theirs.mean(axis=0) if rows else np.empty(0)
    scale = max(float(np.abs(arm).max(initial=0)) for arm in (ours, theirs))
    apart[np.abs(apart) <= ROUNDING * scale] = 0.0
    value = float(apart.mean()) if rows else nan
    deviation = float(apart.std(ddof=1)) if rows > 1 else nan
    error, freedom = _error(apart, deviation, runs, ROUNDING * scale)
    half = quantile(1 - TAIL, freedom) * error
    return Effect(
        difference=Interval(value, value - half, value + half),
        ours=float(ours.mean()) if rows else nan,
        theirs=float(theirs.mean()) if rows else nan,
        standard_error=error,
        degrees=freedom,
        p=2 * tail(abs(value) / error, freedom) if error > 0 else _without_spread(apart),
        better=float((apart > 0).mean()) if rows else nan,
        worse=float((apart < 0).mean()) if rows else nan,
        cohen_dz=value / deviation if deviation > ROUNDING * scale else nan,
        runs=(len(ours), len(theirs)),
        rows=rows,
        left_out=left_out,
        over="rows" if runs is None else "rows and runs",
    )


def _error(
    apart: Floats, deviation: float, runs: _Runs | None, least: float
) -> tuple[float, float]:
    """The standard error and its degrees of freedom; NaN where there is no spread."""
    if len(apart) < 2:
        return nan, nan
    known = runs or _Runs(0.0, 0.0, 1.0, 1)
    own = max(deviation**2 / len(apart) - known.noise, 0.0)
    variance = known.value + own
    if not sqrt(variance) > least:
        return nan, nan
    parts = ((known.value, known.degrees), (own, degrees(apart)))
    below = sum((part / variance) ** known.power / freedom for part, freedom in parts)
    return sqrt(variance), 1 / below


def _without_spread(apart: Floats) -> float:
    """The p of rows that all differ by the same: of none 1, otherwise the sign test's."""
    if len(apart) < 2:
        return nan
    return 1.0 if not apart.any() else 0.5 ** (len(apart) - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number by Holm's steps; NaN stays NaN and does not count."""
    order = sorted((p, place) for place, p in enumerate(p_values) if not isnan(p))
    adjusted, reached = [nan] * len(p_values), 0.0
    for step, (p, place) in enumerate(order):
        reached = max(reached, min(1.0, p * (len(order) - step)))
        adjusted[place] = reached
    return adjusted


def detectable(found: Effect, *, level: float = 1 - LEVEL, power: float = 0.8) -> float:
    """The smallest true difference that such a comparison shows with this power.

    Args:
        found: an effect, of which only the standard error and its degrees of freedom are used
        level: of the two-sided test
        power: how often it is to be shown
    """
    freedom = found.degrees
    return (quantile(1 - level / 2, freedom) + quantile(power, freedom)) * found.standard_error


def verdicts(
    effects: Mapping[str, Effect], *, level: float = 1 - LEVEL, than: str = "random"
) -> dict[str, Verdict]:
    """Better, worse or no difference shown, for comparisons that are told together.

    Args:
        effects: the comparisons by name
        level: how often at most any of them may be called different while none is
        than: the name of the other arm
    """
    adjusted = holm([found.p for found in effects.values()])
    tested = sum(not isnan(p) for p in adjusted)
    return {
        name: Verdict(
            said=_said(found.difference.value, p, level, than),
            p=p,
            detectable=detectable(found, level=level / max(tested, 1)),
            over=found.over,
        )
        for (name, found), p in zip(effects.items(), adjusted, strict=True)
    }


def _said(difference: float, p: float, level: float, than: str) -> str:
    if isnan(p):
        return "cannot be told"
    if p > level:
        return "no difference shown"
    return f"{'better' if difference > 0 else 'worse'} than {than}"


def within(found: Effect, margin: float) -> Within:
    """Whether the 95 % interval lies inside -margin .. margin, or above -margin.

    Args:
        found: an effect, against the arm trained on all data say
        margin: the largest difference that would not matter, above 0
    """
    if not margin > 0:
        raise UserError(f"effects: the margin is {margin}; give a difference above 0")
    error, held = found.standard_error, found.difference
    above = tail((held.value + margin) / error, found.degrees)
    below = tail((margin - held.value) / error, found.degrees)
    inside = held.low > -margin and held.high < margin
    return Within(inside, held.low > -margin, max(above, below), above)
