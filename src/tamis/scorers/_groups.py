"""Which rows stay: a row stays unless a row that stays and comes before it is similar enough.

Every dropped row is thus similar to a kept one and no two kept rows that were compared are
similar. Connected components (union-find) promise neither the first nor less than all of a chain:
with a ~ b ~ c they drop c although it is unlike a. Only the order of the rows given here matters.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.types import Floats, Ints, Mask

MOST_KEPT = 32
"""Kept rows that a bucket's other rows are compared with: the bound against quadratic buckets."""

_ELEMENTS = 1 << 21  # set elements compared at a time


class Sets(NamedTuple):
    """Sets of numbers below 2**32, sorted: those of row i are flat[offsets[i] : offsets[i + 1]]."""

    flat: NDArray[np.uint32]
    offsets: Ints


def as_sets(flat: NDArray[np.uint64], counts: Ints) -> Sets:
    """Sets of each row's distinct hashes, numbered so that equal hashes have equal numbers."""
    order = np.argsort(flat)
    number = np.empty(len(flat), np.uint32)
    number[order] = np.cumsum(starts(flat[order]), dtype=np.uint32)
    del order
    pairs = np.repeat(np.arange(len(counts), dtype=np.uint64) << np.uint64(32), counts)
    pairs |= number
    pairs.sort()
    pairs = pairs[starts(pairs)]
    sizes = np.bincount((pairs >> np.uint64(32)).astype(np.int64), minlength=len(counts))
    return Sets(pairs.astype(np.uint32), np.concatenate([[0], np.cumsum(sizes)]))


def starts(ordered: NDArray[Any]) -> Mask:
    """Where a value differs from the one before it."""
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


def repeated(ordered: NDArray[Any]) -> Mask:
    """Where a value is that of the one before or after it."""
    first = starts(ordered)
    last = np.ones(len(ordered), np.bool_)
    last[:-1] = first[1:]
    return ~(first & last)


def jaccard(sets: Sets, left: Ints, right: Ints) -> Floats:
    """Intersection over union of each pair of rows; 0 for two empty sets."""
    sizes = np.diff(sets.offsets)
    filled = np.cumsum(sizes[left] + sizes[right]) // _ELEMENTS
    cuts = [0, *(np.flatnonzero(np.diff(filled)) + 1).tolist(), len(left)]
    common = np.concatenate([_common(sets, left[a:b], right[a:b]) for a, b in pairwise(cuts)])
    union = sizes[left] + sizes[right] - common
    return np.asarray(common / np.maximum(union, 1), np.float64)


def _common(sets: Sets, left: Ints, right: Ints) -> Ints:
    """Size of each intersection: numbers that occur twice among those of both rows of a pair."""
    sizes = np.diff(sets.offsets)
    keys = np.concatenate([_keyed(sets, rows, sizes[rows]) for rows in (left, right)])
    keys.sort(kind="stable")  # two sorted runs: one merge
    twice = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
    return np.bincount(twice.astype(np.int64), minlength=len(left))


def _keyed(sets: Sets, rows: Ints, sizes: Ints) -> NDArray[np.uint64]:
    """The numbers of the rows with the pair's position above them."""
    ends = np.cumsum(sizes)
    take = np.arange(sizes.sum()) + np.repeat(sets.offsets[rows] - ends + sizes, sizes)
    keys = np.repeat(np.arange(len(rows), dtype=np.uint64) << np.uint64(32), sizes)
    keys |= sets.flat[take]
    return keys


def similar_kept(
    bucket: Ints, row: Ints, sets: Sets, threshold: float, most_kept: int = MOST_KEPT
) -> Floats:
    """Similarity of each row to a kept row before it, 0 for a kept row.

    `bucket` and `row` list which rows share a bucket; only those are compared. In each round a row
    that is first in all its buckets is kept for good and compared with the rest of them, so the
    outcome is that of walking the rows in order, and a bucket of copies costs one comparison each.
    """
    result = np.zeros(len(sets.offsets) - 1)
    order = np.lexsort((row, bucket))
    bucket, row = bucket[order], row[order]
    used = np.zeros(int(bucket.max(initial=-1)) + 1, np.int64)
    while len(bucket):
        shared = repeated(bucket)
        bucket, row = bucket[shared], row[shared]
        first = starts(bucket)
        leads, shares = (np.bincount(rows, minlength=len(result)) for rows in (row[first], row))
        kept = leads == shares
        group = np.cumsum(first) - 1
        settled = kept[row[first]]  # buckets whose first row is kept
        compared = settled[group] & ~first
        pairs = np.sort(row[first][group[compared]] * len(result) + row[compared])
        pairs = pairs[starts(pairs)]
        left, right = pairs // len(result), pairs % len(result)
        similarity = jaccard(sets, left, right)
        hit = similarity >= threshold
        np.maximum.at(result, right[hit], similarity[hit])
        used[bucket[first]] += settled
        stay = ~(first & settled[group]) & (result[row] == 0) & (used[bucket] < most_kept)
        bucket, row = bucket[stay], row[stay]
    return result
