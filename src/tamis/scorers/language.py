"""Language of a row: an ISO 639-1 code, or `unknown`; for quotas and for multilingual pools.

Rule: code, formulas, addresses and markup are taken out. Then the script of most letters decides,
a letter of Han counting as 3 of an alphabet, kana and Hangul as 2; Han is Chinese unless at least
one letter in ten is kana. A script of one language names it. Latin, Cyrillic, Arabic and
Devanagari have several: a detector reads at most 1,200 characters of that script. Where it is not
sure, the next script counts if it has a quarter of the letters (names in Latin letters have no
language), else the row is `unknown`, as is one of nothing but code, digits or emoji.
Detectors: `words`, in the package, knows small words and spellings of 50 languages. It is sure if
the evidence for the first one is at least 0.5 (a small word is 1, shared by k languages 1/k; a
spelling half of that) and leads the second by 10 % or 1, and from 8 words on if 6 % are small
words. `lingua` (extra `lang`) is asked where `words` is not sure of one of 13 languages and at
least 12 characters are left; where its first language leads by less than 0.05 it is not sure.
The store keeps the two apart.
Not told apart: Indonesian and Malay by `words` (id), the written forms of Norwegian (no), varieties
of Chinese (zh). Scripts whose languages have no two-letter code are unknown.
Measured: benchmarks/languages.py, docs/languages.md.
Oracle: hand-labelled lines in 40 languages.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from tamis.protocols import Languages
from tamis.scorers._languages import languages_of
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="none", unit="label")
def language(batch: Batch, languages: Languages, *, of: Part = "all") -> Column:
    """ISO 639-1 code of the language of most letters, as en or zh; or unknown.

    Args:
        of: which turns are read
    """
    texts = batch.texts(of)
    blank = np.asarray(pc.equal(pc.utf8_trim_whitespace(texts), ""))
    return Column.strings(languages_of(texts, languages), empty_text=blank)
