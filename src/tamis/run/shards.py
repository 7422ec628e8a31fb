"""Shards: rows that columns lack, claimed one after the other and computed by an executor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import Pending
from tamis.protocols import PASSING
from tamis.run.plan import Step
from tamis.run.progress import Progress
from tamis.store import Store, part_name
from tamis.types import Column, Dataset, Mask

if TYPE_CHECKING:
    from tamis.run.execute import Inputs


@dataclass(frozen=True, slots=True)
class Job:
    """Columns whose rows stand by themselves, to be computed for the rows of a dataset."""

    steps: Sequence[Step]
    data: Dataset
    inputs: Inputs
    store: Store


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows to compute and commit in one go; whoever handed it out holds the claims on it."""

    start: int
    rows: int
    lacks: Mapping[str, Mask]  # key of a step -> which of the rows its column lacks
    parts: Mapping[str, str]  # key of a step -> name of the part to write


@dataclass(slots=True)
class Unstored:
    """Rows whose trouble is of the moment: their ids with the problem, and the column's type.

    The next run finds nothing of them in the store and tries again.
    """

    problems: dict[str, str] = field(default_factory=dict)
    kind: pa.DataType = field(default_factory=pa.float64)

    def keep_out(self, ids: pa.ChunkedArray, column: Column) -> tuple[pa.ChunkedArray, Column]:
        """Takes note of such rows; returns the others."""
        self.kind, gone = column.values.type, passing(column)
        why = column.problem.filter(gone).to_pylist()
        self.problems.update(zip(ids.filter(gone).to_pylist(), why, strict=True))
        rest = pc.invert(gone)
        return ids.filter(rest), Column(column.values.filter(rest), column.problem.filter(rest))

    def add(self, other: Unstored) -> None:
        self.problems.update(other.problems)
        self.kind = other.kind


@dataclass(frozen=True, slots=True)
class Done:
    """What is told of a shard that was computed; its values are in the store."""

    unstored: Unstored = field(default_factory=Unstored)
    spent: Mapping[str, float] = field(default_factory=dict)
    pending: Pending | None = None  # somebody else has to do something first


Executor = Callable[[Job, Iterator[Shard]], Generator[tuple[Shard, Done], None, None]]
"""Computes shards and commits them to the job's store, wherever and in whatever order it will.

A shard is claimed when it is drawn from the iterator, and set free when its `Done` is yielded, so
an executor draws no more than it is about to compute. Where it is closed early it stops. Whatever
a method raises, it raises.
"""


def passing(column: Column) -> pa.Array:
    """Which rows have no value for a trouble of the moment."""
    return pc.is_in(column.problem, pa.array(sorted(PASSING)))


def describe(step: Step, store: Store) -> None:
    """Writes beside a column what it is."""
    header = {
        "column": step.name,
        "version": step.spec.version,
        "parameters": step.spec.own(step.params),
        "inputs": dict(step.inputs),
    }
    store.describe(store.folder(step.spec.name, step.key), header)


@dataclass(frozen=True, eq=False)
class Lacking:
    """A column, where it is stored, and the rows that it lacks."""

    step: Step
    folder: str
    seen: set[str]  # the parts that were there, and ours: any other is somebody else's
    missing: Mask
    total: int
    lacked: list[int]  # rows of each shard that were missing at first

    @classmethod
    def of(cls, step: Step, data: Dataset, store: Store, size: int) -> Lacking:
        folder = store.folder(step.spec.name, step.key)
        seen = store.parts(folder)  # before reading
        missing = store.missing(folder, data.ids)
        describe(step, store)
        lacked = [int(missing[at : at + size].sum()) for at in range(0, len(missing), size)]
        return cls(step, folder, seen, missing, int(missing.sum()), lacked)

    def learn(self, ids: pa.ChunkedArray, store: Store) -> None:
        """Takes note of what others have written meanwhile, each part once."""
        for path in store.parts(self.folder) - self.seen:
            self.seen.add(path)
            written = store.ids_of(path)
            if len(written):
                np.logical_and(
                    self.missing, np.asarray(pc.invert(pc.is_in(ids, written))), out=self.missing
                )

    def part(self) -> str:
        """The name of a part that is about to be written."""
        name = part_name()
        self.seen.add(f"{self.folder}/{name}")
        return name


@dataclass(slots=True)
class Todo:
    """The shards of a job that are left, by where they begin, and those that are claimed."""

    job: Job
    name: str
    size: int
    total: int
    progress: Progress
    left: dict[int, list[Lacking]]
    claims: dict[int, tuple[list[Lacking], ExitStack]] = field(default_factory=dict)
    done: int = 0

    def claimed(self, wait: bool) -> Iterator[Shard]:
        """The shards that nobody else holds; with `wait` the first one, when it is free.

        Nobody may wait while holding others: two that wait for each other would never end.
        """
        for start in list(self.left)[: 1 if wait else None]:
            shard = self._claim(start, wait)
            if shard is not None:
                yield shard

    def _claim(self, start: int, wait: bool) -> Shard | None:
        ids, store = self.job.data.ids, self.job.store
        part = ids.slice(start, self.size)
        with ExitStack() as claims:
            wanted = self.left[start]
            held = [
                c for c in wanted if claims.enter_context(store.claim(c.folder, part, wait=wait))
            ]
            if not held:
                return None
            for column in held:
                column.learn(ids, store)
            self.claims[start] = held, claims.pop_all()
        lacks = {c.step.key: c.missing[start : start + self.size].copy() for c in held}
        lacks = {key: rows for key, rows in lacks.items() if rows.any()}
        if not lacks:  # others have computed it
            self.finish(start)
            return None
        parts = {c.step.key: c.part() for c in held if c.step.key in lacks}
        return Shard(start, len(part), lacks, parts)

    def finish(self, start: int) -> None:
        """Sets a shard free; columns of it that others held are still left."""
        held, claims = self.claims.pop(start)
        claims.close()
        self.done += sum(c.lacked[start // self.size] for c in held)
        rest = [c for c in self.left.pop(start) if c not in held]
        if rest:
            self.left[start] = rest
        self.progress(self.name, self.done, self.total)

    def close(self) -> None:
        """Sets free what is not finished."""
        for _, claims in self.claims.values():
            claims.close()
        self.claims.clear()
