"""LIFT: of an expanded pool the rows that vary most, and of these the ones that a judge rates best.

0. Expand beforehand: `tamis evolve` writes the pool and k rounds of harder requests, with answers.
   Without it this is LIFT's selection on the pool as it is.
1. Keep rows whose `row_variance` is above the 80th percentile (interpolated linearly).
2. Rate these: 0.9 * lift_rating + 0.1 * length_score, and take the best.
Paper (arXiv:2312.11508): GPT-4 as the judge, GPT-3.5 to expand, ada-002 vectors of "<INST>" text,
10,000 rows of code and 15,000 of Platypus. Here the judge is the run's (another one for the rating:
rating=lift_rating(judge=NAME@URL)), and the vectors are those of `embedding`.
Official code: see the cards of row_variance, lift_rating and length_score for its divisor, its
count of components and its zeros. Its parts find rows by their position in three files, of which
one skips rows whose embedding failed and two are read under names they were not written to; here
everything is a column of the row's id. Failures are null and dropped by name, not rated 0.
length_score is relative to the rows that step 1 kept, as in the code. Only these are asked about,
a fifth of the pool, whatever the budget; so a smaller selection is the start of a larger one. Ties
go by id. The columns of step 2 are reported as `..., by lift`, not_rated for rows that step 1
dropped; the manifest tells the percentile (`above`) and how many rows are `rated`.
Cost: a question for each row that step 1 keeps; three passes over the vectors.
Oracle: methods.md L1; numpy's percentile and sort on given columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.judging.rubrics import plain
from tamis.notation import parse
from tamis.recipes._passing import over_all_rows, passing, scored_pool
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Selection

NOT_RATED = "not_rated"


@recipe(family="powerful-llm", paper="arXiv:2312.11508")
def lift(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    variance: ColumnName = "row_variance",
    percentile: float = 80.0,
    rating: ColumnName = "lift_rating",
    length: ColumnName = "length_score",
    weights: tuple[float, float] = (9.0, 1.0),
) -> Selection:
    """Rows above the 80th percentile of variance, by 0.9 * rating + 0.1 * length score.

    Args:
        variance: how much a row varies
        percentile: rows at or below this percentile of it are dropped
        rating: a judge's rating, on the scale of `length`
        length: the score that counts beside it, relative to the rows that are kept
        weights: how much rating and length count, in proportion
    """
    if not 0 <= percentile < 100:
        raise UserError(f"lift: percentile is at least 0 and below 100, got {percentile}")
    variance, rating, length = (str(parse(name)) for name in (variance, rating, length))
    shares = ",".join(plain(weight) for weight in weights)
    final = str(parse(f"weighted_mean(of=[{rating},{length}],weights=[{shares}])"))
    pool = scored_pool(run, data, budget, variance)
    values = pool.scores(variance)
    there = values[~np.isnan(values)]
    bound = float(np.percentile(there, percentile)) if len(there) else np.nan
    with np.errstate(invalid="ignore"):
        above = np.asarray(values > bound)
    reason = f"{variance} not above percentile {percentile:g}"
    keep, dropped = passing(pool, [variance], above, reason)
    inside = run.score(pool.take(keep), [final])
    picked = run.select(inside, f"top_k(by={final})", budget)
    for name in (rating, length, final):
        column = over_all_rows(inside.column(name), keep, len(pool), NOT_RATED)
        run.computed[data.fingerprint, f"{name}, by lift"] = column
    info = {**picked.info, "above": bound, "rated": len(keep)}
    return replace(picked, info=info, dropped={**dropped, **picked.dropped})
