"""A seeded random subset: the baseline that every method has to beat.

Formula: rows sorted by hash(seed, id). A row's place depends on its id alone, so a re-ordered or
appended file keeps its order, and the 1 % subset is a prefix of the 5 % subset.
Oracle: uniformity of the ranks (chi-square), the same order after shuffling the file.
"""

from __future__ import annotations

import hashlib

import numpy as np

from tamis.budget import Budget
from tamis.spec import selector
from tamis.types import Floats, Pool, Selection, order_by


def uniform(ids: list[str], seed: int) -> Floats:
    """A number in [0, 1) for each id that depends on the id and the seed alone."""
    key = (seed % 2**64).to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(i.encode(), key=key, digest_size=8).digest() for i in ids)
    return np.frombuffer(digests, dtype="<u8") / 2.0**64


@selector(family="baseline")
def random(pool: Pool, budget: Budget, *, seed: int = 0) -> Selection:
    """Rows in an order that only their ids and the seed decide; every gain is 0.

    Args:
        seed: another seed gives another subset
    """
    ids = pool.ids
    order = order_by(uniform(ids.tolist(), seed), ids, descending=False)
    return Selection.take(pool, budget, ((row, 0.0) for row in order.tolist()))
