"""The default of `tamis select`: drop what nobody wants to train on, then cover the rest.

1. Drop rows with an empty instruction or answer, rows whose answer refuses, and rows that are
   nearly the same as a row that stays (MinHash, Jaccard 0.8).
2. Rank the others by the mean of two ranks: words of the answer and MTLD of the answer.
3. Cover the embedding space with rows weighted by that rank (selector `cover`).

It needs no model beyond the table in the package, no network and no graphics card.
Evidence: docs/default_method.md. It is not a published method and nothing here claims that it
trains a better model than random rows; `tamis` will prove or replace it.
Oracle: none published; its parts have theirs, and it keeps the contract of every method.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tamis.budget import Budget
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Ints, Pool, Selection

FAULTS = {
    "empty answer": "empty(of=response)",
    "empty instruction": "empty(of=instruction)",
    "answer refuses": "refusal",
}


@recipe(family="baseline")
def clean_cover(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    quality: ColumnName = "mean_rank(of=[length(unit=words),mtld])",
    similarity: float = 0.8,
    strength: float = 1.0,
    seed: int = 0,
) -> Selection:
    """Rows that cover the pool, the better ones first; no empty, refusing or repeated rows.

    Args:
        quality: the score that says which rows are good
        similarity: rows this similar to a row that stays are dropped; 1 keeps all but copies
        strength: 0 covers only, larger values weigh quality more
        seed: decides the clusters of the cover
    """
    twin = f"near_duplicate(threshold={similarity})"
    pool = run.score(data, [*FAULTS.values(), twin, "embedding", quality])
    keep, dropped = clean(pool, twin)
    limit = budget.of(len(keep))
    there, lacking = scored(pool, ["embedding", quality])  # or the rows would be copied once more
    dropped |= {
        why: gone for why, rows in lacking.items() if len(gone := np.intersect1d(rows, keep))
    }
    keep = np.intersect1d(keep, there)
    cover = f"cover(of=embedding,quality={quality},strength={strength},seed={seed})"
    picked = run.select(pool.take(keep), cover, limit)
    return replace(picked, dropped={**dropped, **picked.dropped})


def clean(pool: Pool, twin: str) -> tuple[Ints, dict[str, Ints]]:
    """Rows worth training on, and the others by reason, each row under its first reason."""
    left = np.ones(len(pool), dtype=bool)
    dropped = {}
    for reason, name in [*FAULTS.items(), ("near duplicate", twin)]:
        has = pool.scores(name) > 0
        if name == "empty(of=instruction)" and has.all():
            continue  # plain documents: nobody asks anything in this pool
        rows = np.flatnonzero(left & has)
        if len(rows):
            dropped[reason] = rows
        left[rows] = False
    return np.flatnonzero(left), dropped
