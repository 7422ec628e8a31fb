"""k-means in float32 matrix products: the same clusters for the same rows, in whatever order.

Formula: centres seeded by greedy k-means++ (each new centre is the best of 2 + ln k rows drawn in
proportion to their squared distance), then Lloyd's iterations until the sum of squared distances
falls by less than `tolerance` of itself. Rows must come sorted by id; then the result depends on
the rows and the seed alone. In a pool of more than 65,536 rows and 256 rows a cluster (faiss's
limit), centres are fitted on a seeded sample of that size and all rows are assigned to them. A
centre that lost all its rows moves to the row farthest from its own. Fewer distinct rows than
clusters give fewer clusters.
Vectors may be a `tamis.vectors.Table`, whose rows are read by the block from where they lie.
Extra memory: one block of similarities and the rows of one cluster, besides the sample.
Oracle: scikit-learn's inertia within 2 % on real vectors; nearest centres by brute force.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from tamis.errors import UserError
from tamis.types import Floats, Ints, Vectors

SAMPLE = 256
SMALLEST_SAMPLE = 1 << 16
_BLOCK = 1 << 21  # similarities held at a time


class Rows(Protocol):
    """Vectors that are handed out as float32 by the slice or by their positions."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: slice | Ints, /) -> Vectors:
        """Some rows, not to be written to."""
        ...


class Clusters(NamedTuple):
    """Group of each row, centres, and the distance of each row to its own."""

    labels: Ints
    centres: Vectors
    distances: Floats

    @property
    def sizes(self) -> Ints:
        return np.bincount(self.labels, minlength=len(self.centres)).astype(np.int64)


def automatic(rows: int) -> int:
    """floor(sqrt(rows / 2)): CaR's number of clusters, 161 for 52,002 rows."""
    return max(1, int(np.sqrt(rows / 2)))


def k_means(
    vectors: Vectors | Rows,
    k: int,
    *,
    seed: int = 0,
    iterations: int = 20,
    tolerance: float = 1e-3,
) -> Clusters:
    """At most k clusters of the rows; no cluster is empty."""
    if k < 1:
        raise UserError(f"the number of clusters must be at least 1 (0 for automatic), got {k}")
    generator = np.random.default_rng(seed % 2**32)
    rows = len(vectors)
    if rows == 0:
        return Clusters(np.empty(0, np.int64), vectors[:], np.empty(0))
    limit = max(SAMPLE * k, SMALLEST_SAMPLE)
    if rows > limit:
        fitted = vectors[np.sort(generator.choice(rows, limit, replace=False))]
    else:
        fitted = vectors[:]
    centres = _lloyd(fitted, _seeds(fitted, min(k, rows), generator), iterations, tolerance)
    labels, squared = assign(vectors, centres)
    there, labels = np.unique(labels, return_inverse=True)
    return Clusters(labels.astype(np.int64), centres[there], np.sqrt(squared))


def assign(vectors: Vectors | Rows, centres: Vectors) -> tuple[Ints, Floats]:
    """Nearest centre of each row and the squared distance to it."""
    labels = np.empty(len(vectors), np.int64)
    squared = np.empty(len(vectors), np.float64)
    half = np.einsum("ij,ij->i", centres, centres) / 2
    for part in _blocks(len(vectors), max(len(centres), 1)):
        block = vectors[part]
        near = block @ centres.T
        near -= half
        labels[part] = near.argmax(axis=1)
        best = near[np.arange(len(near)), labels[part]]
        squared[part] = np.maximum(np.einsum("ij,ij->i", block, block) - 2 * best, 0)
    return labels, squared


def _blocks(rows: int, width: int) -> Iterator[slice]:
    size = max(64, _BLOCK // width)
    return (slice(start, start + size) for start in range(0, rows, size))


def _seeds(vectors: Vectors, k: int, generator: np.random.Generator) -> Vectors:
    """Greedy k-means++ on at most 64 rows a cluster."""
    limit = max(64 * k, 8192)
    if len(vectors) > limit:
        vectors = vectors[np.sort(generator.choice(len(vectors), limit, replace=False))]
    norms = np.einsum("ij,ij->i", vectors, vectors)
    tries = 2 + int(np.log(k))
    chosen = [int(generator.integers(len(vectors)))]
    nearest = _squared(vectors, norms, chosen)[:, 0]
    while len(chosen) < k and nearest.max() > 1e-6 * norms.max():
        total = np.cumsum(nearest, dtype=np.float64)
        drawn = np.searchsorted(total, generator.random(tries) * total[-1], side="right")
        drawn = np.minimum(drawn, len(vectors) - 1)
        left = np.minimum(_squared(vectors, norms, drawn), nearest[:, None])
        best = int(left.sum(axis=0, dtype=np.float64).argmin())
        chosen.append(int(drawn[best]))
        nearest = left[:, best]
    return vectors[chosen].copy()


def _squared(vectors: Vectors, norms: Vectors, chosen: Ints | list[int]) -> Vectors:
    """Squared distances of all rows to the chosen ones, shape (rows, chosen)."""
    products = vectors @ vectors[chosen].T
    return np.maximum(norms[:, None] + norms[chosen] - 2 * products, 0)


def _lloyd(vectors: Vectors, centres: Vectors, iterations: int, tolerance: float) -> Vectors:
    before = np.inf
    for _ in range(iterations):
        labels, squared = assign(vectors, centres)
        now = float(squared.sum())
        if before - now <= tolerance * now:
            break
        before = now
        centres = _means(vectors, labels, squared, len(centres))
    return centres


def _means(vectors: Vectors, labels: Ints, squared: Floats, k: int) -> Vectors:
    """Mean of each cluster; the rows farthest from their centres where a cluster is empty."""
    grouped = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=k)
    parts = np.split(grouped, np.cumsum(counts)[:-1])
    sums = np.stack([vectors[part].sum(axis=0, dtype=np.float64) for part in parts])
    centres = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        centres[empty] = vectors[np.argsort(-squared, kind="stable")[: len(empty)]]
    return centres
