"""The best rows by a score: what most papers do.

Formula: sort by the score in its preferred direction, take rows until the budget is spent; ties by
id. Official codes differ in ties, in int(rate * survivors) instead of the pool, and in `[-0:]`,
which returns everything; here a budget below one row is refused.
Oracle: numpy's argsort; methods.md P3 and P4.
"""

from __future__ import annotations

from tamis.budget import Budget
from tamis.selectors._rows import drawn, usable
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, order_by


@selector(family="baseline")
def top_k(pool: Pool, budget: Budget, *, by: ColumnName) -> Selection:
    """Rows with the highest score first; the gain is the score.

    Args:
        by: the score to rank by
    """
    rows, dropped = usable(pool, scores=[by])
    scores = pool.scores(by)[rows]
    order = order_by(scores, pool.ids[rows])
    picks = zip(rows[order].tolist(), scores[order].tolist(), strict=True)
    return drawn(pool, budget, picks, dropped)
