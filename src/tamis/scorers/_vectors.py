"""Columns of vectors out of what a language model found in the rows that could be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tamis.types import Column, Vectors, masks

Answers = Literal["last", "all"]
"""Which answers of a conversation count where a row has one vector: the last, or all together."""


def column(problems: Sequence[str | None], found: Vectors, *, unit: bool, zero: str) -> Column:
    """A vector a row; `found` has those of the rows without a problem, in order.

    With `unit` they get length 1. Problems: `zero` names a vector of zeros, which has no
    direction; not_finite one that overflowed.
    """
    read = np.array([problem is None for problem in problems], dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", found, found, dtype=np.float64))
        scale = np.where(lengths > 0, lengths, 1) if unit else np.ones(len(found))
        scaled = found / scale[:, None].astype(np.float32)
    values = np.zeros((len(read), found.shape[1]), np.float32)
    values[read] = scaled
    length = np.ones(len(read))
    length[read] = lengths
    own = {zero: length == 0, "not_finite": ~np.isfinite(length)}
    return Column.vectors(values, **masks(problems), **own)
