"""Share of letters: low for tables, numbers, code and noise.

Formula: letters and the marks on them over characters that are not white space or control
characters. Related: Gopher (arXiv:2112.11446) asks that 80 % of the words hold a letter.
Oracle: Python's unicodedata, character by character.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np

from tamis.scorers._chars import Bytes, look_up, new_table, per_row, pieces
from tamis.spec import scorer
from tamis.types import Batch, Column, Part

BLANK, INK, ALPHA = range(3)


def _class_of(char: str) -> int:
    category = unicodedata.category(char)
    if category[0] in "LM":
        return ALPHA
    return BLANK if char.isspace() or category in ("Cc", "Cf") else INK


@cache
def _table() -> Bytes:
    return new_table()


@scorer(prefer="none", unit="share of characters, 0 to 1", paper="arXiv:2112.11446")
def alpha_share(batch: Batch, *, of: Part = "response") -> Column:
    """Letters over characters that are not white space.

    Args:
        of: which turns are read
    """
    counts = [np.zeros((2, 0), np.int64)]
    for codes, offsets in pieces(batch.texts(of)):
        kinds = look_up(codes, _table(), _class_of)
        counts.append(
            np.stack([per_row(kinds == ALPHA, offsets), per_row(kinds != BLANK, offsets)])
        )
    alpha, ink = np.concatenate(counts, axis=1)
    return Column.floats(alpha / np.maximum(ink, 1), empty_text=ink == 0)
