"""Exact duplicates: how many rows before this one say the same.

Formula: the row's place, from 0, among the rows with the same text, in the order of their ids; so
0 is the row that stays and keeping values up to 2 keeps three copies of each.
"The same" is, unless told otherwise, after Unicode's NFKC (full-width and ligature forms), lower
case, and runs of white space taken as one blank and cut at the ends; nothing else: punctuation and
digits count. Texts are the turns that `of` names joined by line breaks, without their roles; rows
with an empty text are copies of each other.
Source: the control that every selection should start with; arXiv:2107.06499 measures what copies
do to training. Toolkits commonly compare 64-bit hashes or keep whichever row the file holds first;
here a hash only finds the candidates, their texts are compared in full, and ids break the tie, so
the order of a file changes nothing.
Memory: 8 bytes a row, and the texts of rows that have a copy.
Oracle: a Python dictionary keyed by the normalised text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tamis.scorers._blocks import ROWS, blocks
from tamis.scorers._groups import repeated
from tamis.spec import scorer
from tamis.types import Batch, Column, Ints, Part, Pool

if TYPE_CHECKING:
    import polars as pl


@scorer(prefer="low", family="baseline", unit="copies before it", paper="arXiv:2107.06499")
def exact_duplicate(pool: Pool, *, of: Part = "all", normalise: bool = True) -> Column:
    """Number of rows with the same text and a smaller id; 0 for the row that stays.

    Args:
        of: which turns are compared
        normalise: take texts as equal that differ in Unicode form, case or white space alone
    """
    import polars as pl

    hashed = np.empty(len(pool), np.uint64)
    for start, texts in blocks(pool.data, of):
        series = _comparable(texts, normalise)
        hashed[start : start + len(texts)] = series.hash().to_numpy()
    by_hash = np.argsort(hashed)
    rows = np.sort(by_hash[repeated(hashed[by_hash])])
    texts = pl.concat([pl.Series(dtype=pl.String), *_texts(pool, of, rows, normalise)])
    ids = pl.Series(pl.from_arrow(pool.data.ids.take(pa.array(rows))))
    frame = pl.DataFrame({"text": texts, "id": ids, "row": rows}).sort("id")
    places = frame.with_columns(place=pl.int_range(pl.len()).over("text"))
    values = np.zeros(len(pool))
    values[places["row"].to_numpy()] = places["place"].to_numpy()
    return Column.floats(values)


def _comparable(texts: pa.Array, normalise: bool) -> pl.Series:
    """What is compared of each text."""
    import polars as pl

    series = pl.Series(pl.from_arrow(texts), dtype=pl.String)
    if not normalise:
        return series
    lowered = series.str.normalize("NFKC").str.to_lowercase()
    return lowered.str.replace_all(r"\s+", " ").str.strip_chars()


def _texts(pool: Pool, of: Part, rows: Ints, normalise: bool) -> list[pl.Series]:
    """What is compared of the named rows."""
    starts = range(0, len(rows), ROWS)
    tables = (pool.data.table.take(pa.array(rows[at : at + ROWS])) for at in starts)
    return [_comparable(Batch(table).texts(of), normalise) for table in tables]
