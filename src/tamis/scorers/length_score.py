"""LIFT's length score: how long a row is beside the longest rows of its pool, from 0 to 100.

Formula: min(100, 100 * n / p), n the row's characters without tabs and line breaks, p the 98th
percentile of n over the pool, interpolated linearly.
Paper (arXiv:2312.11508): a tenth of the final score; the rest is `lift_rating`. Official
code measures instruction, input and answer together, as of=all does, and takes the percentile
over the rows that its first stage kept; the recipe `lift` does the same.
An empty row scores 0, which is its length and no failure. A pool whose percentile is 0 has no
scale: no row of it gets a score.
The score is relative to the pool: add rows and it moves.
Cost: one pass over the texts.
Oracle: methods.md L1.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.scorers._blocks import blocks
from tamis.spec import scorer
from tamis.types import Column, Floats, Part, Pool


@scorer(prefer="high", family="powerful-llm", unit="0 to 100", paper="arXiv:2312.11508")
def length_score(pool: Pool, *, of: Part = "all", percentile: float = 98.0) -> Column:
    """min(100, 100 * characters / their 98th percentile), tabs and line breaks not counted.

    Args:
        of: which turns are measured
        percentile: the length that gets 100, as a percentile of the pool's lengths
    """
    if not 0 < percentile <= 100:
        raise UserError(f"length_score: percentile is above 0 and at most 100, got {percentile}")
    found = [characters(texts) for _, texts in blocks(pool.data, of)]
    lengths = np.concatenate(found) if found else np.empty(0)
    full = float(np.percentile(lengths, percentile)) if len(lengths) else 0.0
    scores = np.minimum(100.0, 100 * lengths / (full or 1.0))
    return Column.floats(scores, no_scale=np.full(len(pool), full == 0))


def characters(texts: pa.Array) -> Floats:
    """Code points of each text without tabs and line breaks."""
    for blank in ("\t", "\n"):
        texts = pc.replace_substring(texts, blank, "")
    return np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False), np.float64)
