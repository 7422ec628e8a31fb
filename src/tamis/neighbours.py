"""The nearest rows by Euclidean distance: exact by blocks, or approximate with the recall measured.

Formula: the k rows y with the smallest |x - y|^2, nearest first, ties by position. Exact search
compares each block of queries with all rows; a bound from an eighth of the rows leaves few to sort.
Above `EXACT` rows `automatic` divides the rows among 3 sqrt(n) centres of k-means (faiss, the extra
`ann`) and compares a query with the rows of the 16 nearest, cell by cell, so that all queries that
look at a cell share one matrix product: an inverted file, read the other way round. 256 queries
drawn by the seed are searched exactly as well, and the share of their true neighbours that was
found is the recall that the manifest reports.
Oracle: a full sort of all distances; scikit-learn's NearestNeighbors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tamis.errors import UserError
from tamis.types import Ints, Vectors
from tamis.vectors import Table, slices

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
    # a large offset that all rows share would leave nothing of a distance
    some = np.linspace(0, len(rows) - 1, min(len(rows), 64)).astype(np.int64)
    middle = np.median(rows[some], axis=0)
    squared = np.empty((len(queries), len(rows)), np.float32)
    queries = queries - middle
    norms = np.einsum("ij,ij->i", queries, queries)
    for part, stored in rows.blocks():
        block = stored - middle
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
    near = squared <= bounds[:, None]
    if np.count_nonzero(near) > 64 * k * len(squared):  # ties: equal rows
        bounds = np.partition(squared, k - 1, axis=1)[:, k - 1]
        near = squared == bounds[:, None]
        near &= np.cumsum(near, axis=1, dtype=np.int32) <= k
        near |= squared < bounds[:, None]
    rows, columns = np.nonzero(near)
    values = squared[rows, columns]
    order = np.lexsort((columns, values, rows))
    starts = np.searchsorted(rows[order], np.arange(len(squared)))
    taken = order[(starts[:, None] + np.arange(k)).ravel()].reshape(len(squared), k)
    return columns[taken].astype(np.int64), values[taken]


def _approximate(queries: Table, rows: Table, k: int, itself: bool) -> tuple[Ints, Vectors]:
    """Cell by cell: all queries that look at a cell are compared with its rows in one product."""
    try:
        import faiss
    except ImportError:
        raise UserError(
            f"{len(rows):,} rows are too many to compare all with all in a sensible time: "
            "pip install 'tamis[ann]', or set search=exact and wait"
        ) from None
    cells = max(1, int(_CELLS * np.sqrt(len(rows))))
    # the cells looked at hold four times the rows asked for, at least
    probes = min(cells, max(_PROBED, -(-4 * (k + itself) * cells // len(rows))))
    means = faiss.Kmeans(
        rows.dimensions, cells, niter=10, max_points_per_centroid=40, min_points_per_centroid=1
    )
    means.train(rows[np.arange(0, len(rows), max(1, len(rows) // (40 * cells)))])
    looked = _nearest_cells(means.index, queries, probes)
    own = looked[:, 0] if queries is rows else _nearest_cells(means.index, rows, 1)[:, 0]
    rows_of, queries_of = _lists(own, cells), _lists(looked.ravel(), cells)
    near = np.full((len(queries), k), -1, np.int64)
    squared = np.full((len(queries), k), np.inf, np.float32)
    for inside, looking in zip(rows_of, queries_of, strict=True):
        asked = looking // probes
        if len(inside) and len(asked):
            found = faiss.knn(queries[asked], rows[inside], min(k + itself, len(inside)))
            _merge(near, squared, asked, inside[found[1]], found[0], itself)
    for part in slices(len(near), k):
        order = np.argsort(squared[part], axis=1, kind="stable")
        near[part] = np.take_along_axis(near[part], order, 1)
        squared[part] = np.take_along_axis(squared[part], order, 1)
    few = np.flatnonzero(near[:, -1] < 0)  # their cells held too few rows
    near[few], squared[few] = _exact(queries, few, rows, k, itself)
    return near, squared


def _nearest_cells(index: Any, table: Table, count: int) -> NDArray[np.int32]:
    return np.concatenate([index.search(b, count)[1].astype(np.int32) for _, b in table.blocks()])


def _lists(cell: NDArray[np.int32], cells: int) -> list[Ints]:
    """The positions at which each cell stands."""
    order = np.argsort(cell, kind="stable")
    return np.split(order, np.searchsorted(cell[order], np.arange(1, cells)))


def _merge(
    near: Ints, squared: Vectors, asked: Ints, rows: Ints, apart: Vectors, itself: bool
) -> None:
    """Keeps the nearest of those known and those found, in no order."""
    if itself:
        apart[rows == asked[:, None]] = np.inf
    closer = apart.min(axis=1) < squared[asked].max(axis=1)
    asked = asked[closer]
    both = np.concatenate([squared[asked], apart[closer]], axis=1)
    found = np.concatenate([near[asked], rows[closer]], axis=1)
    k = near.shape[1]
    kept = np.argpartition(both, k - 1, axis=1)[:, :k]
    squared[asked] = np.take_along_axis(both, kept, 1)
    near[asked] = np.where(np.isinf(squared[asked]), -1, np.take_along_axis(found, kept, 1))
