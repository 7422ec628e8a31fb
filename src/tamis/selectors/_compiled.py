"""Inner loops that numpy would pass over memory three times for; compiled where numba is there.

Without the extra `fast` numpy computes the same, two to five times slower (benchmarks/README.md).
Sums are in float64 either way, so that the two agree to the last figures of a gain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tamis.types import Floats, Ints, Vectors


def added(similar: Vectors, rows: Ints, covered: Vectors) -> Floats:
    """sum_i max(similar[j, i] - covered[i], 0) of each row j."""
    found = np.empty(len(rows))
    loop = _loops()
    if loop is not None:
        loop(similar, rows, covered, found)
        return found
    more = np.empty_like(covered)
    for at, row in enumerate(rows.tolist()):
        np.subtract(similar[row], covered, out=more)  # a row at a time stays in the cache
        found[at] = np.maximum(more, 0, out=more).sum(dtype=np.float64)
    return found


@cache
def _loops() -> Callable[..., None] | None:
    """The compiled loop, or None; compiling takes a second and is kept on disk."""
    try:
        import numba
    except ImportError:
        return None
    compiled: Any = numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
    return compiled(_added)  # type: ignore[no-any-return]


def _added(similar: Vectors, rows: Ints, covered: Vectors, found: Floats) -> None:
    for at in range(len(rows)):
        row = similar[rows[at]]
        total = 0.0
        for i in range(len(covered)):
            total += max(row[i] - covered[i], np.float32(0))
        found[at] = total
