"""MTLD, measure of textual lexical diversity: how many words pass before a text repeats itself.

Formula: read the words and open a factor; it closes when types / tokens <= threshold. What is left
at the end counts as the part (1 - types / tokens) / (1 - threshold) of a factor. Length divided by
factors, mean of reading forwards and backwards. A text whose words are all different is one factor:
its MTLD is its number of words.
Paper: McCarthy and Jarvis 2010 (threshold 0.72); INSTRUCTMINING (arXiv:2307.06290) uses it as an
indicator, lower-cased and without punctuation, as here. Some codes close a factor at < and need 10
words in it; the definition has neither. Under 100 words the value is mostly the length of the text.
Scripts without spaces are cut into words by the run's segmenter (card of `length`): compare values
within a language and under one segmenter.
Oracle: lexicalrichness 0.5.1 to 1e-9; "the cat sat on the mat the cat ran" is 9.0 both ways.
Fast path: types / tokens only falls at a word seen before, so only those are looked at.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Segmenter
from tamis.scorers._repeats import earlier
from tamis.scorers._words import CLUSTERS, Words, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column, Floats, Ints, Part


@scorer(prefer="high", unit="words a factor", paper="arXiv:2307.06290", version=2)
def mtld(
    batch: Batch, segmenter: Segmenter = CLUSTERS, *, of: Part = "response", threshold: float = 0.72
) -> Column:
    """Mean number of words over which types / tokens stays above the threshold.

    Args:
        of: which turns are read
        threshold: types / tokens at which a factor closes, between 0 and 1; 0.66 to 0.75 is usual
    """
    if not 0 < threshold < 1:
        raise UserError(f"mtld: threshold lies between 0 and 1, got {threshold}")
    texts = batch.texts(of)
    found = words(texts, segmenter)
    return Column.floats(diversity(found, threshold), **wordless(texts, found.counts))


def diversity(found: Words, threshold: float) -> Floats:
    """MTLD of each text; NaN for a text without words."""
    before = earlier(found.ids)
    here = np.flatnonzero(before >= found.starts)
    last = before[here]
    edges = np.searchsorted(here, found.offsets)
    forwards = _factors(here, last, found.offsets, edges, threshold)
    # read backwards, a word seen before is one that comes again, and the text begins at its end
    order = np.argsort(last, kind="stable")
    total = len(before) - 1
    backwards = _factors(
        total - last[order][::-1],
        total - here[order][::-1],
        len(before) - found.offsets[::-1],
        len(here) - np.searchsorted(last[order], found.offsets)[::-1],
        threshold,
    )[::-1]
    with np.errstate(invalid="ignore"):
        mean: Floats = (found.counts / forwards + found.counts / backwards) / 2
    return mean


def _factors(here: Ints, last: Ints, offsets: Ints, edges: Ints, threshold: float) -> Floats:
    """Number of factors of each text: `here` are its words seen before, `last` where they were."""
    seen = list(zip(here.tolist(), last.tolist(), strict=True))
    starts, bounds = offsets.tolist(), edges.tolist()
    factors = np.zeros(len(starts) - 1)
    for row, start in enumerate(starts[:-1]):
        end, closed, repeats = starts[row + 1], 0, 0
        for place, before in seen[bounds[row] : bounds[row + 1]]:
            if before >= start:
                repeats += 1
                tokens = place + 1 - start
                if (tokens - repeats) / tokens <= threshold:
                    closed, start, repeats = closed + 1, place + 1, 0
        rest = (1 - (end - start - repeats) / (end - start)) / (1 - threshold) if end > start else 0
        # no word comes twice: the text is one factor
        factors[row] = closed + rest or float(end > start)
    return factors
