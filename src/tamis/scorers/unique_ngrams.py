"""Unique n-gram ratio (distinct-n): share of a text's n-grams that are different ones.

Formula: distinct word n-grams / word n-grams, lower-cased.
Paper: distinct-1 and distinct-2 of Li et al. (arXiv:1510.03055), there over a whole corpus of
answers and divided by its words; here within a text and divided by its n-grams, so that 1 is
reached. A text of fewer than n words has no n-gram and no value: `too_short`.
Scripts without spaces are cut into words by the run's segmenter; see the card of `length`.
Oracle: Python's set over zipped slices, row by row.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Segmenter
from tamis.scorers._repeats import distinct, word_grams
from tamis.scorers._words import CLUSTERS, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="high", unit="ratio, 0 to 1", paper="arXiv:1510.03055", version=2)
def unique_ngrams(
    batch: Batch, segmenter: Segmenter = CLUSTERS, *, of: Part = "response", n: int = 2
) -> Column:
    """Number of different n-grams of words over number of n-grams.

    Args:
        of: which turns are read
        n: words in an n-gram
    """
    if n < 1:
        raise UserError(f"unique_ngrams: n is at least 1, got {n}")
    texts = batch.texts(of)
    found = words(texts, segmenter)
    pieces = word_grams(found, n)
    total = np.diff(pieces.offsets)
    ratio = distinct(pieces.keys, pieces.offsets) / np.maximum(total, 1)
    return Column.floats(ratio, **wordless(texts, found.counts), too_short=total == 0)
