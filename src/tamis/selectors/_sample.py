"""Facility location whose value is taken on other rows than those that can be picked.

Formula: f(S) = sum over rows i of a sample of max(0, max_{j in S} s_ij), s as in `_similarity.py`.
A sample drawn at random has the pool's mean to within its own chance, while candidates that were
chosen to lie apart do not: what is rare among all rows is common among them.
Similarities are kept up to `KEPT` bytes and computed again beyond; else a number a sampled row.
Oracle: facility location itself, where all rows are candidates and sample at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tamis.selectors._compiled import added
from tamis.selectors._similarity import KEPT, Kernel
from tamis.selectors.random import uniform
from tamis.types import Floats, Ints, Vectors, order_by
from tamis.vectors import Table, slices


class SampleCoverage:
    """What candidates add to a sample's coverage; both are directions, vectors of length 1."""

    def __init__(
        self,
        candidates: Table | Vectors,
        sample: Vectors,
        kernel: Kernel = "cosine",
        covered: Vectors | None = None,
    ) -> None:
        self._candidates, self._sample, self._kernel = candidates, sample, kernel
        self.covered = np.zeros(len(sample), np.float32) if covered is None else covered
        self._kept: Vectors | None = None
        if 4 * len(candidates) * len(sample) <= KEPT:
            self._kept = np.empty((len(candidates), len(sample)), np.float32)
            for part in slices(len(candidates), len(sample)):
                self._kept[part] = similarities(candidates[part], sample, kernel)

    def gains(self, rows: Ints) -> Floats:
        """sum_i max(s_ij - covered_i, 0) of each candidate j."""
        if self._kept is not None:
            return added(self._kept, rows, self.covered)
        found = np.empty(len(rows))
        for part, block in self._blocks(rows):
            found[part] = added(block, np.arange(len(block)), self.covered)
        return found

    def add(self, row: int) -> None:
        """Rows of the sample are covered by the nearest pick."""
        for _, block in self._blocks(np.array([row])):
            np.maximum(self.covered, block[0], out=self.covered)

    def value(self, rows: Ints) -> float:
        """What a set of candidates is worth by itself: f of it."""
        best = np.zeros(len(self._sample), np.float32)
        for _, block in self._blocks(rows):
            np.maximum(best, block.max(axis=0), out=best)
        return float(best.sum(dtype=np.float64))

    def _blocks(self, rows: Ints) -> Iterator[tuple[slice, Vectors]]:
        for part in slices(len(rows), len(self._sample)):
            if self._kept is not None:
                yield part, self._kept[rows[part]]
            else:
                yield part, similarities(self._candidates[rows[part]], self._sample, self._kernel)


def similarities(some: Vectors, others: Vectors, kernel: Kernel = "cosine") -> Vectors:
    """Similarities s of directions, shape (some, others)."""
    found: Vectors = some @ others.T
    if kernel == "cosine":
        np.maximum(found, 0, out=found)
        return found
    squared = 2 - 2 * found
    squared[squared < 1e-6] = 0  # a root makes rounding a thousand times larger
    return np.asarray(np.exp(np.sqrt(squared) / -some.shape[1]), np.float32)


def sampled(ids: list[str], count: int, seed: int) -> Ints:
    """Places of so many rows drawn by the seed, by their ids alone."""
    keys = uniform([f"sample {i}" for i in ids], seed)
    return order_by(keys, np.array(ids, dtype=str), descending=False)[:count]
