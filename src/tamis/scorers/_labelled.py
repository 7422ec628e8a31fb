"""Labelled rows, dealt into folds so that rows which belong together are in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.scorers._features import is_blank
from tamis.scorers._featurizer import parts
from tamis.types import Batch, Floats, Ints, Part, Pool

LEAST = 20
ROWS = 1024  # rows in a block, but for groups that go on


class Labelled(NamedTuple):
    """Labelled rows that have text, fold by fold and in it group by group, then by id."""

    rows: Ints  # positions in the pool
    labels: Floats
    groups: Ints
    folds: Ints
    table: pa.Table  # what they say

    def cuts(self) -> list[slice]:
        """Blocks of whole groups of one fold, of about ROWS rows."""
        starts = np.flatnonzero(np.diff(self.groups, prepend=-1))
        run, fold = starts // ROWS, self.folds[starts]
        new = (np.diff(run, prepend=-1) != 0) | (np.diff(fold, prepend=-1) != 0)
        edges = [*starts[new].tolist(), len(self.rows)]
        return [slice(a, b) for a, b in pairwise(edges)]

    def blocks(self) -> Iterator[Batch]:
        for cut in self.cuts():
            yield Batch(self.table.slice(cut.start, cut.stop - cut.start))

    def check(self, name: str, pairs: bool, folds: int) -> None:
        """Raises UserError where nothing can be learned from these labels."""
        if len(self.rows) < LEAST:
            raise UserError(
                f"learned: {len(self.rows)} rows with text have a value in {name}, and {LEAST} are "
                "needed (a few hundred are better): label more of them"
            )
        if self.labels.min() == self.labels.max():
            raise UserError(
                f"learned: all {len(self.rows)} labels in {name} are {self.labels[0]:g}, which "
                "teaches nothing: label rows that differ, or use a finer scale"
            )
        if self.folds.max() + 1 < folds:
            raise UserError(
                f"learned: the labelled rows are {self.folds.max() + 1} groups, fewer than the "
                f"{folds} folds: label rows of more instructions, or name other groups"
            )
        if pairs and self._differing() < LEAST:
            raise UserError(
                f"learned: {self._differing()} groups have rows with different labels in {name}, "
                f"and loss=pairs needs {LEAST}: use loss=squared, or name groups"
            )

    def _differing(self) -> int:
        """Groups whose labels are not all the same."""
        starts = np.flatnonzero(np.diff(self.groups, prepend=-1))
        lowest, highest = (f.reduceat(self.labels, starts) for f in (np.minimum, np.maximum))
        return int((lowest < highest).sum())


def labelled(
    pool: Pool, labels: str, groups: Sequence[str], of: Part, folds: int, seed: int
) -> Labelled:
    """The rows with a label and a text that `of` names, in folds decided by the seed and groups."""
    values = _numbers(pool, labels)
    rows, keys, tables, at = [], [], [], 0
    columns = [pool.labels(name) for name in groups]
    for batch in pool.data.batches():
        there = ~np.isnan(values[at : at + len(batch)]) & ~is_blank(parts(batch, of)[0])
        some = Batch(batch.table.select(["id", "messages"]).filter(pa.array(there)))
        rows.append(at + np.flatnonzero(there))
        keys += _named(some, [[c[row] for row in rows[-1]] for c in columns])
        tables.append(some.table)
        at += len(batch)
    at_row, table = np.concatenate(rows), pa.concat_tables(tables).combine_chunks()
    group, fold = _dealt(keys, folds, seed)
    order = np.lexsort((np.asarray(table["id"].to_pylist(), str), group, fold))
    found = at_row[order]
    return Labelled(found, values[found], group[order], fold[order], table.take(pa.array(order)))


def _named(batch: Batch, columns: list[list[object]]) -> list[str]:
    """What a row's group is called: a row that lacks a value, or says nothing, is alone."""
    known = (
        zip(*columns, strict=True)
        if columns
        else ((t,) for t in batch.texts("instruction").to_pylist())
    )
    return [
        f"row {name}" if any(v is None or v == "" for v in values) else f"group {values!r}"
        for name, values in zip(batch.ids, known, strict=True)
    ]


def _dealt(keys: list[str], folds: int, seed: int) -> tuple[Ints, Ints]:
    """A number for each group, and its fold: groups by their hash with the seed, dealt in turn."""
    drawn = [
        blake2b(f"{seed} {key}".encode("utf-8", "replace"), digest_size=8).digest() for key in keys
    ]
    group = np.unique(np.frombuffer(b"".join(drawn), ">u8"), return_inverse=True)[1]
    return group.astype(np.int64), (group % folds).astype(np.int64)


def _numbers(pool: Pool, name: str) -> Floats:
    """A score column, or one of labels that are numbers; NaN where there is none."""
    values = pool.column(name).values
    if not pa.types.is_string(values.type):
        return pool.scores(name)  # finite by contract
    filled = pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), None, values)
    try:
        found = pc.cast(pc.utf8_trim_whitespace(filled), pa.float64())
    except pa.ArrowInvalid as error:
        raise UserError(f"learned: the labels in {name} should be numbers: {error}") from None
    numbers = np.asarray(found.to_numpy(zero_copy_only=False), np.float64)
    if np.isinf(numbers).any():
        raise UserError(f"learned: the labels in {name} should be finite numbers, one is infinite")
    return numbers
