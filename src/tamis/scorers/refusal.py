"""Refusal: 1.0 where the answer refuses, or opens with the boilerplate of a language model.

Formula: 1.0 if one of the patterns below is found in the first `within` characters, else 0.0. Later
text is not read: a story in which a robot says it is one is no refusal. An apology counts only
with an inability after it; an inability without one only at the very start, in the first person,
of something that a model is asked for. Patterns (`_refusals.py`) are our own, for English, Chinese,
French, Spanish, Portuguese, Italian, German, Dutch, Russian, Polish, Turkish, Japanese, Korean,
Arabic, Hindi, Vietnamese, Indonesian and Thai; other languages are never hits.
Measured: of 60 hits drawn from nine sets (Alpaca, its French and Chinese forms, LIMA, HH, OASST and
outputs of three models) 58 refuse or speak as a model; a third of those go on to answer. Declining
an invitation in a letter is a false hit.
A refusal may be the right answer (a harmful or impossible request): the score says what it is.
Oracle: hand-written refusals and near misses, six and four in each of the 14 languages beside
English and Chinese that are spoken most, one in the others.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.scorers._chars import as_strings
from tamis.scorers._refusals import PATTERNS
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="low", unit="1 refuses, 0 answers", version=2)
def refusal(batch: Batch, *, of: Part = "response", within: int = 300) -> Column:
    """1.0 where the answer refuses or opens as "an AI language model", else 0.0.

    Args:
        of: which turns are read
        within: characters from the start in which a pattern must stand
    """
    import polars as pl

    if within < 1:
        raise UserError(f"refusal: within is at least 1, got {within}")
    opening = pc.utf8_slice_codeunits(
        pc.utf8_trim_whitespace(as_strings(batch.texts(of))), 0, within
    )
    texts = pl.Series(pl.from_arrow(opening), dtype=pl.String)
    hits = np.zeros(len(texts), bool)
    for pattern in PATTERNS:  # one after the other: 19 times as fast as one long alternative
        hits |= texts.str.contains(f"(?i){pattern}").to_numpy()
    blank = (texts == "").to_numpy()
    return Column.floats(np.asarray(hits, np.float64), empty_text=np.asarray(blank, bool))
