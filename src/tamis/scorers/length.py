"""Length in characters or words: the control that every comparison needs.

Formula: number of Unicode characters, or of words. In scripts written without spaces a word is a
character (Han, kana) or an orthographic cluster (Thai, Lao, Khmer, Burmese); see `_words.py`.
Paper: "Long Is More for Alignment" (arXiv:2402.04833) takes the 1,000 longest answers; its unit is
tokens of the target model, which the scorer `tokens` gives. Survey methods that use length:
INSTRUCTMINING, LIFT, InstructionGPT-4.
Oracle: Python's len and hand-counted lines in eight scripts.
"""

from __future__ import annotations

from typing import Literal

import pyarrow.compute as pc

from tamis.scorers._words import count_words
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
    batch: Batch, *, of: Part = "response", unit: Literal["characters", "words"] = "characters"
) -> Column:
    """Number of characters or words of the answer, the instruction or both; 0 for an empty text.

    Args:
        of: which turns are measured
        unit: characters are Unicode code points; for tokens use the scorer `tokens`
    """
    texts = batch.texts(of)
    counts = pc.utf8_length(texts).to_numpy() if unit == "characters" else count_words(texts)
    return Column.floats(counts)
