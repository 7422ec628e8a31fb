"""How many different tags a row has: INSTAG's complexity.

Formula: the number of distinct tags. Paper: #InsTag (arXiv:2308.07074), normalised tags of a row's
queries; its subset of 6,000 rows has 16.56 a row. Any column of tags will do, and a plain label is
one tag. No tags are 0; a row whose tags are missing has no count, for the same reason.
Oracle: counting by hand.
"""

from __future__ import annotations

import numpy as np

from tamis.scorers._problems import carried
from tamis.spec import scorer
from tamis.tags import tagged
from tamis.types import Column, ColumnName, Pool


@scorer(prefer="high", family="powerful-llm", unit="tags", paper="arXiv:2308.07074")
def tag_count(pool: Pool, *, of: ColumnName = "normal_tags") -> Column:
    """Number of distinct tags of a row.

    Args:
        of: the column with a list of tags a row
    """
    return Column.floats(np.diff(tagged(pool, of).starts), **carried(pool, [of]))
