"""The kept row that is most like a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tamis.reports.opened import Selected
from tamis.run.session import Run
from tamis.types import Dataset
from tamis.vectors import Table, finite, products, unit

EMBEDDING = "embedding"

Nearest = tuple[int, float] | str
"""Position and cosine, or why there is none."""
Find = Callable[[int], Nearest]


def nearest_kept(one: Selected, data: Dataset, run: Run) -> Find:
    """Finds the nearest other kept row of a row, by the embedding of the run."""
    pool = run.score(data, [EMBEDDING])
    there = finite(pool, EMBEDDING)
    kept = one.rows[there[one.rows]]
    table = Table(pool, EMBEDDING, kept, directions=True)
    stored, problems = pool.stored_vectors(EMBEDDING), pool.column(EMBEDDING).problem

    def nearest(row: int) -> Nearest:
        if not there[row]:
            return f"the row has no embedding: {problems[row].as_py() or 'not finite'}"
        others = kept != row
        if not others.any():
            return "no other kept row has an embedding"
        vector = unit(stored[row : row + 1].astype(np.float32))[0]
        cosines = np.where(others, products(table, vector), -np.inf)
        at = int(cosines.argmax())
        return int(kept[at]), float(np.clip(cosines[at], -1, 1))

    return nearest
