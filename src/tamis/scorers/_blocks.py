"""Texts of a dataset a block at a time, so that memory follows the block and not the pool."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.types import Dataset, Part

ROWS = 4096
BYTES = 8 << 20


def blocks(data: Dataset, of: Part) -> Iterator[tuple[int, pa.Array]]:
    """(First row, texts) of runs of at most ROWS rows and about BYTES bytes, a long row alone."""
    for number, batch in enumerate(data.batches(ROWS)):
        texts = batch.texts(of)
        filled = np.cumsum(np.asarray(pc.binary_length(texts), np.int64)) // BYTES
        cuts = [0, *(np.flatnonzero(np.diff(filled)) + 1).tolist(), len(texts)]
        for start, stop in pairwise(cuts):
            yield number * ROWS + start, texts.slice(start, stop - start)
