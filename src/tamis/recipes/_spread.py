"""Columns of some rows as columns of all: what a recipe asked for a part of the pool alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.types import Column, Ints


def spread(column: Column, rows: Ints, total: int, otherwise: str) -> Column:
    """The column with a value for each of `total` rows; the others have the problem `otherwise`."""
    place = np.full(total, -1, np.int64)
    place[rows] = np.arange(len(rows))
    index = pa.array(place, mask=place < 0)
    missing = pa.scalar(otherwise, pa.string())
    problem = pc.if_else(pa.array(place < 0), missing, column.problem.take(index))
    return Column(column.values.take(index), problem)
