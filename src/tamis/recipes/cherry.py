"""Cherry: the rows whose instruction helps least, of those in which it helps at all.

Formula: IFD as a ratio of losses (`ifd(ratio=loss)`); drop rows above 1, then the highest first.
Paper and code: "From Quantity to Quality" (arXiv:2308.12032): template alpaca, max_length 512 (1024
for WizardLM), the answer alone after its header. The model is first trained for an epoch on 1,000
rows of 100 clusters: `cherry(by=ifd(direct=header,model=./trained))`; later versions of the code do
without. Five to ten per cent of the pool is what the paper trains on.
Official code keeps exactly 1 and takes int(rate x rows that are left); where that is 0, it returns
every row. It has a test that drops rows longer than max_length, but cuts the answer to what fits
before the test is made, so that only a row whose prompt leaves no room is dropped. Here the budget
is of the whole pool, long answers are cut, such a row is too_long, and `rate` is the code's step by
name; nothing left to take is an error. `fits` is what the test was for, by name:
    cherry(by=ifd(direct=header,max_length=512),fits=answer_kept(max_length=512),rate=0.05).
Rows are in the order of the score, which official code gives up for that of the file.
Oracle: methods.md P1, P3, P4, on a model with given losses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._passing import scored_pool
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Ints, Pool, Selection


@recipe(family="trainable-llm", paper="arXiv:2308.12032")
def cherry(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: ColumnName = "ifd(ratio=loss,template=alpaca,direct=header)",
    fits: ColumnName = "",
    rate: float = 1.0,
) -> Selection:
    """Rows with the highest IFD up to and including 1.

    Args:
        by: the ratio
        fits: share of the answer that is read, answer_kept(...): rows below 1 are dropped
        rate: at most this share of the rows that are left
    """
    if not 0 < rate <= 1:
        raise UserError(f"rate is a share above 0 and at most 1, got {rate}")
    by = str(parse(by))
    pool = scored_pool(run, data, budget, by, *([fits] if fits else []))
    pool, cut = fitting(pool, fits)
    if rate < 1:
        budget = limited(budget, rate, int((pool.scores(by) <= 1).sum()))
    picked = run.select(pool, f"threshold(by={by},at_most=1,closed=both)", budget)
    return replace(picked, dropped={**cut, **picked.dropped})


def fitting(pool: Pool, fits: str) -> tuple[Pool, dict[str, Ints]]:
    """The rows whose answer is read to its end, and the others by reason."""
    if not fits:
        return pool, {}
    cut = pool.scores(str(parse(fits))) < 1
    return pool.take(np.flatnonzero(~cut)), {"answer cut": np.flatnonzero(cut)}


def limited(budget: Budget, rate: float, left: int) -> Budget:
    """The budget, and no more than a share of the rows that are left, rounded down."""
    if budget.count is None:
        raise UserError("rate is a share of rows: give a budget in rows")
    most = int(rate * left + 1e-9)
    if not most:
        raise UserError(f"rate {rate} of the {left} rows that are left is less than one row")
    return replace(budget, count=min(budget.count, most))
