"""Superfiltering: IFD read by a small model, as a ratio of perplexities; and its diverse form.

Formula: `ifd(ratio=perplexity)`; rows strictly below 1, the highest first.
diversity=true (Superfiltering.D): of those the best `candidates` of the pool, and among them
facility location on embeddings of the whole row, similarity exp(-distance / dimensions).
Paper: arXiv:2402.00530, with GPT-2: instruction, line break, input, line break, answer, max_length
1024; embeddings all-MiniLM-L6-v2; 20 % of the pool as candidates, from which 2 % are chosen.
Official code counts 52,002 x rate rows whatever the pool, makes an error a ratio of 0, and has no
start token: `superfiltering(by=ifd(ratio=perplexity,template=plain,start=false))`, which leaves the
first token out of the answer alone. Its diverse form takes a number of candidates, or all rows
above 0.9 and below 1: `superfiltering(diversity=true,candidates=1,at_least=0.9)`, which keeps
exactly 0.9 too. Here both are of the whole pool, and a row without a ratio is dropped with its
reason. Which rows are candidates does not depend on the budget, so a smaller selection is the start
of a larger one; a budget above the candidates takes all of them. Facility location compares all
candidates with all; above some 20,000 of them similarity=cosine, which compares neighbours, is the
faster choice.
Oracle: methods.md P1, P4 on a model with given losses; the diverse form against its parts by hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._passing import below_one, passing, rows_in, scored_pool
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Selection, order_by


@recipe(family="beyond", paper="arXiv:2402.00530")
def superfiltering(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: ColumnName = "ifd(ratio=perplexity,template=plain)",
    diversity: bool = False,
    candidates: float = 0.2,
    at_least: float = 0.0,
    of: ColumnName = "embedding",
    similarity: Literal["exp_distance", "cosine"] = "exp_distance",
) -> Selection:
    """Rows with the highest IFD below 1, or a diverse choice among them.

    Args:
        by: the ratio
        diversity: choose among the best rows by facility location
        candidates: share of the pool that it chooses from
        at_least: lower bound of the ratio
        of: the vectors that it looks at
        similarity: of two vectors; cosine is fast for many candidates
    """
    if not 0 < candidates <= 1:
        raise UserError(f"candidates is a share above 0 and at most 1, got {candidates}")
    if not diversity and (candidates, of, similarity) != (0.2, "embedding", "exp_distance"):
        raise UserError(
            "superfiltering: candidates, of and similarity belong to its diverse form: set "
            "diversity=true"
        )
    by = str(parse(by))
    pool = scored_pool(run, data, budget, by)
    ratios = pool.scores(by)
    if not diversity:
        bounds = f"at_least={at_least},at_most=1,closed=left"
        return run.select(pool, f"threshold(by={by},{bounds})", budget)
    keep, dropped = passing(pool, [by], below_one(ratios), f"{by} not below 1")
    order = keep[order_by(ratios[keep], pool.ids[keep])]
    best = order[ratios[order] >= at_least][: rows_in(candidates, len(pool))]
    rest = np.setdiff1d(order, best)
    if len(rest):
        dropped["not among the candidates"] = rest
    mode = "exact" if similarity == "exp_distance" else "automatic"
    spread = f"facility_location(of={of},mode={mode},similarity={similarity})"
    picked = run.select(pool.take(best), spread, budget)
    return replace(picked, dropped={**dropped, **picked.dropped})
