"""A map of the pool: vectors in two dimensions, by principal components or UMAP.

Principal components: y_i = (x_i - m) V, V the two eigenvectors of the covariance of the directions
x_i with the largest eigenvalues, each turned so that its largest entry is positive. Distances are
those of the vectors as far as two dimensions show them, and the share of the variance says how far.
UMAP (arXiv:1802.03426): neighbours stay neighbours, distances between far rows mean nothing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from tamis.errors import MissingExtra
from tamis.types import Floats, Pool
from tamis.vectors import Table, finite

Map = Literal["pca", "umap", "none"]

SEED = 0
"""UMAP begins at random places: these are always the same."""


def plane(pool: Pool, name: str, how: Map) -> tuple[Floats, str]:
    """A place for each row, NaN for rows without a vector, shape (rows, 2); and how it was made."""
    found = np.full((len(pool), 2), np.nan)
    rows = np.flatnonzero(finite(pool, name))
    if len(rows) < 3:
        return found, "too few rows have a vector"
    table = Table(pool, name, rows, directions=True)
    if how == "umap":
        found[rows], said = _umap(table), f"UMAP (15 neighbours, cosine) of {name}"
        return found, f"{said}; near rows are alike, far distances mean nothing"
    found[rows], share = components(table)
    return found, f"first two principal components of {name}, {share:.0%} of its variance"


def components(table: Table) -> tuple[Floats, float]:
    """The first two principal components, and their share of the variance."""
    width, rows = table.dimensions, len(table)
    total, moments = np.zeros(width), np.zeros((width, width))
    for _, block in table.blocks():
        exact = block.astype(np.float64)
        total += exact.sum(axis=0)
        moments += exact.T @ exact
    mean = total / rows
    values, vectors = np.linalg.eigh(moments / rows - np.outer(mean, mean))
    first = vectors[:, ::-1][:, :2]
    first = first * np.sign(first[np.abs(first).argmax(axis=0), range(first.shape[1])])
    places = np.zeros((rows, 2))
    for part, block in table.blocks():
        places[part, : first.shape[1]] = (block.astype(np.float64) - mean) @ first
    whole = values[values > 0].sum()
    return places, float(values[::-1][:2].sum() / whole) if whole > 0 else 0.0


def _umap(table: Table) -> Floats:
    try:
        from umap import UMAP
    except ImportError:
        raise MissingExtra("--map umap", "umap") from None
    found = UMAP(n_neighbors=15, metric="cosine", random_state=SEED, n_jobs=1).fit_transform(
        table[:]
    )
    return np.asarray(found, np.float64)
