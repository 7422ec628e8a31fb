"""The rows a selector may pick, in an order that the file they came in does not decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from tamis.types import Budget, Floats, Ints, Mask, Pool, Selection, Vectors


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
        missing[name] = ~np.asarray(np.isfinite(pool.vectors(name)).all(axis=1), dtype=bool)
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
    return replace(Selection.take(pool, budget, picks), dropped=dropped, info=info)


def shares(scores: Floats) -> Floats:
    """Share of the rows that score less, ties counted half: in (0, 1), whatever the scale."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / max(len(scores), 1))[place], np.float64)


def unit(vectors: Vectors) -> Vectors:
    """The vectors scaled to length 1; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps matrix products on one thread, where they are small and many."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield
