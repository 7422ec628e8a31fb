"""Why a score that is made of other columns is missing: for the reason that they have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from tamis.types import Mask, Pool


def carried(pool: Pool, columns: Sequence[str], **own: Mask) -> dict[str, Mask]:
    """The problems of the columns under their names, and after them the score's own."""
    found: dict[str, Mask] = {}
    for name in columns:
        why = pool.column(name).problem
        for problem in sorted(pc.unique(why.drop_null()).to_pylist()):
            _add(found, problem, np.asarray(pc.equal(why, problem).fill_null(False), np.bool_))
    for problem, mask in own.items():
        _add(found, problem, mask)
    return found


def _add(found: dict[str, Mask], problem: str, mask: Mask) -> None:
    found[problem] = found[problem] | mask if problem in found else mask
