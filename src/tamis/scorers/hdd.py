"""HD-D: expected type-token ratio of a fixed number of words drawn from the text.

Formula: sum over types of P(the type is among `draws` words drawn without replacement) / draws,
with P from the hypergeometric distribution. Unlike the plain ratio it does not fall with length.
Paper: McCarthy and Jarvis 2007 (42 draws). A text shorter than the draws has no value: `too_short`.
Scripts without spaces are cut into words by the run's segmenter; see the card of `length`.
Oracle: lexicalrichness 0.5.1 (scipy's hypergeometric) to 1e-9.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Segmenter
from tamis.scorers._repeats import tally
from tamis.scorers._words import CLUSTERS, Words, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column, Floats, Part


@scorer(prefer="high", unit="ratio, 0 to 1", version=2)
def hdd(
    batch: Batch, segmenter: Segmenter = CLUSTERS, *, of: Part = "response", draws: int = 42
) -> Column:
    """Expected share of different words among `draws` words of the text.

    Args:
        of: which turns are read
        draws: words drawn; a text with fewer has no value
    """
    if draws < 1:
        raise UserError(f"hdd: draws is at least 1, got {draws}")
    texts = batch.texts(of)
    found = words(texts, segmenter)
    short = found.counts < draws
    problems = wordless(texts, found.counts)
    return Column.floats(expected_ratio(found, draws), **problems, too_short=short)


def expected_ratio(found: Words, draws: int) -> Floats:
    """HD-D of each text; 0 for a text with fewer words than draws."""
    types = tally(found.ids, found.offsets)
    long = (found.counts >= draws)[types.rows]
    rows, counts = types.rows[long], types.counts[long]
    # few pairs of text length and frequency are different: the product is taken once for each
    base = int(counts.max(initial=0)) + 1
    pairs, which = np.unique(found.counts[rows] * base + counts, return_inverse=True)
    size, count = (pairs // base).astype(np.float64), pairs % base
    missed = np.ones(len(size))
    for drawn in range(draws):
        missed *= np.maximum(size - count - drawn, 0) / (size - drawn)
    shares = (1 - missed)[which] / draws
    return np.bincount(rows, weights=shares, minlength=len(found.counts)).astype(np.float64)
