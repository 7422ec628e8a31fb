"""S-IFD, instruction-following difficulty over the tokens that the question changes most.

Formula: keep the tokens with |Delta| strictly above the (1 - ratio) percentile of |Delta| over all
tokens of the pool, linear between ranks; S-IFD = exp(mean of Delta over the row's kept tokens).
Delta is `loss_difference`. Near 1 the question helps little; above 1 it hurts. With noise in that
column the percentile is over all readings, and the score is the mean over the readings of a row
(statistic=mean) or their population standard deviation (std). ratio=1 keeps every token, without
the strict comparison, which would drop the smallest: that is IFD as a ratio of perplexities.
Paper and code: T-SHIRT (arXiv:2506.01317), ratio 0.5, 30 noisy readings; recipe `t_shirt`.
A reading in which no token is kept has no mean. Official code divides by at least 1, which makes it
exp(0) = 1: unkept=one. Here the row is null by default, with the reason no_token_kept.
The threshold is relative to the pool: add rows and it moves.
Oracle: methods.md H1; the official computation by hand in loops.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.notation import parse
from tamis.scorers._problems import carried
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Floats, Ints, Pool, Vectors


@scorer(prefer="high", family="beyond", unit="ratio", paper="arXiv:2506.01317")
def s_ifd(
    pool: Pool,
    *,
    of: ColumnName = "loss_difference",
    ratio: float = 0.5,
    statistic: Literal["mean", "std"] = "mean",
    unkept: Literal["null", "one"] = "null",
) -> Column:
    """Exp of the mean loss difference over the tokens that the question changes most.

    Args:
        of: the loss differences, loss_difference(...)
        ratio: share of the pool's tokens that is kept; 1 keeps all
        statistic: mean over the noisy readings of a row, or their standard deviation
        unkept: a reading without a kept token makes the row null, or counts as 1
    """
    if not 0 < ratio <= 1:
        raise UserError(f"ratio is a share of the tokens above 0 and at most 1, got {ratio}")
    readings = readings_in(of)
    if statistic == "std" and not readings:
        raise UserError("one reading has no deviation: set of=loss_difference(neighbours=30)")
    deltas, starts = pool.series(of)
    begin = beginnings(starts, max(readings, 1), of)
    there = np.diff(starts) > 0
    found = kept_means(deltas, begin[there].ravel(), ratio).reshape(-1, begin.shape[1])
    lacking = np.isnan(found).any(axis=1)
    if unkept == "one":
        found[np.isnan(found)] = 0.0
    values, none_kept = np.full(len(pool), np.nan), np.zeros(len(pool), dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        each = np.exp(found)
        values[there] = each.mean(axis=1) if statistic == "mean" else each.std(axis=1)
    none_kept[there] = lacking & (unkept == "null")
    own = {"missing_series": ~there, "no_token_kept": none_kept, "undefined": ~np.isfinite(values)}
    return Column.floats(values, **carried(pool, [of], **own))


def readings_in(column: str) -> int:
    """How many noisy readings a row of the column holds, as its name says; 0 is one without."""
    return int(parse(column).params.get("neighbours", 0))


def beginnings(starts: Ints, readings: int, column: str) -> Ints:
    """Where each reading of each row begins, shape (rows, readings)."""
    sizes = np.diff(starts)
    if (sizes % readings).any():
        raise UserError(f"a row of {column} does not hold {readings} readings of the same tokens")
    first = starts[:-1, None] + (sizes // readings)[:, None] * np.arange(readings)
    return np.asarray(first, np.int64)


def kept_means(deltas: Vectors, starts: Ints, ratio: float) -> Floats:
    """Mean of the kept values of each run of values, NaN where none is kept.

    A run reaches to the start of the next one; none is empty.
    """
    if not len(starts):
        return np.empty(0)
    kept = np.ones(len(deltas), dtype=bool)
    if ratio < 1:
        size = np.abs(deltas)
        kept = size > float(np.quantile(size, 1 - ratio))
    sums = np.add.reduceat(np.where(kept, deltas, 0), starts, dtype=np.float64)
    counts = np.add.reduceat(kept, starts, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        means: Floats = sums / counts
    return means
