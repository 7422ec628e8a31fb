"""T-SHIRT: rows with a high S-IFD that stays what it is when the words change a little.

Formula, with S-IFD over the m noisy readings of each row (`loss_difference`, `s_ifd`):
1. drop rows whose mean IFD over the readings is not below 1 (below=ifd; below=s_ifd: mean S-IFD);
2. of the others, the `front` share of the pool with the largest mean S-IFD;
3. from these the smallest population standard deviation over the readings first.
Paper and code: T-SHIRT (arXiv:2506.01317): GPT-2, template plain, max_length 1024, 30 readings,
alpha 5, half of the tokens, and for k rows a front of 2k, with k = 2,600 of Alpaca-GPT4's 52,002. A
front that grows with the budget makes a small selection no part of a larger one. Here it is a share
of the pool, 0.1 by default: the paper's at a budget of 5 %, and twice the budget's share gives it
at any other. When a front is used up the next one of the same size follows.
The gain of a pick is its mean S-IFD. Official code has no start token:
of=loss_difference(neighbours=30,start=false); its mean IFD in step 1 still counts the first token
after the question. Ties go by id, not by the file's order; a reading in which no token is kept
counts as 1, as in the code.
Cost: 60 passages a row, see `loss_difference`.
Oracle: the official selection by hand on given differences; methods.md H1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._passing import below_one, passing, rows_in, scored_pool
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import Column, ColumnName, Dataset, Floats, Ints, Selection, order_by

PLACE = "t_shirt_order"
"""The column with each row's place in the order of the recipe."""


@recipe(family="beyond", paper="arXiv:2506.01317")
def t_shirt(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: ColumnName = "loss_difference(neighbours=30)",
    ratio: float = 0.5,
    below: Literal["ifd", "s_ifd"] = "ifd",
    front: float = 0.1,
) -> Selection:
    """Rows with the largest mean S-IFD, those with the smallest deviation first.

    Args:
        of: the loss differences, with noisy readings
        ratio: share of the pool's tokens that S-IFD keeps
        below: which mean has to be below 1
        front: share of the pool that is ordered by its deviation
    """
    if not 0 < front <= 1:
        raise UserError(f"front is a share above 0 and at most 1, got {front}")
    kept = f"s_ifd(of={of},ratio={ratio},unkept=one"
    names = [
        str(parse(n)) for n in (f"{kept})", f"{kept},statistic=std)", f"s_ifd(of={of},ratio=1)")
    ]
    pool = scored_pool(run, data, budget, *names)
    mean, std, whole = map(pool.scores, names)
    passes = below_one(whole if below == "ifd" else mean)
    rows, dropped = passing(pool, names, passes, f"mean {below} not below 1")
    size = rows_in(front, len(pool))
    order = rows[by_fronts(mean[rows], std[rows], pool.ids[rows], size)]
    columns = {quota.column: pool.column(quota.column) for quota in budget.quotas}
    inside = replace(pool, columns=columns).take(order)  # without the losses, which are large
    columns = {**inside.columns, PLACE: Column.floats(np.arange(len(order)))}
    picked = run.select(replace(inside, columns=columns), f"bottom_k(by={PLACE})", budget)
    return replace(picked, gains=mean[picked.rows], dropped={**dropped, **picked.dropped})


def by_fronts(mean: Floats, std: Floats, ids: NDArray[np.str_], size: int) -> Ints:
    """Positions in fronts of `size` rows by falling mean, each front by rising deviation."""
    rank = np.empty(len(mean), np.int64)
    rank[order_by(mean, ids)] = np.arange(len(mean))
    return np.lexsort((ids, std, rank // size)).astype(np.int64)
