"""Computes the columns of a plan: what the store has is read, the rest is computed by shard."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import Pending, UserError
from tamis.models.shared import Shared, Waiting
from tamis.notation import parse
from tamis.run.plan import GIVEN, Step, columns_of, which_model
from tamis.run.progress import Progress
from tamis.run.shards import (
    Done,
    Executor,
    Job,
    Lacking,
    Shard,
    Todo,
    Unstored,
    describe,
    passing,
)
from tamis.spec import Spec
from tamis.store import Store
from tamis.types import Batch, Column, Dataset, Ints, Mask, Pool, as_column

SHARD = 8192
"""Rows a part holds: small enough to lose little, large enough that a part's cost is nothing."""
SLOW_SHARD = 512
"""The same where a language model reads each row."""
TRIES = 3
"""How often rows that are gone again are computed."""


def clock() -> dict[str, float]:
    """Seconds, from any moment on."""
    return {"seconds": time.perf_counter()}


def since(before: Mapping[str, float], now: Mapping[str, float], among: int) -> dict[str, float]:
    """What was spent between two readings, shared equally among so many columns."""
    return {name: (value - before.get(name, 0.0)) / among for name, value in now.items()}


def nothing_before(steps: Sequence[Step], data: Dataset) -> None:
    """What is done before steps are computed where nothing has to be."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a scorer may be handed besides rows."""

    resource: Callable[..., Any]  # (protocol's name, model=, dtype=) -> object
    target: Dataset | None
    spent: Callable[[], Mapping[str, float]] = clock  # what was spent so far, by kind
    before: Callable[[Sequence[Step], Dataset], None] = nothing_before  # where rows are missing


def compute(
    step: Step,
    pool: Pool,
    inputs: Inputs,
    store: Store,
    progress: Progress,
    executor: Executor | None = None,
) -> Column:
    """The column of one step for all rows of the pool, from the store where it is there."""
    if not (len(pool) and step.spec.stored):
        return call(step, Batch(pool.data.table) if step.spec.scope == "row" else pool, inputs)
    folder = store.folder(step.spec.name, step.key)
    ids = pool.data.ids
    column = stored(store, folder, ids)
    if column is not None:
        return column
    if step.spec.scope == "table":
        inputs.before([step], pool.data)
        describe(step, store)
        return _table(step, pool, inputs, store, progress)
    # a part may turn out to be damaged when its values are read, or be deleted meanwhile
    for _ in range(TRIES):
        unstored = by_row([step], pool.data, inputs, store, progress, executor)
        column, missing = store.read(folder, ids)
        gone = [unstored.problems.get(name) for name in ids.filter(pa.array(missing)).to_pylist()]
        if None not in gone:
            return _filled(column, missing, gone, unstored.kind)
    raise UserError(
        f"{gone.count(None):,} rows of {step.name} were computed and are not found again in "
        f"{store.root.shown(folder)}: something deletes or damages what is written there; name "
        "another place with --store"
    )


def stored(store: Store, folder: str, ids: pa.ChunkedArray) -> Column | None:
    """A column that lacks no row; ids are looked at first, which costs little."""
    if store.missing(folder, ids).any():
        return None
    column, missing = store.read(folder, ids)
    return None if missing.any() else column


def _filled(
    column: Column | None, missing: Mask, gone: Sequence[str | None], kind: pa.DataType
) -> Column:
    """The stored column, and in place of what is missing the problem that kept it out."""
    if column is None:
        return Column(pa.nulls(len(gone), kind), pa.array(gone, pa.string()))
    if not gone:
        return column
    problem = pc.replace_with_mask(column.problem, pa.array(missing), pa.array(gone, pa.string()))
    return Column(column.values, problem)


def together(steps: Sequence[Step]) -> list[list[Step]]:
    """Row scorers that ask the same language model, in groups of at least two."""
    groups: dict[str, list[Step]] = {}
    for step in steps:
        asks = {kind.__name__: step.inputs[name] for name, kind in step.spec.resources.items()}
        asks.pop("Languages", None)
        if step.spec.scope == "row" and list(asks) == ["Likelihood"] and not step.spec.targets:
            groups.setdefault(asks["Likelihood"], []).append(step)
    return [group for group in groups.values() if len(group) > 1]


def _table(step: Step, pool: Pool, inputs: Inputs, store: Store, progress: Progress) -> Column:
    """One call sees every row; another process that computes the same column is waited for.

    A column that a trouble of the moment has a part in is not stored: other rows depend on it.
    Nor is one that is made of such a column, whatever it makes of the rows without a value.
    """
    folder, ids = store.folder(step.spec.name, step.key), pool.data.ids
    with store.claim(folder, ids, wait=True):
        found = stored(store, folder, ids)
        if found is not None:
            return found
        progress(step.name, 0, len(pool))
        before = inputs.spent()
        column = call(step, pool, inputs)
        if _settled(step, pool, store) and not pc.any(passing(column)).as_py():
            store.append(folder, ids, column, since(before, inputs.spent(), 1))
    progress(step.name, len(pool), len(pool))
    return column


def _settled(step: Step, pool: Pool, store: Store) -> bool:
    """Whether the columns that this one is made of are stored for all rows, or were given."""
    for name in columns_of(step.spec, step.params):
        key = step.inputs[f"column {name}"]
        folder = store.folder(parse(name).method.rpartition(":")[2], key)
        if not key.startswith(GIVEN) and not store.parts(folder):
            return False
        if pc.any(passing(pool.column(name))).as_py():
            return False
    return True


def by_row(
    steps: Sequence[Step],
    data: Dataset,
    inputs: Inputs,
    store: Store,
    progress: Progress,
    executor: Executor | None = None,
) -> Unstored:
    """Computes what is missing of columns whose rows stand by themselves, shard by shard.

    Shards are cut at the same places in every run, so that claims meet; one that another process
    holds is left for last, and then waited for. Steps that are given together ask together.
    """
    # locks are taken in this order by everybody: nobody waits for one who waits
    once = {step.key: step for step in steps}.values()  # one column may be spelled in two ways
    slow = any(step.spec.reads_model or step.spec.grades for step in steps)
    size = SLOW_SHARD if slow else SHARD
    columns = sorted((Lacking.of(s, data, store, size) for s in once), key=lambda c: str(c.folder))
    found = [
        (start, [c for c in columns if c.missing[start : start + size].any()])
        for start in range(0, len(data), size)
    ]
    left = {start: wanted for start, wanted in found if wanted}
    name, total = ", ".join(step.name for step in steps), sum(c.total for c in columns)
    job = Job([c.step for c in columns], data, inputs, store)
    if left:
        inputs.before(job.steps, data)
    progress(name, 0, total)
    return _all_of(Todo(job, name, size, total, progress, left), executor or inline)


def _all_of(todo: Todo, executor: Executor) -> Unstored:
    """Has an executor compute what is free, until others have set free all that they held."""
    unstored, pending, wait = Unstored(), None, False
    with closing(todo):
        while todo.left:
            computed = False
            with closing(executor(todo.job, todo.claimed(wait))) as results:
                for shard, done in results:
                    computed = True
                    unstored.add(done.unstored)
                    pending = done.pending or pending  # other shards can be prepared
                    todo.finish(shard.start)
            wait = not (computed or wait)
    if pending is not None:
        raise pending
    return unstored


def inline(job: Job, shards: Iterator[Shard]) -> Generator[tuple[Shard, Done], None, None]:
    """The executor that computes one shard after the other, here."""
    for shard in shards:
        yield shard, compute_shard(job, shard)


def compute_shard(job: Job, shard: Shard) -> Done:
    """Computes and commits what the columns of a job lack of one shard."""
    rows = job.data.table.slice(shard.start, shard.rows)
    work = [
        (step, Batch(rows.filter(pa.array(shard.lacks[step.key]))))
        for step in job.steps
        if step.key in shard.lacks
    ]
    before = job.inputs.spent()
    try:
        found = call_together(work, job.inputs)
    except Pending as error:
        return Done(pending=error)
    spent = since(before, job.inputs.spent(), 1)
    took = {kind: value / len(work) for kind, value in spent.items()}
    unstored = Unstored()
    for (step, batch), values in zip(work, found, strict=True):
        ids, kept = unstored.keep_out(batch.table["id"], values)
        if len(ids):
            folder = job.store.folder(step.spec.name, step.key)
            job.store.append(folder, ids, kept, took, shard.parts[step.key])
    return Done(unstored, spent)


def call_together(work: Sequence[tuple[Step, Batch]], inputs: Inputs) -> list[Column]:
    """The columns of several steps; what they ask of one language model is read once."""
    if len(work) < 2:
        return [call(step, batch, inputs) for step, batch in work]
    models: dict[int, Shared] = {}

    def resource(protocol: str, **which: str) -> Any:
        found = inputs.resource(protocol, **which)
        return models.setdefault(id(found), Shared(found))

    asking = replace(inputs, resource=resource)
    columns: dict[int, Column] = {}
    while len(columns) < len(work):
        for at, (step, batch) in enumerate(work):
            if at not in columns:
                with suppress(Waiting):
                    columns[at] = call(step, batch, asking)
        for model in models.values():
            model.answer()
    return [columns[at] for at in range(len(work))]


def call(step: Step, rows: Batch | Pool, inputs: Inputs) -> Column:
    """Calls the scorer with what its signature asks for, and checks what it returns."""
    spec = step.spec
    handed: dict[str, Any] = {
        argument: inputs.resource(protocol.__name__, **which_model(spec, step.params))
        for argument, protocol in spec.resources.items()
    }
    handed |= {argument: inputs.target for argument in spec.targets}
    with borrowed(spec):
        column = as_column(spec.function(rows, **handed, **spec.own(step.params)))
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
