"""What a judge would say of a whole pool, from predictions for all rows and a few judged ones.

Formula: mean = w x mean of all predictions + mean over the sample of (judged - w x prediction).
w = 0 is the classical mean of the sample, w = 1 prediction-powered inference (Angelopoulos et al.,
Science 2023, arXiv:2301.09633); by default w = cov(judged, prediction) / var(prediction) in the
sample, PPI++'s power tuning (arXiv:2311.01453), which is never wider than the classical interval
but by chance. Useless predictions get a w near 0; wrong ones widen the interval, they do not bias.
A share is the mean of 1 for rows at or above a threshold, predicted by the predictions that are.
Interval, n of N rows judged, r = judged - w x prediction: variance (1 - n/N) var(r) / n, quantiles
of t (of fewer degrees of freedom where few rows are far out: `degrees` in intervals.py). This is of
the mean over the N rows of the pool: where all are judged, it has no width. For of="population",
rows like these, var(judged) / N is added. PPI++ takes the pool and the sample as two sets and w
smaller by n/N; here the sample is part of the pool, and the two come to the same. Where r is equal
in all judged rows and others are not judged, the ends are NaN: such a sample shows no spread.
Of a share, Wilson's interval for as many rows as would have that variance; in the variance and in w
two more rows count, one wrongly predicted each way, so that predictions which were never wrong in
the sample leave a width.
Assumed: the judged rows were drawn at random from the pool, each as likely as any other, not chosen
by the prediction or anything else; predictions were made without them (fit on other rows, or on
none); a row without an answer is not given here, and the mean is then one of rows with an answer.
Shares need about 5 judged rows on either side of the threshold, means about 30 judged rows.
Oracle: w = 0 and w = 1 by hand; coverage over 1,000 simulations in benchmarks/judge_simulations.py.
"""

from __future__ import annotations

from math import nan, sqrt
from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.intervals import ROUNDING, Interval, degrees, student, wilson
from tamis.types import Floats, Ints

Of = Literal["pool", "population"]
"""pool: the mean over these very rows; population: over all rows of which the pool is a sample."""


def mean_interval(
    predicted: Floats, sample: Ints, judged: Floats, *, weight: float | None = None, of: Of = "pool"
) -> Interval:
    """The mean of the judge's score over all rows, with its 95 % interval.

    Args:
        predicted: a prediction for every row of the pool
        sample: places in the pool of the judged rows, drawn at random
        judged: the judge's scores of these, in the same order
        weight: of the predictions; 0 leaves them out, 1 takes them as they are, None tunes it
        of: whether the mean is over the pool or over rows like these
    """
    _check(predicted, sample, judged)
    guessed = predicted[sample]
    w = tuned(guessed, judged) if weight is None else weight
    value = w * float(predicted.mean()) + float((judged - w * guessed).mean())
    rest, fitted = judged - w * guessed, 2 if weight is None else 1
    variance = _variance(rest, judged, len(judged) - fitted, len(predicted), of)
    half = student(degrees(rest, fitted)) * sqrt(variance) if variance > 0 else variance
    return Interval(value, value - half, value + half)


def share_interval(
    predicted: Floats,
    sample: Ints,
    judged: Floats,
    *,
    at_least: float,
    weight: float | None = None,
    of: Of = "pool",
) -> Interval:
    """The share of all rows whose judge's score is at least so much, with its 95 % interval.

    Args:
        predicted: a prediction of the judge's score for every row of the pool
        sample: places in the pool of the judged rows, drawn at random
        judged: the judge's scores of these, in the same order
        at_least: the threshold, itself counted
        weight: of the predictions; 0 leaves them out, 1 takes them as they are, None tunes it
        of: whether the share is of the pool or of rows like these
    """
    _check(predicted, sample, judged)
    if len(judged) == len(predicted) and of == "pool":
        share = float((judged >= at_least).mean())
        return Interval(share, share, share)
    above, likely = (judged >= at_least).astype(float), (predicted >= at_least).astype(float)
    n, guessed = len(judged), likely[sample]
    # one row wrongly predicted each way
    truth, guess = np.append(above, [1.0, 0.0]), np.append(guessed, [0.0, 1.0])
    w = max(tuned(guess, truth), 0.0) if weight is None else weight
    value = w * float(likely.mean()) + float((above - w * guessed).mean())
    value = min(max(value, 0.0), 1.0)
    left = 1 - n / len(predicted)
    if w == 0:
        return wilson(value, n if of == "population" else n / left)
    variance = float(np.var(truth - w * guess, ddof=1)) * left / n
    if of == "population":
        variance += value * (1 - value) / len(predicted)
    spread = (value + 1 / n) * (1 - value + 1 / n)
    return wilson(value, spread / variance, student(n - 2))


def tuned(guessed: Floats, judged: Floats) -> float:
    """The weight of the predictions that leaves the least variance; 0 where they do not vary."""
    spread = float(np.var(guessed)) if len(guessed) > 2 else 0.0
    if not spread > 0:
        return 0.0
    return float(((guessed - guessed.mean()) * (judged - judged.mean())).mean()) / spread


def _variance(rest: Floats, judged: Floats, freedom: int, rows: int, of: Of) -> float:
    """Of the estimate; 0 where all are judged, NaN where too few are or they show no spread."""
    if of == "pool" and len(judged) == rows:
        return 0.0
    if freedom < 1 or np.ptp(rest) <= ROUNDING * np.abs(judged).max():
        return nan
    found = float(((rest - rest.mean()) ** 2).sum()) / freedom * (1 - len(rest) / rows) / len(rest)
    return found + (float(np.var(judged, ddof=1)) / rows if of == "population" else 0.0)


def _check(predicted: Floats, sample: Ints, judged: Floats) -> None:
    """Raises UserError for what no interval can be had from."""
    if len(sample) != len(judged) or not len(sample):
        raise UserError(
            f"prediction-powered: {len(sample)} places and {len(judged)} judge's scores are given; "
            "give one score for each judged row, and at least one row"
        )
    if len(np.unique(sample)) < len(sample):
        raise UserError("prediction-powered: a row is in the sample twice; give each row once")
    if not (np.isfinite(predicted).all() and np.isfinite(judged).all()):
        raise UserError(
            "prediction-powered: a prediction or a judge's score is not a number; leave such rows "
            "out of the pool and the sample"
        )
