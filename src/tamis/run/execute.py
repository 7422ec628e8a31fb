"""Computes the columns of a plan: what the store has is read, the rest is computed by shard."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UserError
from tamis.run.plan import Step
from tamis.run.progress import Progress
from tamis.spec import Spec
from tamis.store import Store
from tamis.types import Batch, Column, Dataset, Ints, Mask, Pool, as_column

SHARD = 8192
"""Rows a part holds: small enough to lose little, large enough that a part's cost is nothing."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a scorer may be handed besides rows."""

    resource: Callable[[str], Any]  # protocol name -> object
    target: Dataset | None


def compute(step: Step, pool: Pool, inputs: Inputs, store: Store, progress: Progress) -> Column:
    """The column of one step for all rows of the pool, from the store where it is there."""
    if not len(pool):
        return call(step, Batch(pool.data.table) if step.spec.scope == "row" else pool, inputs)
    folder = store.folder(step.spec.name, step.key)
    ids = pool.data.ids
    seen = store.parts(folder)  # before reading: what comes after this is somebody else's
    column, missing = store.read(folder, ids)
    if column is not None and not missing.any():
        return column
    header = {"column": step.name, "version": step.spec.version, "parameters": dict(step.params)}
    store.describe(folder, header)
    if step.spec.scope == "table":
        _table(step, pool, inputs, store, progress)
    else:
        _shards(step, pool.data, missing, seen, inputs, store, progress)
    column, missing = store.read(folder, ids)
    if column is None or missing.any():
        raise RuntimeError(
            f"{step.name}: {int(missing.sum())} rows were computed and not found again"
        )
    return column


def _table(step: Step, pool: Pool, inputs: Inputs, store: Store, progress: Progress) -> None:
    """One call sees every row; another process that computes the same column is waited for."""
    folder, ids = store.folder(step.spec.name, step.key), pool.data.ids
    with store.claim(folder, ids, wait=True):
        if not store.read(folder, ids)[1].any():
            return
        progress(step.name, 0, len(pool))
        store.append(folder, ids, call(step, pool, inputs))
    progress(step.name, len(pool), len(pool))


def _shards(
    step: Step,
    data: Dataset,
    missing: Mask,
    seen: set[Path],
    inputs: Inputs,
    store: Store,
    progress: Progress,
) -> None:
    """Row scope: shards are cut at the same places in every run, so that claims meet.

    A shard that another process holds is left for last, and then waited for.
    """
    folder = store.folder(step.spec.name, step.key)
    starts = [s for s in range(0, len(data), SHARD) if missing[s : s + SHARD].any()]
    total, done = int(missing.sum()), 0
    progress(step.name, 0, total)
    for wait in (False, True):
        left = []
        for start in starts:
            rows, part = data.table.slice(start, SHARD), missing[start : start + SHARD]
            with store.claim(folder, rows["id"], wait=wait) as held:
                if not held:
                    left.append(start)
                    continue
                if store.parts(folder) - seen:  # somebody else has written meanwhile
                    part = store.read(folder, rows["id"])[1]
                if part.any():
                    batch = Batch(rows.filter(pa.array(part)))
                    seen.add(store.append(folder, batch.table["id"], call(step, batch, inputs)))
            done += int(missing[start : start + SHARD].sum())
            progress(step.name, done, total)
        starts = left


def call(step: Step, rows: Batch | Pool, inputs: Inputs) -> Column:
    """Calls the scorer with what its signature asks for, and checks what it returns."""
    spec = step.spec
    handed: dict[str, Any] = {
        argument: inputs.resource(protocol.__name__)
        for argument, protocol in spec.resources.items()
    }
    handed |= {argument: inputs.target for argument in spec.targets}
    with borrowed(spec):
        column = as_column(spec.function(rows, **handed, **step.params))
        if len(column) != len(rows):
            raise ValueError(f"{spec.name} returned {len(column)} values for {len(rows)} rows")
    return column


@contextmanager
def borrowed(spec: Spec) -> Iterator[None]:
    """Around code that is not ours: its faults become one message, its prints stay off the output.

    A fault of our own keeps its traceback.
    """
    if spec.function.__module__.startswith("tamis."):
        yield
        return
    try:
        with redirect_stdout(sys.stderr):
            yield
    except UserError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"the method {spec.name} failed: {reason} ({where})") from error


def problems(column: Column) -> dict[str, int]:
    """How many rows have each problem, most frequent first."""
    counts = column.problem.drop_null().value_counts().to_pylist()
    return {c["values"]: c["counts"] for c in sorted(counts, key=lambda c: -c["counts"])}


def scored(pool: Pool, columns: Sequence[str]) -> tuple[Ints, dict[str, Ints]]:
    """Positions of the rows with a value in every column, and the others by `column: problem`."""
    left = np.arange(len(pool))
    dropped: dict[str, Ints] = {}
    for name in columns:
        why = pool.column(name).problem.take(pa.array(left))
        for problem in sorted(pc.unique(why.drop_null()).to_pylist()):
            has = np.asarray(pc.equal(why, problem).fill_null(False))
            dropped[f"{name}: {problem}"] = pool.rows[left[has]]
        left = left[np.asarray(why.is_null())]
    return left, dropped
