"""DEITA's evol score: complexity times quality, turn by turn.

Formula: sum or mean over the turns t of complexity_t * quality_t.
Paper (arXiv:2312.15685): the sum, over ratings by two trained scorers:
    evol_score(complexity=expected_rating(prompt=./c.txt,turns=each,model=A),
               quality=expected_rating(prompt=./q.txt,turns=each,model=B))
The sum favours long conversations; MIG (arXiv:2504.13835) takes the mean. deita_filter(by=...) is
the selection that goes with it.
Both rate the turns that have a question and an answer, so that a place is the same turn in both: an
unanswered question at the end does not count, and parts=shown, which rates it, is refused. A row
for which two columns of another origin have different numbers of turns is null (turns_differ).
Ratings of turns are float32.
Oracle: methods.md S1, turns.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.notation import parse
from tamis.scorers._problems import carried
from tamis.spec import scorer
from tamis.types import Column, ColumnName, Pool


@scorer(prefer="high", family="powerful-llm", unit="rating", paper="arXiv:2312.15685")
def evol_score(
    pool: Pool,
    *,
    complexity: ColumnName = "expected_rating(prompt=complexity,turns=each)",
    quality: ColumnName = "expected_rating(prompt=quality,turns=each)",
    turns: Literal["sum", "mean"] = "sum",
) -> Column:
    """Sum over the turns of complexity times quality, or the mean over them.

    Args:
        complexity: a rating of each turn's question, as a series
        quality: a rating of each turn's answer, as a series
        turns: the sum, as in the paper, or the mean
    """
    for name in (complexity, quality):
        if parse(name).params.get("parts") == "shown":
            raise UserError(f"evol_score: {name} rates turns that the other leaves out: parts=both")
    hard, starts = pool.series(complexity)
    good, others = pool.series(quality)
    counts = np.diff(starts)
    differ = counts != np.diff(others)
    missing = (counts == 0) | (np.diff(others) == 0)
    row = np.repeat(np.arange(len(pool)), counts)
    place = np.arange(len(hard)) - starts[row] + others[row]  # the same turn in the other series
    there = ~differ[row]
    products = hard[there].astype(np.float64) * good[place[there]]
    sums = np.bincount(row[there], products, minlength=len(pool))
    found = sums / np.maximum(counts, 1) if turns == "mean" else sums
    own = {"missing_score": missing, "turns_differ": differ}
    return Column.floats(found, **carried(pool, [complexity, quality], **own))
