"""The subset as a measure sees it: sorted by id, without the rows that have no value."""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.selectors._rows import usable
from tamis.types import Ints, Pool


def inside(pool: Pool, rows: Ints, *, vectors: str = "", labels: str = "") -> tuple[Ints, Ints]:
    """Rows of the pool that have a value, sorted by id, and where among them the subset's are.

    A row that is named twice counts once.
    """
    if len(rows) and not (0 <= rows.min() and rows.max() < len(pool)):
        raise UserError(f"the subset names a row that the pool of {len(pool):,} rows has not")
    every, _ = usable(pool, vectors=[vectors], labels=labels)
    chosen = np.flatnonzero(np.isin(every, rows)).astype(np.int64)
    if not len(chosen):
        raise UserError(f"no row of the subset has a value in {vectors or labels}")
    return every, chosen
