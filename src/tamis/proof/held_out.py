"""Rows and prompts that models are measured on, kept out of what they are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tamis.errors import UserError
from tamis.evaluation.contamination import Prompts, contamination, prompts_of
from tamis.evaluation.outputs import set_name
from tamis.proof.values import Held
from tamis.selectors.random import uniform
from tamis.types import Dataset, order_by

LARGEST_SHARE = 0.1
"""Of the pool that is held out at most."""

Repeats = Literal["remove", "keep"]


@dataclass(frozen=True, slots=True)
class Parted:
    """A pool without the rows that models are measured on, and what was done to it."""

    pool: Dataset
    tests: tuple[Held, ...]
    notes: tuple[str, ...]


def held_out(pool: Dataset, count: int, seed: int = 0) -> Parted:
    """Splits off test rows: those whose id has the smallest hash, a tenth of the pool at most."""
    if count < 1:
        raise UserError(f"hold_out is at least 1 row, got {count}")
    ids = np.asarray(pool.ids.to_pylist(), dtype=str)
    order = order_by(uniform(ids.tolist(), seed), ids, descending=False)
    many = min(count, int(len(pool) * LARGEST_SHARE))
    if not many:
        raise UserError(f"{len(pool)} rows are too few to hold some out: give test rows, --test")
    test, rest = np.sort(order[:many]), np.sort(order[many:])
    note = f"{many:,} rows of the pool are held out: models are measured on their answers"
    return Parted(pool.take(rest), (Held("held-out rows", pool.take(test)),), (note,))


def without_repeats(
    pool: Dataset, held: Sequence[Held], repeats: Repeats, *, runs: bool = True
) -> Parted:
    """The pool without rows that repeat a test prompt; they are counted in any case.

    Without `runs` only equal prompts count: of rows that come from the pool itself.
    """
    texts = {one.name: prompts_of(one.data) for one in held}
    sets = [name for name, found in texts.items() for _ in found]
    flat = [text for found in texts.values() for text in found]
    if not flat:
        return Parted(pool, tuple(held), ())
    found = contamination(pool, Prompts.of(flat, sets))
    bad = {one.row for one in found.repeats if runs or one.kind == "equal"}
    if not bad:
        return Parted(pool, tuple(held), ())
    what = "repeat a test prompt"
    if repeats == "keep":
        return Parted(pool, tuple(held), (f"{len(bad):,} rows of the pool {what} and were kept",))
    if len(bad) == len(pool):
        raise UserError(f"all rows of the pool {what}: give other test rows, or --repeats keep")
    kept = np.array(sorted(set(range(len(pool))) - bad), np.int64)
    return Parted(pool.take(kept), tuple(held), (f"{len(bad):,} rows of the pool {what}: removed",))


def named(path: str, data: Dataset) -> Held:
    """A test file by its name."""
    return Held(set_name(path), data)
