"""SCAR: the rows whose answers are most consistent in style, after exact copies are dropped.

1. A row that says the same as another is dropped (`exact copy`; copies=keep leaves all).
2. Every row gets the score of a style ranker, reward(model=FOLDER), which `tamis teach --kind scar`
   teaches on answers of three kinds to the same instructions.
3. The highest scores are picked.
Paper (arXiv:2406.10882): a ranker on an encoder (gte-base) learns that a model's own answer is more
consistent than one it wrote with the human's in view, and that than the human's. A model trained on
the 10,000 most consistent of 320,000 rows had a length-controlled win rate of 5.37 against 3.86 for
all (OLMo 7B, by the authors).
Official code keeps a share, a number, or all above a threshold: budgets here; it compares
instruction and answer of near-copies word by word in a tool beside (similarity=0.8, say, drops such
rows by MinHash), fails on a batch of one row, and breaks ties by the order of the file: ids here.
The ranker prefers what reads like one model's answers. Whether that is what a pool needs is an
assumption of the method: where all rows come from one model there is little to choose.
Cost: two forward passes of the encoder a row, of the question and of the answer.
Oracle: the ranking by hand; the ranker's own in models/scar.py and training/scar.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._passing import scored_pool
from tamis.recipes.car import COPY, Copies, distinct
from tamis.run.session import Run
from tamis.spec import recipe
from tamis.types import ColumnName, Dataset, Selection


@recipe(family="small-model", paper="arXiv:2406.10882")
def scar(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    by: ColumnName = "reward",
    copies: Copies = "drop",
    similarity: float = 1.0,
) -> Selection:
    """Rows in the order of a style ranker's score, highest first, without copies.

    Args:
        by: the score: reward(model=FOLDER) with a taught ranker
        copies: drop leaves one row of those that say the same, keep leaves all
        similarity: rows this similar to one that stays are dropped as well; 1 leaves them
    """
    if not 0 < similarity <= 1:
        raise UserError(f"scar: similarity is above 0 and at most 1, got {similarity}")
    name, near = str(parse(by)), f"near_duplicate(threshold={similarity})"
    wanted = [name, *([COPY] if copies == "drop" else []), *([near] if similarity < 1 else [])]
    pool, dropped = distinct(scored_pool(run, data, budget, *wanted), copies)
    if similarity < 1:
        again = pool.scores(near) > 0
        if again.any():
            dropped["near duplicate"] = pool.rows[again]
        pool = pool.take(np.flatnonzero(~again))
    picked = run.select(pool, f"top_k(by={name})", budget)
    return replace(picked, dropped={**dropped, **picked.dropped})
