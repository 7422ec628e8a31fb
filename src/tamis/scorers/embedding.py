"""A vector for each row: what every selector that spreads its picks looks at.

Formula: the embedder's unit vector of the instruction, the answer, or both in order.
Which text is embedded changes neighbours more than which model does; docs/embedding.md has the
measurement behind the default. Papers embed: the instruction alone (MoDS, IFD), both (DiverseEvol,
DQ, Superfiltering.D).
Oracle: the embedder called by hand on the joined text.
"""

from __future__ import annotations

import numpy as np

from tamis.protocols import Embedder
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="none", family="baseline", unit="unit vector")
def embedding(batch: Batch, embedder: Embedder, *, of: Part = "all") -> Column:
    """Unit vector of the row's text; null where the text has no token the embedder knows.

    Args:
        of: which turns are embedded
    """
    vectors = embedder.embed(batch.texts(of).to_pylist())
    return Column.vectors(vectors, no_known_token=~np.any(vectors, axis=1))
