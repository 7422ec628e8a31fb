"""Compression ratio: bytes of the text over bytes of it compressed; high means redundant.

Formula: len(text) / len(zlib(text)) in UTF-8 bytes. The compressed form has 8 bytes of frame and
no shared history, so the ratio of a text under about 100 bytes says how short it is (below 1 for a
few words) and not how redundant: compare texts of like length or script only. A script with three
bytes a character compresses further than one with one.
Paper: "Entropy Law" (arXiv:2407.06645) selects the subset with the lowest ratio of the whole; this
is the ratio of a row by itself.
Oracle: zlib itself, in the test; the bytes may differ by a few between builds of zlib.
"""

from __future__ import annotations

import zlib

import numpy as np

from tamis.errors import UserError
from tamis.spec import scorer
from tamis.types import Batch, Column, Part


@scorer(prefer="low", unit="bytes a compressed byte", paper="arXiv:2407.06645")
def compression_ratio(batch: Batch, *, of: Part = "response", level: int = 6) -> Column:
    """UTF-8 bytes of the text over bytes of its zlib form.

    Args:
        of: which turns are read
        level: effort of zlib, 1 to 9
    """
    if not 1 <= level <= 9:
        raise UserError(f"compression_ratio: level is 1 to 9, got {level}")
    texts = [text.encode() for text in batch.texts(of).to_pylist()]
    raw = np.array([len(text) for text in texts], np.float64)
    packed = np.array([len(zlib.compress(text, level)) for text in texts], np.float64)
    blank = np.array([not text.strip() for text in texts], bool)
    return Column.floats(raw / packed, empty_text=blank)
