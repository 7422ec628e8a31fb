"""DBSCAN on cosine distances, a block of rows at a time.

Formula: a row with at least `least` rows within `eps` of it, itself among them, is a core; cores
within eps of each other are one cluster, with the rows within eps of them. A row that is near cores
of several clusters belongs to the one whose first core comes first, as in scikit-learn.
Work: all rows against all, twice at most. Memory: one block of distances.
Oracle: scikit-learn's labels, and loops.
"""

from __future__ import annotations

import numpy as np

from tamis.types import Ints, Vectors

_BLOCK = 1 << 21  # distances held at a time


def dbscan(vectors: Vectors, eps: float, least: int) -> Ints:
    """The cluster of each unit vector, numbered by their first cores; -1 for rows of none.

    A vector of zeros has no direction and is in none.
    """
    there = np.flatnonzero(vectors.any(axis=1))
    labels = np.full(len(vectors), -1, np.int64)
    labels[there] = _labels(np.ascontiguousarray(vectors[there], np.float32), eps, least)
    return labels


def _labels(vectors: Vectors, eps: float, least: int) -> Ints:
    size = max(1, _BLOCK // max(len(vectors), 1))
    nearest = np.float32(1 - eps)
    starts = range(0, len(vectors), size)
    near = [(vectors[at : at + size] @ vectors.T >= nearest).sum(axis=1) for at in starts]
    counts = np.concatenate([np.empty(0, np.int64), *near])
    core = counts >= least
    labels, cluster = np.full(len(vectors), -1, np.int64), 0
    for first in np.flatnonzero(core).tolist():
        if labels[first] >= 0:
            continue
        labels[first] = cluster
        ahead = np.array([first] if counts[first] > 1 else [], np.int64)
        while len(ahead):
            part, ahead = ahead[:size], ahead[size:]
            reached = (vectors[part] @ vectors.T >= nearest).any(axis=0) & (labels < 0)
            labels[reached] = cluster
            ahead = np.concatenate([ahead, np.flatnonzero(reached & core)])
        cluster += 1
    return labels
