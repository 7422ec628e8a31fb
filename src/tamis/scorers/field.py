"""A field of the source rows as a label: the column for quotas by category, source or anything.

Formula: the value of the named field as text; null where a row has none.
Oracle: the rows themselves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from tamis.spec import scorer
from tamis.types import Batch, Column


@scorer(prefer="none", unit="label", version=2, stored=False)
def field(batch: Batch, *, name: str) -> Column:
    """The value of a field of the source row, as text.

    Args:
        name: the field as the source file names it
    """
    values = field_values(batch.table["extra"].to_pylist(), name)
    return Column.strings(
        values, no_field=np.array([value is None for value in values], dtype=bool)
    )


def field_values(extras: Sequence[str | None], name: str) -> list[str | None]:
    """A field of the rows' other fields as text; None where a row has none."""
    values = [json.loads(text).get(name) if text else None for text in extras]
    return [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
