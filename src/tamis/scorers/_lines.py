"""Lines of many texts: what scorers of structure (lists, code) look at."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.scorers._chars import as_strings, per_row
from tamis.types import Ints, Mask

FENCE = r"^\s*(?:```|~~~)"
"""A line that opens or closes a block of code in Markdown."""

_ONE_LINE_FENCE = r"^\s*```[^`]+```"


class Lines(NamedTuple):
    """Lines of many texts, end to end: those of text i are flat[offsets[i]:offsets[i + 1]]."""

    flat: Any  # a polars Series of strings, for its regular expressions
    offsets: Ints

    def matching(self, pattern: str) -> Mask:
        """Lines in which the pattern is found."""
        return np.asarray(self.flat.str.contains(pattern).to_numpy(), bool)

    def number(self, mask: Mask) -> Ints:
        """How many lines of each text are marked."""
        return per_row(mask, self.offsets)


def lines(texts: pa.Array | pa.ChunkedArray) -> Lines:
    """The lines of each text; an empty text has one, which is blank."""
    import polars as pl

    split = pc.split_pattern(as_strings(texts), "\n")
    offsets = np.asarray(split.offsets, np.int64)
    return Lines(pl.Series(pl.from_arrow(split.flatten()), dtype=pl.String), offsets - offsets[0])


def fenced(found: Lines) -> tuple[Mask, Mask]:
    """Lines that lie in a block of code, its fences included; texts whose last block is open."""
    marks = found.matching(FENCE)
    marks &= ~found.matching(_ONE_LINE_FENCE) if marks.any() else True
    before = np.concatenate([[0], np.cumsum(marks)])
    within = before - np.append(np.repeat(before[found.offsets[:-1]], np.diff(found.offsets)), 0)
    inside = (within[:-1] % 2 == 1) | marks
    return inside, found.number(marks) % 2 == 1
