"""Rows without an answer, or without a question: nothing can be learned from them.

Formula: 1 where the text is empty or white space only, else 0. An emoji or a line of Morse code
is an answer. Published sets hold such rows: 27 of 30,776 Alpaca rows have no answer.
Oracle: Python's str.strip.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="low", family="baseline", unit="0 or 1")
def empty(batch: Batch, *, of: Part = "response") -> Column:
    """1 where the answer, the instruction or both together are white space only, else 0.

    Args:
        of: which turns are looked at
    """
    trimmed = pc.utf8_trim_whitespace(batch.texts(of))
    return Column.floats(np.asarray(pc.equal(trimmed, "")).astype(np.float64))
