"""The lowest rows by a score: the control for a method that takes the highest.

Formula: sort by the score from low to high, take rows until the budget is spent; ties by id.
Papers rank some scores from below (perplexity, loss); a control in the other direction shows
whether the score says anything at all. Official codes take `[:k]` of a sort in which NaN and
sentinels (-1, 0) come first; here a row without a score is never picked and is counted.
Oracle: numpy's argsort.
"""

from __future__ import annotations

from tamis.budget import Budget
from tamis.selectors._rows import drawn, usable
from tamis.spec import selector
from tamis.types import ColumnName, Pool, Selection, order_by


@selector(family="baseline")
def bottom_k(pool: Pool, budget: Budget, *, by: ColumnName) -> Selection:
    """Rows with the lowest score first; the gain is minus the score.

    Args:
        by: the score to rank by
    """
    rows, dropped = usable(pool, scores=[by])
    scores = pool.scores(by)[rows]
    order = order_by(scores, pool.ids[rows], descending=False)
    picks = zip(rows[order].tolist(), (-scores[order]).tolist(), strict=True)
    return drawn(pool, budget, picks, dropped)
