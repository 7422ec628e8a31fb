"""Inner loops that numpy would pass over memory three times for; compiled where numba is there.

Without the extra `fast` numpy computes the same, two to five times slower (benchmarks/README.md).
Sums are in float64 either way, so that the two agree to the last figures of a gain.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

from tamis.types import Floats, Ints, Vectors

ROUNDING = np.float32(5e-7)
"""What rounding leaves between two equal cosines."""

_SHARED = 1 << 21
"""Numbers from which on a loop is worth two threads."""


def added(similar: Vectors, rows: Ints, covered: Vectors) -> Floats:
    """sum_i max(similar[j, i] - covered[i], 0) of each row j."""
    found = np.empty(len(rows))
    loop = _loops()
    if loop is not None:
        if len(rows) * len(covered) < _SHARED:
            loop(similar, rows, covered, found)
        else:
            parts = np.array_split(np.arange(len(rows)), 2)
            list(
                _threads().map(
                    lambda p: loop(similar, rows[p], covered, found[p[0] : p[-1] + 1]), parts
                )
            )
        return found
    more = np.empty_like(covered)
    for at, row in enumerate(rows.tolist()):
        np.subtract(similar[row], covered, out=more)  # a row at a time stays in the cache
        more[more < ROUNDING] = 0
        found[at] = more.sum(dtype=np.float64)
    return found


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2)


@cache
def _loops() -> Callable[..., None] | None:
    """The compiled loop, or None; compiling takes a second and is kept on disk."""
    try:
        import numba
    except ImportError:
        return None
    settings: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "nsz", "contract"}}
    try:
        return numba.njit(cache=True, **settings)(_added)  # type: ignore[no-any-return]
    except RuntimeError:  # no folder to keep it in
        return numba.njit(**settings)(_added)  # type: ignore[no-any-return]


def _added(similar: Vectors, rows: Ints, covered: Vectors, found: Floats) -> None:
    for at in range(len(rows)):
        row = similar[rows[at]]
        total = 0.0
        for i in range(len(covered)):
            more = row[i] - covered[i]
            # not a branch, which would take 20 times as long
            total += np.float64(more) if more >= ROUNDING else 0.0
        found[at] = total
