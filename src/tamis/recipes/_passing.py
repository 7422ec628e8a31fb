"""Rows that pass a bound: what recipes share that drop rows whose instruction does not help."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.budget import Budget
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.types import Column, Dataset, Floats, Ints, Mask, Pool


def scored_pool(run: Run, data: Dataset, budget: Budget, *columns: str) -> Pool:
    """All rows with these columns and those of the quotas, which then are of the whole pool."""
    return run.score(data, [*columns, *(quota.column for quota in budget.quotas)])


def passing(
    pool: Pool, columns: Sequence[str], passes: Mask, otherwise: str
) -> tuple[Ints, dict[str, Ints]]:
    """Positions of the rows with a value in every column that pass, and the others by reason."""
    there, dropped = scored(pool, columns)
    left = there[passes[there]]
    gone = there[~passes[there]]
    if len(gone):
        dropped[otherwise] = pool.rows[gone]
    return left, dropped


def over_all_rows(column: Column, rows: Ints, total: int, otherwise: str) -> Column:
    """A column of some rows as one of all `total`; the others have the problem `otherwise`."""
    place = np.full(total, -1, np.int64)
    place[rows] = np.arange(len(rows))
    index = pa.array(place, mask=place < 0)
    missing = pa.scalar(otherwise, pa.string())
    problem = pc.if_else(pa.array(place < 0), missing, column.problem.take(index))
    return Column(column.values.take(index), problem)


def below_one(ratios: Floats) -> Mask:
    """Ratios below 1: the instruction helps. A missing one is not below."""
    with np.errstate(invalid="ignore"):
        return np.asarray(ratios < 1)


def rows_in(share: float, rows: int) -> int:
    """A share of the rows, rounded down, at least one."""
    return max(int(share * rows + 1e-9), 1)
