"""MATTR, moving-average type-token ratio: mean share of different words in a sliding window.

Formula: mean over all windows of `window` successive words of types / window.
Paper: Covington and McFall 2010 (windows of 500 for books). The default here is 50, since answers
are short; a text shorter than the window has no value (`too_short`): the plain ratio in its place
would be another measure, higher the shorter the text.
Scripts without spaces are cut into words by the run's segmenter; see the card of `length`.
Oracle: lexicalrichness 0.5.1 to 1e-9.
Fast path: no window is walked. A word counts as a type in those windows that hold it and not its
last occurrence before: an interval, so the sum over windows is a sum over words.
"""

from __future__ import annotations

import numpy as np

from tamis.errors import UserError
from tamis.protocols import Segmenter
from tamis.scorers._repeats import earlier
from tamis.scorers._words import CLUSTERS, Words, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column, Floats, Part


@scorer(prefer="high", unit="ratio, 0 to 1", version=2)
def mattr(
    batch: Batch, segmenter: Segmenter = CLUSTERS, *, of: Part = "response", window: int = 50
) -> Column:
    """Mean share of different words among `window` successive words.

    Args:
        of: which turns are read
        window: words in a window; a text with fewer has no value
    """
    if window < 1:
        raise UserError(f"mattr: window is at least 1, got {window}")
    texts = batch.texts(of)
    found = words(texts, segmenter)
    short = found.counts < window
    problems = wordless(texts, found.counts)
    return Column.floats(moving_ratio(found, window), **problems, too_short=short)


def moving_ratio(found: Words, window: int) -> Floats:
    """MATTR of each text; of no meaning for a text with fewer words than the window."""
    place = np.arange(len(found.flat))
    ends = np.repeat(found.offsets[1:], found.counts)
    first = np.maximum(np.maximum(found.starts, place - window + 1), earlier(found.ids) + 1)
    last = np.minimum(place, ends - window)
    windows = np.concatenate([[0], np.cumsum(np.maximum(last - first + 1, 0))])
    types = np.diff(windows[found.offsets])
    ratio: Floats = types / (window * np.maximum(found.counts - window + 1, 1))
    return ratio
