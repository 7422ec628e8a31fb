"""Type-token ratio: share of a text's words that are different words.

Formula: distinct words / words, lower-cased. It falls with the length of the text, so among texts
of different length it mostly measures length: `mtld`, `mattr` and `hdd` correct for that.
Scripts without spaces are cut into words by the run's segmenter; see the card of `length`.
Oracle: lexicalrichness 0.5.1 to 1e-9.
"""

from __future__ import annotations

import numpy as np

from tamis.protocols import Segmenter
from tamis.scorers._repeats import distinct
from tamis.scorers._words import CLUSTERS, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="high", unit="ratio, 0 to 1", version=2)
def type_token_ratio(
    batch: Batch, segmenter: Segmenter = CLUSTERS, *, of: Part = "response"
) -> Column:
    """Number of different words over number of words.

    Args:
        of: which turns are read
    """
    texts = batch.texts(of)
    found = words(texts, segmenter)
    ratio = distinct(found.ids, found.offsets) / np.maximum(found.counts, 1)
    return Column.floats(ratio, **wordless(texts, found.counts))
