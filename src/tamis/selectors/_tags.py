"""The tags of rows as two flat arrays, so that no rows x tags matrix is ever built."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.types import Ints, Pool


@dataclass(frozen=True, slots=True)
class Tags:
    """Row i has the distinct tags codes[starts[i] : starts[i + 1]], numbered in sorted order."""

    names: list[str]
    starts: Ints
    codes: Ints


def tags_of(pool: Pool, name: str, rows: Ints) -> Tags:
    """The tags of these rows; a plain label counts as one tag, a repeated tag once.

    Raises UserError for a column of anything but strings.
    """
    values = pool.column(name).values
    if _is_list(values.type) and _is_text(values.type.value_type):
        values = values.take(pa.array(rows))
        owners, flat = pc.list_parent_indices(values), values.flatten()
    elif _is_text(values.type):
        owners, flat = pa.array(np.arange(len(rows))), values.take(pa.array(rows))
    else:
        raise UserError(f"column {name!r} holds {values.type}, and tags are needed here: strings")
    there = np.asarray(flat.is_valid(), bool)
    coded = flat.filter(pa.array(there)).dictionary_encode()
    found = coded.dictionary.to_pylist()
    names = sorted(found)
    place = {tag: code for code, tag in enumerate(names)}
    ranks = np.array([place[tag] for tag in found], np.int64)
    width = max(len(names), 1)
    keys = np.asarray(owners, np.int64)[there] * width + ranks[np.asarray(coded.indices, np.int64)]
    keys = np.unique(keys)
    counts = np.bincount(keys // width, minlength=len(rows))
    return Tags(names, np.cumsum([0, *counts], dtype=np.int64), keys % width)


def entries(starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Places of the entries of these rows in the flat array, and how many each row has."""
    lengths = starts[rows + 1] - starts[rows]
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts[rows] - ends + lengths, lengths), lengths


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
