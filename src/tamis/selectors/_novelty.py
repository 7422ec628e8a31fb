"""Density of each row in the pool, and NovelSum: distances weighted by density and by closeness.

Formula: rho_i = 1 / sqrt(mean |x_i - x|^2 over the k nearest other vectors + 1e-9), so a row in a
crowd weighs more; the NovelSum of a set is the mean over its rows i of

    v_i = rho_i sum_j d_ij / rank_ij / sum_j 1 / rank_ij,    d = 1 - cosine,

ranks from the closest on, the row itself, at distance 0, having rank 1. Paper: arXiv:2502.17184
with k = 10; its code measures the density with vectors as they are and the distance with their
directions, and counts equal vectors once, both kept here. Of a row that is the first hit of its own
search the code drops the first hit, which for a row outside the pool is its nearest neighbour; here
the rows are always rows of the pool. With fewer other vectors than k, all of them count; where all
vectors are equal every density is 1. Rows at no distance by rounding are at distance 0.
Oracle: methods.md W1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.neighbours import Search, nearest
from tamis.types import Floats, Ints, Vectors
from tamis.vectors import Part, Table, distinct, slices

_TINY = 1e-9


def density(
    table: Table, k: int = 10, *, search: Search = "automatic", seed: int = 0
) -> tuple[Floats, dict[str, Any]]:
    """The density of each row among all rows of the table, and what is to be told of the search.

    The table holds the vectors as they are, not their directions.
    """
    first, which = distinct(table)
    rows = table if len(first) == len(table) else Part(table, first)
    found = nearest(rows, rows, k, search=search, seed=seed)
    if not found.squared.shape[1]:
        return np.ones(len(table)), found.info
    squared = found.squared.mean(axis=1, dtype=np.float64)
    return np.asarray(1 / np.sqrt(squared + _TINY))[which], found.info


def novel_sum(table: Table, rho: Floats, *, itself: bool = True) -> Floats:
    """v_i of each row of a set; their mean is the NovelSum. The table holds directions."""
    values = np.empty(len(table))
    for part in slices(len(table), len(table)):
        found = distances(table, np.arange(part.start, part.stop))
        values[part] = row_values(found, rho[part], itself=itself)
    return values


def row_values(found: Vectors | Floats, rho: Floats, *, itself: bool = True) -> Floats:
    """v_i from the distances of some rows to the whole set, shape (rows, set)."""
    ordered = np.sort(found, axis=1)[:, 0 if itself else 1 :]
    weights = 1 / np.arange(1, ordered.shape[1] + 1)
    return np.asarray(np.dot(ordered, weights) * rho / max(float(weights.sum()), _TINY), np.float64)


def distances(table: Table, asked: Ints) -> Vectors:
    """1 - cosine of some rows to all, shape (asked, rows); 0 of a row to itself."""
    found = np.empty((len(asked), len(table)), np.float32)
    rows = table[asked]
    for part, block in table.blocks():
        np.matmul(rows, block.T, out=found[:, part])
    found = np.maximum(np.subtract(1, found, out=found), 0, out=found)
    found[np.arange(len(asked)), asked] = 0
    return found
