"""Overlap of answer and instruction: how much of the answer's wording was given to it.

Formula: distinct word n-grams of the answer that also stand in the instruction, over distinct
n-grams of the answer, lower-cased. 1.0 is an answer that copies; extraction and correction tasks
are high by nature. An answer of fewer than n words has no value: `too_short`.
Scripts without spaces are cut into words by the run's segmenter; see the card of `length`.
Oracle: Python's sets, row by row.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tamis.errors import UserError
from tamis.protocols import Segmenter
from tamis.scorers._chars import as_strings
from tamis.scorers._repeats import tally, word_grams
from tamis.scorers._words import CLUSTERS, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column


@scorer(prefer="low", unit="share, 0 to 1", version=2)
def overlap(batch: Batch, segmenter: Segmenter = CLUSTERS, *, n: int = 1) -> Column:
    """Share of the answer's different n-grams that stand in the instruction.

    Args:
        n: words in an n-gram
    """
    if n < 1:
        raise UserError(f"overlap: n is at least 1, got {n}")
    rows = len(batch)
    answers = as_strings(batch.texts("response"))
    # both sides in one array, so that a word has the same number on both
    both = words(pa.concat_arrays([as_strings(batch.texts("instruction")), answers]), segmenter)
    pieces = word_grams(both, n)
    found = tally(pieces.keys, pieces.offsets)
    named, known = pieces.keys[found.firsts], int(pieces.keys.max(initial=0)) + 1
    if known * rows >= 1 << 62:
        named = np.unique(named, return_inverse=True)[1]
        known = len(named)
    asked = found.rows < rows
    at = found.rows[~asked] - rows
    given = np.isin(at * known + named[~asked], found.rows[asked] * known + named[asked])
    total = np.bincount(at, minlength=rows)
    share = np.bincount(at, weights=given, minlength=rows) / np.maximum(total, 1)
    return Column.floats(share, **wordless(answers, both.counts[rows:]), too_short=total == 0)
