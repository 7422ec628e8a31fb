"""Readability by the classic formulas.

Formulas, with words, sentences, letters (and digits) and syllables of the text:
- flesch: 206.835 - 1.015 words/sentences - 84.6 syllables/words; English only, high is easy.
- ari: 4.71 letters/words + 0.5 words/sentences - 21.43; a school grade, high is hard.
- lix: words/sentences + 100 words of more than 6 letters/words; made for Swedish, used for many
  alphabetic languages, high is hard.
Sources: Flesch 1948; Smith and Senter 1967 (ARI); Björnsson 1968 (LIX).
Rules: an apostrophe inside a word joins it (`don't` is one). A sentence ends at . ! ? (or the full
stops of other scripts) before white space, or at the end of a line, and holds a letter; so the
items of a list are sentences. Syllables of an English word: groups of the vowels a e i o u y, less
a final silent e (not after a vowel, not `-le` after a consonant) and a final `-ed` not after t or
d, at least one. A dictionary differs on about one word in ten; textstat uses one.
Meaningless for texts of Han, kana or Thai, where a word is a character here whatever the run's
segmenter; take the rows with script = Latin.
Oracle: hand-worked sentences; a loop over words and sentences.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.scorers._chars import as_strings
from tamis.scorers._words import Words, wordless, words
from tamis.spec import scorer
from tamis.types import Batch, Column, Floats, Ints, Part

_SENTENCE = r"\p{L}[^\n]*?(?:[.!?…]+[\"')\]»”’]*(?:\s|\z)|[。！？؟۔।॥]|\n|\z)"


@scorer(prefer="none", unit="flesch: 0 to 100, ari: grade, lix: 20 to 60", version=2)
def readability(
    batch: Batch, *, of: Part = "response", formula: Literal["flesch", "ari", "lix"] = "flesch"
) -> Column:
    """Readability of the text; flesch is high for easy English, ari and lix for hard text.

    Args:
        of: which turns are read
        formula: flesch holds for English only, ari and lix for alphabetic scripts
    """
    import polars as pl

    texts = pl.Series(pl.from_arrow(as_strings(batch.texts(of))), dtype=pl.String)
    joined = texts.str.replace_all(r"(\p{L})['’](\p{L})", "${1}${2}").to_arrow()
    found = words(joined)
    sentences = np.maximum(texts.str.count_matches(_SENTENCE).to_numpy().astype(np.int64), 1)
    count = np.maximum(found.counts, 1)
    pace = found.counts / sentences
    if formula == "flesch":
        values = 206.835 - 1.015 * pace - 84.6 * _total(found, _syllables) / count
    elif formula == "ari":
        values = 4.71 * _total(found, _letters) / count + 0.5 * pace - 21.43
    else:
        values = pace + 100 * _total(found, _is_long) / count
    return Column.floats(values, **wordless(joined, found.counts))


def _total(found: Words, measure: Any) -> Floats:
    """The sum of a measure over the words of each text; each different word is measured once."""
    coded = found.flat.dictionary_encode()
    sizes: Ints = measure(coded.dictionary)[coded.indices.to_numpy()]
    total: Floats = np.diff(np.concatenate([[0.0], np.cumsum(sizes)])[found.offsets])
    return total


def _letters(vocabulary: pa.Array) -> Ints:
    lengths: Ints = pc.utf8_length(vocabulary).to_numpy().astype(np.int64)
    return lengths


def _is_long(vocabulary: pa.Array) -> Ints:
    return (_letters(vocabulary) > 6).astype(np.int64)


def _syllables(vocabulary: pa.Array) -> Ints:
    return np.array([syllables(word) for word in vocabulary.to_pylist()], np.int64)


def syllables(word: str) -> int:
    """Syllables of an English word in lower case, by its letters."""
    groups = len(re.findall(r"[aeiouyàâäéèêëíîïóôöúûü]+", word))
    silent = re.search(r"(?:[^aeiouyl]e|[aeiouy]le|[^aeioutdy]ed)$", word)
    return max(groups - bool(silent), 1)
