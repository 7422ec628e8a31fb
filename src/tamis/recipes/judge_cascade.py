"""A cheap score reads every row, a judge only rows that could be among its best; the loss is told.

1. Every row gets the `cheap` score. An audit sample, drawn at random by seed and id, is judged.
2. A quarter of the audit says what the judge may be expected to say: isotonic regression of its
   score on the cheap one, rising or falling as their rank correlation there is. Rows are judged in
   the order of that expectation, then of the cheap score, then of ids, block by block. Rows without
   a cheap score stand where the mean of such rows in that quarter is (of all, if it has none).
3. The other three quarters, the check, fit nothing and order nothing. Those of them that the order
   has not reached show how many rows beyond it are better than any score (mid-P limits of the
   hypergeometric distribution, `_recall.py`).
4. For a goal of k picks rows are judged until the recall of the best k among those judged is at
   least `recall` at the lower end of its 95 % interval, or all or `most` of the rows are judged.
   Then the best judged rows are picked up to the goal, by the judge's score and then in the order
   of judging; where too few are judged to go on, the next are. The next goal is a quarter larger.
Recall: the share of the judge's own best k rows, had it seen all, that are picked. Of rows tied at
the cut any is as good as another: those picked count first. So a judge of five grades whose best is
more frequent than the budget is asked until there are nearly k such rows and a sign that none is
better. Where `best` says that there can be none, such rows are enough, and goals begin at one row.
Smaller budgets are prefixes of larger ones (but for quotas): goals depend on the pool and the audit
alone, never on the budget. The price: a row judged after a goal was reached comes after that goal's
picks though it may be better (`out_of_order`), and up to a quarter more is judged than the budget
itself needs. The smallest goal is what the audit can show: with c check rows in N about
3 N / ((1 - recall) c), 8 % of the rows for the 750 of the defaults; a smaller budget pays for that
goal, and its own interval may reach below `recall`. A larger audit serves smaller budgets.
The manifest tells: `judged` rows and their `share`; `stopped` by recall, most or all, at which
`goal`; `recall` of the selection with its interval, from the check alone (with quotas: of the rows
offered to them); Spearman's and Kendall's correlation of cheap and judge in the audit; the judge's
`mean` over the pool, prediction-powered from the check, `mean_of_audit`, the classical one, and
`mean_selected`; the `cut`, and how many rows tie there, picked and judged. What was judged beside
the audit is left out of `mean`, unless it is all: it ends where the check shows few good rows
beyond, and a mean with the rows of the check beyond would be too low.
Assumed: the judge's score of a row depends on no other row. A row that gets no answer is dropped
with its reason and stands for nobody; the mean is of rows with answers, taken to be as frequent
among the others as in the check.
Cost: on 10,000 rows and a cheap score that correlates with the judge at 0.86, half of the rows are
judged for the best 7 % of ungraded scores, 20 % for 5 % out of 12 % of equal grade (16 % where
`best` names it); a cheap score that says little has nearly all judged: limit that with `most`.
The interval of recall held the truth 95 to 97.5 times in 100 in simulations with ungraded scores at
a goal; between goals, and with grades, where much of the loss is known, 99 to 100 times.
Not a published method: filters by a cheap model (FastText, Superfiltering, arXiv:2402.00530) do not
measure what they lose. Prediction-powered means: arXiv:2301.09633, arXiv:2311.01453.
Oracle: the exact best rows by brute force; 1,000 simulations in benchmarks/judge_simulations.py.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite
from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._judging import Judging
from tamis.recipes.cascade import Exact
from tamis.registry import find
from tamis.run.session import Run
from tamis.selectors.random import uniform
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Floats, Selection, order_by


@recipe(family="beyond")
def judge_cascade(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: ColumnName,
    cheap: ColumnName = "mean_rank(of=[length(unit=words),mtld])",
    first: Literal["high", "low"] = "high",
    best: float = inf,
    recall: float = 0.95,
    audit: int = 1000,
    most: float = 1.0,
    seed: int = 0,
) -> Selection:
    """The best rows by a judge that sees only rows a cheap score and an audit call for.

    Args:
        by: the judge's score, or any score that stands for each row by itself and is dear
        cheap: a score that all rows get; which way it goes is measured
        first: which end of the judge's score is best
        best: the best score that the judge can give, such as 5; none where it is infinite
        recall: share of the judge's own best rows to have, at the lower end of its interval
        audit: rows drawn at random that are judged first
        most: the largest share of the rows to be judged, the audit included
        seed: decides the audit
    """
    if not 0 < recall < 1 or audit < 4 or not 0 < most <= 1:
        raise UserError(
            f"judge_cascade: recall={recall} should be between 0 and 1, audit={audit} at least 4 "
            f"and most={most} above 0 and at most 1"
        )
    by, cheap = str(parse(by)), str(parse(cheap))
    _check(run, by, cheap)
    exact = Exact(run, data, by)
    exact(np.empty(0, np.int64))  # no score but vectors, say: told before anything is judged
    pool, limit = run.payable(data, [cheap], budget)
    allowed, wanted = int(most * len(pool) + 1e-9), min(limit.count or 0, len(pool))
    if allowed < max(min(audit, len(pool)), wanted):
        raise UserError(
            f"judge_cascade: most={most} of {len(pool):,} rows is {allowed:,}, and an audit of "
            f"{audit:,} and a budget of {limit} need more to be judged: raise most"
        )
    sign = 1.0 if first == "high" else -1.0
    drawn = order_by(uniform(pool.ids.tolist(), seed), pool.ids, descending=False)
    walk = Judging(
        pool.scores(cheap),
        pool.ids,
        lambda rows: sign * none_better(exact(rows), sign, best),
        audit=drawn[:audit],
        recall=recall,
        allowed=allowed,
        best=sign * best if isfinite(best) else inf,
    )
    costs = np.ones(len(pool), np.int64) if limit.tokens is None else pool.costs
    assert costs is not None
    picks = walk.picks(costs, limit.tokens or limit.count or 0)
    chosen = Selection.take(pool, limit, picks)
    gains = sign * chosen.gains
    told = {**chosen.info, **walk.report(sign), **at_cut(gains, exact.values, first)}
    return replace(chosen, gains=gains, info=told, dropped=exact.tell(pool, limit))


def _check(run: Run, by: str, cheap: str) -> None:
    """Raises UserError for a judge's score that cannot be had for some rows alone."""
    spec = find(parse(by).method, kinds=("score",), allow_code=run.allow_code)
    if spec.scope != "row":
        raise UserError(
            f"judge_cascade: by must be a score that stands for each row by itself, and {spec.name}"
            " looks at all rows: name a judge's score, such as a rating"
        )
    if by == cheap:
        raise UserError(
            f"judge_cascade: {by} is both the judge's score and the cheap one: name another cheap"
        )


def none_better(scores: Floats, sign: float, best: float) -> Floats:
    """The scores; raises UserError where one is better than the best that there can be."""
    highest = sign * float(np.fmax.reduce(sign * scores, initial=-inf)) + 0.0  # 0 is not -0
    if isfinite(best) and sign * highest > sign * best:
        raise UserError(
            f"judge_cascade: the judge gave {highest:g}, which is better than best={best:g}; name "
            "the best score that it can give, or leave best out"
        )
    return scores


def at_cut(gains: Floats, scores: Floats, first: Literal["high", "low"]) -> dict[str, Any]:
    """The mean of what was picked, the worst score of it, and how many rows have that."""
    if not len(gains):
        return {"mean_selected": None, "cut": None, "tied_picked": 0, "tied_judged": 0}
    cut = float(gains.min() if first == "high" else gains.max())
    return {
        "mean_selected": float(gains.mean()),
        "cut": cut,
        "tied_picked": int((gains == cut).sum()),
        "tied_judged": int((scores == cut).sum()),
    }
