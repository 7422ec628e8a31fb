"""Repetition: share of the text that lies in repeated n-grams, the sign of a looping model.

Formula, in characters of words (spaces and punctuation left out), lower-cased:
- duplicate: words covered by an n-gram that stood earlier in the text; said twice, a text has 0.5.
- top: words covered by the most frequent n-gram, 0 where no n-gram comes twice; among equally
  frequent ones the longest.
Paper: Gopher (arXiv:2112.11446, table A1) drops a web page where top exceeds 0.20, 0.18, 0.16 for
n = 2, 3, 4, or duplicate 0.15, 0.14, 0.13, 0.12, 0.11, 0.10 for n = 5 to 10.
What other codes do differently: they multiply count by length, so that overlapping n-grams
("ha ha ha ha") exceed 1 and an n-gram that stands once counts as repeated in a text of n words;
some count the first occurrence of a duplicate. Here a word counts once and a first time is free.
Scripts without spaces are cut into words by the run's segmenter; see the card of `length`.
Oracle: a loop over the words of each row that marks them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.protocols import Segmenter
from tamis.scorers._repeats import Grams, tally, word_grams
from tamis.scorers._words import CLUSTERS, Words, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column, Ints, Mask, Part


@scorer(prefer="low", unit="share, 0 to 1", paper="arXiv:2112.11446", version=2)
def repetition(
    batch: Batch,
    segmenter: Segmenter = CLUSTERS,
    *,
    of: Part = "response",
    kind: Literal["duplicate", "top"] = "duplicate",
    n: int = 5,
) -> Column:
    """Share of the text's word characters that lie in repeated n-grams; 0 where nothing repeats.

    Args:
        of: which turns are read
        kind: all n-grams that stood before, or all places of the most frequent one
        n: words in an n-gram; the paper takes 5 to 10 for duplicate, 2 to 4 for top
    """
    if n < 1:
        raise UserError(f"repetition: n is at least 1, got {n}")
    texts = batch.texts(of)
    found = words(texts, segmenter)
    sizes = np.concatenate([[0], np.cumsum(pc.utf8_length(found.flat).to_numpy())])
    pieces = word_grams(found, n)
    marked = _again(pieces) if kind == "duplicate" else _most_frequent(pieces, sizes, n)
    covered = np.concatenate(
        [[0], np.cumsum(np.where(_covered(found, marked, n), np.diff(sizes), 0))]
    )
    total = np.diff(sizes[found.offsets])
    share = np.diff(covered[found.offsets]) / np.maximum(total, 1)
    return Column.floats(share, **wordless(texts, found.counts))


def _covered(found: Words, begins: Ints, n: int) -> Mask:
    """Words that lie in one of the n-grams that begin at the given words."""
    depth = np.zeros(len(found.flat) + 1, np.int64)
    np.add.at(depth, begins, 1)
    np.add.at(depth, begins + n, -1)
    inside: Mask = np.cumsum(depth)[:-1] > 0
    return inside


def _again(pieces: Grams) -> Ints:
    """Where the n-grams begin that stood earlier in their text."""
    first = np.zeros(len(pieces.keys), bool)
    first[tally(pieces.keys, pieces.offsets).firsts] = True
    return pieces.places[~first]


def _most_frequent(pieces: Grams, sizes: Ints, n: int) -> Ints:
    """Where each text's most frequent n-gram begins, each time; nowhere if it stands once."""
    found = tally(pieces.keys, pieces.offsets)
    begins = pieces.places[found.firsts]
    lengths = sizes[begins + n] - sizes[begins]
    order = np.lexsort((found.firsts, -lengths, -found.counts, found.rows))
    best = np.zeros(len(order), bool)
    best[order[np.diff(found.rows[order], prepend=-1) != 0]] = True
    best &= found.counts > 1
    return pieces.places[best[found.labels]]
