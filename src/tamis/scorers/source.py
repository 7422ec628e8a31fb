"""The file a row came from, as a label: quotas by source when several files are read at once.

Oracle: the rows themselves.
"""

from __future__ import annotations

from tamis.spec import scorer
from tamis.types import Column, Pool


@scorer(prefer="none", unit="label", version=2, stored=False)
def source(pool: Pool) -> Column:
    """The path of the file that held the row, as it was given."""
    paths = [s.path for s in pool.data.sources]
    return Column.strings([paths[i] for i in pool.data.table["source"].to_pylist()])
