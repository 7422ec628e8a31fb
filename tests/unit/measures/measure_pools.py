"""Pools for measures: any columns, ids that are not in the order of the rows."""

import numpy as np

from tamis.testing import dataset
from tamis.types import Pool


def pool(count, **columns):
    rows = [{"instruction": f"question {number}", "output": "answer"} for number in range(count)]
    return Pool.of(dataset(rows), **columns)


def vectors(count, dimensions=8, *, seed=0, duplicates=False):
    found = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    if duplicates:
        found[: count // 2] = found[count // 2 : 2 * (count // 2)]
        found[-3:] = found[-1]
    return found


def directions(given):
    given = given.astype(float)
    norms = np.linalg.norm(given, axis=1, keepdims=True)
    return given / np.where(norms > 0, norms, 1)


def distances(given):
    return np.linalg.norm(given[:, None].astype(float) - given[None], axis=2)


def rows(*given):
    return np.array(given, np.int64)
