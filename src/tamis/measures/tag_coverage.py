"""Share of the pool's tags that the subset has: the diversity of InsTag.

Formula: |tags of the subset| / |tags of the pool|, distinct tags, compared as they are written
(InsTag, arXiv:2308.07074, which merges spellings before: give it merged tags). A column with one
label a row counts as one tag a row, so that it also measures sources, scripts or clusters; numbers
are labels as well. Rows without a value are left out of both.
Oracle: sets in plain Python.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tamis.errors import UserError
from tamis.measures._rows import inside
from tamis.spec import measure
from tamis.types import ColumnName, Ints, Pool


@measure(prefer="high", paper="arXiv:2308.07074")
def tag_coverage(pool: Pool, rows: Ints, *, tags: ColumnName) -> float:
    """Share of the distinct tags of the pool that occur in the subset.

    Args:
        tags: a column with tags, or with one label a row
    """
    if pa.types.is_fixed_size_list(pool.column(tags).values.type):
        raise UserError(f"column {tags!r} holds vectors, and tags or labels are needed here")
    every, chosen = inside(pool, rows, labels=tags)
    labels = pool.labels(tags)
    there: set[Any] = set()
    for row in every.tolist():
        there.update(tags_of(labels[row]))
    if not there:
        raise UserError(f"no row of the pool has a tag in {tags}")
    found: set[Any] = set()
    for row in every[chosen].tolist():
        found.update(tags_of(labels[row]))
    return len(found) / len(there)


def tags_of(value: Any) -> list[Any]:
    """The tags of a row: a list as it is, a label as one tag."""
    return value if isinstance(value, list) else [value]
