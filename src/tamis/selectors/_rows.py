"""The rows a selector may pick, in an order that the file they came in does not decide."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.types import Floats, Ints, Mask, Pool, Selection, Vectors


def usable(
    pool: Pool, *, scores: Sequence[str] = (), vectors: Sequence[str] = (), labels: str = ""
) -> tuple[Ints, dict[str, Ints]]:
    """Positions sorted by id that have a value in every named column, and the others by reason.

    Everything computed from rows in this order is the same, bit for bit, for any order of the
    file. A NaN is no score and a vector with a NaN or an infinity is no vector; "" names nothing.
    """
    order = np.argsort(pool.ids, kind="stable").astype(np.int64)
    missing: dict[str, Mask] = {name: np.isnan(pool.scores(name)) for name in scores if name}
    for name in filter(None, vectors):
        missing[name] = ~finite(pool, name)
    if labels:
        missing[labels] = np.array([value is None for value in pool.labels(labels)], dtype=bool)
    keep = np.ones(len(pool), dtype=bool)
    dropped: dict[str, Ints] = {}
    for name, mask in missing.items():
        if (mask & keep).any():
            dropped[f"no value in {name}"] = np.flatnonzero(mask & keep).astype(np.int64)
        keep &= ~mask
    return order[keep[order]], dropped


def drawn(
    pool: Pool,
    budget: Budget,
    picks: Iterable[tuple[int, float]],
    dropped: Mapping[str, Ints],
    **info: Any,
) -> Selection:
    """What `Selection.take` draws from the picks, with the rows left out and what is to be told."""
    return told(replace(Selection.take(pool, budget, picks), dropped=dropped), **info)


def told(selection: Selection, **info: Any) -> Selection:
    """The selection with more to be told in the manifest."""
    return replace(selection, info={**selection.info, **info})


Picks = Generator[tuple[int, float], bool | None, None]
"""(row, gain) pairs; `yield` gives False for a row that a quota refused: it was not picked."""


def named(picks: Picks, rows: Ints) -> Picks:
    """The same picks with positions in the pool instead of in `rows`."""
    taken = None
    while True:
        try:
            row, gain = picks.send(taken)
        except StopIteration:
            return
        taken = yield int(rows[row]), gain


def finite(pool: Pool, name: str) -> Mask:
    """Which rows have a vector without NaN and infinity; float32 blocks, whatever is stored."""
    values = pool.column(name).values
    there = np.asarray(values.is_valid(), dtype=bool)
    stored = pool.stored_vectors(name)
    for part in slices(len(there), stored.shape[1]):
        there[part] &= np.isfinite(stored[part]).all(axis=1)
    return there


def slices(rows: int, width: int, cells: int = 1 << 22) -> Iterator[slice]:
    """Consecutive slices of all rows, of about so many numbers each."""
    size = max(1, cells // max(width, 1))
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def shares(scores: Floats) -> Floats:
    """Share of the rows that score less, ties counted half: in (0, 1), whatever the scale."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / max(len(scores), 1))[place], np.float64)


def unit(vectors: Vectors) -> Vectors:
    """The vectors scaled to length 1; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)


WHOLE = 1 << 30
"""Bytes of float32 vectors that are kept in memory; larger tables are converted by the block."""


class Table:
    """The vectors of some rows of a pool as float32, shape (rows, dimensions).

    `table[which]` copies a slice or an array of rows; in memory up to `WHOLE` bytes, above that
    from where the column lies, so that a memory-mapped float16 file is never in memory whole.
    """

    def __init__(self, pool: Pool, name: str, rows: Ints, *, directions: bool = False) -> None:
        self._stored, self._rows = pool.stored_vectors(name), rows
        self._directions = directions
        self._kept: Vectors | None = None
        if 4 * len(rows) * self.dimensions <= WHOLE:
            self._kept = self[:]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dimensions(self) -> int:
        return int(self._stored.shape[1])

    def __getitem__(self, which: slice | Ints) -> Vectors:
        if self._kept is not None:
            return self._kept[which]
        found = self._stored[self._rows[which]].astype(np.float32)
        return unit(found) if self._directions else found

    def blocks(self) -> Iterator[tuple[slice, Vectors]]:
        """All rows, a block at a time."""
        for part in slices(len(self), self.dimensions):
            yield part, self[part]


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps matrix products on one thread, where they are small and many."""
    with _threads().limit(limits=1, user_api="blas"):
        yield


@contextmanager
def all_threads() -> Iterator[None]:
    """Inside `one_thread`: lets a large product have the threads that the process began with."""
    with _threads().limit(limits=_at_first(), user_api="blas"):
        yield


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def _at_first() -> int:
    return max((found["num_threads"] for found in _threads().info()), default=1)
