"""The win rate that answers of equal length would have, by a logistic model of the preferences.

Formula: p = sigmoid(m + w tanh(d / s) + c h), d = characters of ours - of theirs, s its standard
deviation over the prompts, h how hard the prompt is where that is given; the rate is the mean of
sigmoid(m + c h) over prompts. Weighted preferences are fractional targets. Fitted by Newton's
method with ridge / 2 (w^2 + c^2) added to the negative log-likelihood.
Paper: Dubois et al. 2024, AlpacaEval 2's length-controlled rate: the same three terms.
Official code also fits on two models that were made to game the length, with weight 0.2, penalises
absolute values by cross-validation, and has a table of how hard each of its 805 prompts is, found
over all models of its board. None of these is here, so this is not AlpacaEval's figure, and is not
named so: it is `equal_length`.
Limits: where ours is longer on nearly every prompt, or on hardly any, the rate is read off where
the model has few prompts; the share `longer` says so. alpaca-7b is longer than its opponent on 2 %
of AlpacaEval 2's prompts: 19.8 here, 12.8 to 29.1, and 5.9 on the board; vicuna-7b, on 8 %: 9.3,
6.6 to 12.8, and 6.3. Length that comes with quality is taken for length.
Interval: the influence of each prompt on the rate (robust to preferences that are no coin flips),
on the scale of the logit, with Student's t. Simulated (benchmarks/winrate_simulations.py) it held
the truth 95 to 98 times in 100, at 80 to 805 prompts and plain win rates up to 30 points beside it.
Cost: a few passes over the prompts.
Oracle: scikit-learn's logistic regression with each prompt twice, once a label, weighted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, nan, sqrt

import numpy as np

from tamis.evaluation._rates import finite
from tamis.intervals import Interval, degrees, student
from tamis.types import Floats

RIDGE = 0.01
FEWEST = 10  # prompts
_STEPS, _DONE = 100, 1e-10


@dataclass(frozen=True, slots=True)
class EqualLength:
    """The rate in percent at equal length, the terms of the model, or why there is none."""

    rate: Interval
    rows: int
    longer: float = nan  # prompts in percent on which ours is the longer one
    model: float = nan
    length: float = nan
    difficulty: float | None = None
    problem: str | None = None

    def told(self) -> dict[str, object]:
        """As JSON takes it."""
        return {
            "rate": self.rate.told(),
            "rows": self.rows,
            "longer": finite(self.longer),
            "model": finite(self.model),
            "length": finite(self.length),
            "difficulty": finite(self.difficulty),
            "problem": self.problem,
        }


def equal_length(
    preferences: Floats, apart: Floats, difficulty: Floats | None = None, *, ridge: float = RIDGE
) -> EqualLength:
    """The rate of preferences between 0 and 1, given by how many characters ours are longer.

    Args:
        preferences: of the prompts, 1 for ours
        apart: characters of our answer minus characters of theirs
        difficulty: how hard each prompt is, on any scale
        ridge: penalty of the squares of the terms of length and difficulty
    """
    rows = len(preferences)
    spread = float(np.std(apart, ddof=1)) if rows > 1 else 0.0
    if rows < FEWEST:
        return EqualLength(Interval(nan), rows, problem=f"fewer than {FEWEST} prompts")
    if not spread > 0:
        return EqualLength(Interval(nan), rows, problem="lengths differ by the same everywhere")
    hard = np.empty((rows, 0)) if difficulty is None else difficulty[:, None]
    features = np.column_stack([np.ones(rows), np.tanh(apart / spread), hard])
    found = _fitted(features, preferences, ridge)
    if found is None:
        problem = "the model has no finite fit: nearly all preferences are for one side"
        return EqualLength(Interval(nan), rows, problem=problem)
    terms, bread = found
    level = features * [1.0, 0.0, *[1.0] * hard.shape[1]]
    rate = _rate(features, level, preferences, terms, bread).scaled(100)
    c = float(terms[2]) if difficulty is not None else None
    longer = 100 * float((apart > 0).mean())
    return EqualLength(rate, rows, longer, float(terms[0]), float(terms[1]), c)


def _fitted(features: Floats, targets: Floats, ridge: float) -> tuple[Floats, Floats] | None:
    """The terms and the inverse of the penalised information; None where they run away."""
    penalty = np.full(features.shape[1], ridge)
    penalty[0] = 0.0
    terms = np.zeros(features.shape[1])
    loss = _loss(features, targets, terms, penalty)
    for _ in range(_STEPS):
        mean = _sigmoid(features @ terms)
        slope = features.T @ (targets - mean) - penalty * terms
        information = (features * (mean * (1 - mean))[:, None]).T @ features + np.diag(penalty)
        if not np.linalg.cond(information) < 1e12:
            return None
        step = np.linalg.solve(information, slope)
        size = 1.0
        while (new := _loss(features, targets, terms + size * step, penalty)) > loss + 1e-12:
            size /= 2
            if size < 1e-6:
                return None
        terms, loss = terms + size * step, new
        if float(np.abs(terms).max()) > 30:
            return None
        if float(np.abs(step).max()) < _DONE:
            return terms, np.asarray(np.linalg.inv(information), np.float64)
    return None


def _loss(features: Floats, targets: Floats, terms: Floats, penalty: Floats) -> float:
    at = features @ terms
    return float((np.logaddexp(0, at) - targets * at).sum() + (penalty * terms**2).sum() / 2)


def _sigmoid(at: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(at / 2)))


def _rate(
    features: Floats, level: Floats, targets: Floats, terms: Floats, bread: Floats
) -> Interval:
    """The mean prediction at equal length, with the interval of its logit."""
    rows = len(targets)
    at = _sigmoid(level @ terms)
    value = float(at.mean())
    by_terms = ((at * (1 - at))[:, None] * level).mean(axis=0)
    residuals = targets - _sigmoid(features @ terms)
    influence = at - value + rows * (features * residuals[:, None]) @ (bread @ by_terms)
    error = float(influence.std()) / sqrt(max(rows - len(terms), 1))
    if not (0 < value < 1 and error > 0):
        return Interval(value)
    half = student(degrees(influence, len(terms))) * error / (value * (1 - value))
    middle = log(value / (1 - value))
    return Interval(value, *(1 / (1 + exp(-(middle + side * half))) for side in (-1, 1)))
