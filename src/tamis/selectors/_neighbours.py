"""The nearest rows by Euclidean distance: exact by blocks, or approximate with the recall measured.

Formula: the k rows y with the smallest |x - y|^2, nearest first, ties by position. Exact search
compares each block of queries with all rows; a bound from an eighth of the rows leaves few to sort.
Above `EXACT` rows `automatic` takes faiss's inverted file (extra `ann`): 3 sqrt(n) cells, the
nearest 16 of them looked at. 256 queries drawn by the seed are searched exactly as well, and the
share of their true neighbours that was found is the recall that the manifest reports.
Oracle: a full sort of all distances; scikit-learn's NearestNeighbors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tamis.errors import UserError
from tamis.selectors._table import Table, slices
from tamis.types import Ints, Vectors

Search = Literal["automatic", "exact", "approximate"]

EXACT = 50_000
"""Rows up to which `automatic` searches exactly."""

_QUERIES, _CHECKED, _CELLS, _PROBED = 512, 256, 3, 16


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Positions of the nearest rows and squared distances to them, shape (queries, k)."""

    rows: Ints
    squared: Vectors
    info: dict[str, Any] = field(default_factory=dict)


def nearest(
    queries: Table, rows: Table, k: int, *, search: Search = "automatic", seed: int = 0
) -> Neighbours:
    """The k nearest rows of each query; where both are the same table, a row is not its own.

    There are fewer than k columns only where there are fewer rows. Raises UserError where the
    approximate search is asked for, or needed, and faiss is not installed.
    """
    itself = queries is rows
    k = min(k, len(rows) - itself)
    if k < 1 or not len(queries):
        empty = np.empty((len(queries), 0), np.int64)
        return Neighbours(empty, empty.astype(np.float32), {"search": "exact"})
    if search == "exact" or (search == "automatic" and len(rows) <= EXACT):
        found = _exact(queries, np.arange(len(queries)), rows, k, itself)
        return Neighbours(*found, {"search": "exact"})
    found = _approximate(queries, rows, k, itself)
    count = min(_CHECKED, len(queries))
    sample = np.random.default_rng(seed % 2**32).choice(len(queries), count, replace=False)
    true, _ = _exact(queries, np.sort(sample), rows, k, itself)
    pairs = zip(true, found[0][np.sort(sample)], strict=True)
    recall = float(np.mean([np.isin(wanted, got).mean() for wanted, got in pairs]))
    return Neighbours(*found, {"search": "approximate", "recall": recall, "checked": count})


def _exact(queries: Table, which: Ints, rows: Table, k: int, itself: bool) -> tuple[Ints, Vectors]:
    found = np.empty((len(which), k), np.int64), np.empty((len(which), k), np.float32)
    size = max(16, min(_QUERIES, (1 << 26) // len(rows)))
    for start in range(0, len(which), size):
        asked = which[start : start + size]
        squared = distances(queries[asked], rows)
        if itself:
            squared[np.arange(len(asked)), asked] = np.inf
        found[0][start : start + size], found[1][start : start + size] = _smallest(squared, k)
    return found


def distances(queries: Vectors, rows: Table) -> Vectors:
    """Squared distances of some vectors to all rows, shape (queries, rows)."""
    squared = np.empty((len(queries), len(rows)), np.float32)
    norms = np.einsum("ij,ij->i", queries, queries)
    for part, block in rows.blocks():
        np.matmul(queries, block.T, out=squared[:, part])
        squared[:, part] *= -2
        squared[:, part] += np.einsum("ij,ij->i", block, block)
    squared += norms[:, None]
    return np.maximum(squared, 0, out=squared)


def _smallest(squared: Vectors, k: int) -> tuple[Ints, Vectors]:
    """Columns of the k smallest values of each row, in order; ties by column."""
    every = squared.shape[1]
    few = squared[:, ::8] if every > 64 * k else squared
    bounds = np.partition(few, k - 1, axis=1)[:, k - 1]
    rows, columns = np.nonzero(squared <= bounds[:, None])
    values = squared[rows, columns]
    order = np.lexsort((columns, values, rows))
    starts = np.searchsorted(rows[order], np.arange(len(squared)))
    taken = order[(starts[:, None] + np.arange(k)).ravel()].reshape(len(squared), k)
    return columns[taken].astype(np.int64), values[taken]


def _approximate(queries: Table, rows: Table, k: int, itself: bool) -> tuple[Ints, Vectors]:
    try:
        import faiss
    except ImportError:
        raise UserError(
            f"{len(rows):,} rows are too many to compare all with all in a sensible time: "
            "pip install 'tamis[ann]', or set search=exact and wait"
        ) from None
    cells = max(1, int(_CELLS * np.sqrt(len(rows))))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(rows.dimensions), rows.dimensions, cells)
    # the cells looked at hold four times the rows asked for, at least
    index.cp.niter, index.cp.max_points_per_centroid = 10, 40
    index.cp.min_points_per_centroid = 1
    index.nprobe = min(cells, max(_PROBED, -(-4 * (k + itself) * cells // len(rows))))
    step = max(1, len(rows) // (40 * cells))
    index.train(rows[np.arange(0, len(rows), step)])
    for _, block in rows.blocks():
        index.add(block)
    found = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    cell = np.concatenate([index.quantizer.search(b, 1)[1][:, 0] for _, b in queries.blocks()])
    order = np.argsort(cell, kind="stable")  # neighbours in turn: their cells are in the cache
    for part in slices(len(order), rows.dimensions):
        asked = order[part]
        squared, near = index.search(queries[asked], k + itself)
        if itself:
            squared, near = _without(near, squared, asked, k)
        found[0][asked], found[1][asked] = near, squared
    return found


def _without(near: Ints, squared: Vectors, own: Ints, k: int) -> tuple[Vectors, Ints]:
    """The first k of each row that are not the row itself."""
    other = near != own[:, None]
    order = np.argsort(~other, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(squared, order, 1), np.take_along_axis(near, order, 1)
