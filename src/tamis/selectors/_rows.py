"""The rows a selector may pick, in an order that the file they came in does not decide."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.types import Floats, Ints, Mask, Pool, Selection
from tamis.vectors import finite


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
        missing[name] = ~finite(pool, name)
    if labels:
        missing[labels] = np.asarray(pool.column(labels).values.is_null(), dtype=bool)
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
    return told(replace(Selection.take(pool, budget, picks, dropped), dropped=dropped), **info)


def told(selection: Selection, **info: Any) -> Selection:
    """The selection with more to be told in the manifest."""
    return replace(selection, info={**selection.info, **info})


Picks = Generator[tuple[int, float], bool | None, None]
"""(row, gain) pairs; `yield` gives False for a row that a quota refused: it was not picked."""


def named(picks: Picks, rows: Ints) -> Picks:
    """The same picks with positions in the pool instead of in `rows`."""
    taken = None
    while True:
        try:
            row, gain = picks.send(taken)
        except StopIteration:
            return
        taken = yield int(rows[row]), gain


def shares(scores: Floats) -> Floats:
    """Share of the rows that score less, ties counted half: in (0, 1), whatever the scale."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / max(len(scores), 1))[place], np.float64)
