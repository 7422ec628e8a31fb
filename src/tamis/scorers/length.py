"""Length in characters or words: the control that every comparison needs.

Formula: number of Unicode characters, or of words. In scripts written without spaces a word is one
of ICU's with --segmenter icu (extra `lang`), and else a character (Han, kana) or an orthographic
cluster (Thai, Lao, Khmer, Burmese), which makes 1.35 to 2.6 times as many; see `_words.py`. The
store keeps the two apart.
Paper: "Long Is More for Alignment" (arXiv:2402.04833) takes the 1,000 longest answers; its unit is
tokens of the target model, which the scorer `tokens` gives. Survey methods that use length:
INSTRUCTMINING, LIFT, InstructionGPT-4.
Oracle: Python's len and hand-counted lines in eight scripts.
"""

from __future__ import annotations

from typing import Literal

import pyarrow.compute as pc

from tamis.protocols import Segmenter
from tamis.scorers._words import CLUSTERS, count_words
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(
    prefer="high",
    family="baseline",
    unit="characters or words",
    paper="arXiv:2402.04833",
    version=2,
)
def length(
    batch: Batch,
    segmenter: Segmenter = CLUSTERS,
    *,
    of: Part = "response",
    unit: Literal["characters", "words"] = "characters",
) -> Column:
    """Number of characters or words of the answer, the instruction or both; 0 for an empty text.

    Args:
        of: which turns are measured
        unit: characters are Unicode code points; for tokens use the scorer `tokens`
    """
    texts = batch.texts(of)
    if unit == "words":
        return Column.floats(count_words(texts, segmenter))
    return Column.floats(pc.utf8_length(texts).to_numpy())
