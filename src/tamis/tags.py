"""The tags of rows as flat arrays, so that no rows x tags matrix is ever built.

Tags are numbered in the order of their names, so that nothing depends on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.types import Ints, Mask, Pool


@dataclass(frozen=True)
class Tagged:
    """Row i has the distinct tags codes[starts[i] : starts[i + 1]]; `names` is sorted."""

    names: list[str]
    starts: Ints
    codes: Ints

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def rows(self) -> Ints:
        """The row of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    @cached_property
    def counts(self) -> Ints:
        """How many rows have each tag."""
        return np.bincount(self.codes, minlength=len(self)).astype(np.int64)

    def lists(self) -> list[list[str]]:
        """The tags of each row, in the order of their names."""
        entries = [self.names[code] for code in self.codes.tolist()]
        return [entries[start:end] for start, end in pairwise(self.starts.tolist())]

    def kept(self, keep: Mask) -> Tagged:
        """Without the tags that are not to be kept."""
        names = [name for name, stays in zip(self.names, keep.tolist(), strict=True) if stays]
        into = np.cumsum(keep) - 1
        there = keep[self.codes]
        return _tagged(names, self.rows[there], into[self.codes[there]], len(self.starts) - 1)

    def renamed(self, names: Sequence[str]) -> Tagged:
        """Each tag under a new name; those with the same one become one tag."""
        there = sorted(set(names))
        place = {name: code for code, name in enumerate(there)}
        into = np.array([place[name] for name in names], np.int64)
        return _tagged(there, self.rows, into[self.codes], len(self.starts) - 1)

    def merged(self, groups: Ints) -> Tagged:
        """Tags with the same group become one: the one most rows have, ties by name."""
        order = np.argsort(-self.counts, kind="stable")
        _, first, group = np.unique(groups[order], return_index=True, return_inverse=True)
        names = [""] * len(self)
        for code, head in zip(order.tolist(), order[first[group]].tolist(), strict=True):
            names[code] = self.names[head]
        return self.renamed(names)


def tagged(pool: Pool, name: str, rows: Ints | None = None) -> Tagged:
    """The tags in a column of these rows, or of all; a plain label counts as one tag.

    A repeated tag counts once, a row without a value has none. Raises UserError for a column of
    anything but strings.
    """
    values = pool.column(name).values
    if rows is not None:
        values = values.take(pa.array(rows))
    if _is_list(values.type) and _is_text(values.type.value_type):
        owners, flat = np.asarray(pc.list_parent_indices(values), np.int64), values.flatten()
    elif _is_text(values.type):
        owners, flat = np.arange(len(values)), values
    else:
        raise UserError(f"column {name!r} holds {values.type}, and tags are needed here: strings")
    there = np.asarray(flat.is_valid(), bool)
    coded = flat.filter(pa.array(there)).dictionary_encode()
    found = coded.dictionary.to_pylist()
    names = sorted(found)
    place = {tag: code for code, tag in enumerate(names)}
    into = np.array([place[tag] for tag in found], np.int64)
    codes = into[np.asarray(coded.indices, np.int64)]
    return _tagged(names, owners[there], codes, len(values))


def distinct(tags: Sequence[str]) -> list[str]:
    """Tags without the blanks around them, each once, where it came first; blank ones are none."""
    return [tag for tag in dict.fromkeys(tag.strip() for tag in tags) if tag]


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


def _tagged(names: list[str], rows: Ints, codes: Ints, count: int) -> Tagged:
    """From entries that may come twice."""
    width = max(len(names), 1)
    keys = np.unique(rows.astype(np.int64) * width + codes)
    sizes = np.bincount(keys // width, minlength=count)
    return Tagged(names, np.cumsum([0, *sizes], dtype=np.int64), keys % width)
