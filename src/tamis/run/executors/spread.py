"""Gives the shards of a job to workers that share no memory with this process.

A worker is told strings, numbers and paths. It maps the rows from a file, loads each model once,
and writes parts to the store itself; what comes back is what it took. Claims on shards stay with
this process, so a worker that dies leaves nothing locked, and its shard is given to another.
"""

from __future__ import annotations

import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from tamis.errors import UserError
from tamis.run.execute import inline
from tamis.run.executors import by_name, placing
from tamis.run.session import Run
from tamis.run.shards import Done, Job, Shard

TRIES = 3
"""How often a shard is given to a worker that dies of it."""


class Workers(Protocol):
    """Whoever is asked for one shard at a time each."""

    def begin(self, said: Mapping[str, Any]) -> None:
        """The job that the following shards belong to."""

    def has_room(self) -> bool:
        """Whether one of them is free."""

    def give(self, shard: Shard) -> None:
        """Asks a free one."""

    def at_work(self) -> bool:
        """Whether an answer is to come."""

    def wait(self) -> tuple[Shard, Mapping[str, Any]] | None:
        """The next shard that is answered; None where another worker has become free.

        `done` or `error` is what `by_name` makes of it, `died` says how a worker has ended.
        """

    def end(self) -> None:
        """Ends every worker, whatever it is at; parts that it has written stay."""

    def advice(self) -> str:
        """What to change where a shard is too much for them."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Spread:
    """The executor; its workers stay for the next job, and end with the run."""

    run: weakref.ref[Run]
    group: Callable[[Job, Run], tuple[str, Callable[[], Workers]]]  # those that a job is for
    told: Callable[[Job, Run], Mapping[str, Any]]  # a job, written down for them
    groups: dict[str, Workers] = field(default_factory=dict)
    warned: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        run: Run,
        group: Callable[[Job, Run], tuple[str, Callable[[], Workers]]],
        told: Callable[[Job, Run], Mapping[str, Any]],
    ) -> Spread:
        found = cls(weakref.ref(run), group, told)
        weakref.finalize(found, _end, found.groups)
        return found

    def __call__(
        self, job: Job, shards: Iterator[Shard]
    ) -> Generator[tuple[Shard, Done], None, None]:
        run = self.run()
        assert run is not None
        if not self._goes(job, run):
            yield from inline(job, shards)
            return
        first, second = next(shards, None), next(shards, None)
        ahead = chain([one for one in (first, second) if one is not None], shards)
        if second is None and not placing.loads(job, run):
            yield from inline(job, ahead)  # one shard is not worth a worker
            return
        said = self.told(job, run)
        for shard, done in _spread(self._workers(job, run), said, job, ahead):
            for kind, value in done.spent.items():
                if kind != "seconds":  # those that pass are the same for all
                    run.elsewhere[kind] = run.elsewhere.get(kind, 0.0) + value
            yield shard, done

    def _goes(self, job: Job, run: Run) -> bool:
        """Whether others can compute the job; says once why not."""
        if any(by_name.stays(step, run) for step in job.steps):
            return False
        for step in job.steps:
            for setting in by_name.objects(step, run):
                if setting not in self.warned:
                    self.warned.add(setting)
                    warnings.warn(
                        f"{step.name} is computed in one process: its {setting} was given as an "
                        "object, which other processes cannot load; give a name or a folder",
                        stacklevel=2,
                    )
                return False
        return True

    def _workers(self, job: Job, run: Run) -> Workers:
        name, start = self.group(job, run)
        if name not in self.groups:
            self.groups[name] = start()
        return self.groups[name]


def _end(groups: Mapping[str, Workers]) -> None:
    for workers in groups.values():
        workers.end()


@contextmanager
def _ending(workers: Workers) -> Iterator[None]:
    """Ends the workers where they are left at work: by a fault, or by Ctrl-C."""
    try:
        yield
    finally:
        if workers.at_work():
            workers.end()


def _spread(
    workers: Workers, said: Mapping[str, Any], job: Job, shards: Iterator[Shard]
) -> Generator[tuple[Shard, Done], None, None]:
    """Gives each worker a shard, and another when it is done with it."""
    workers.begin(said)
    again: list[Shard] = []
    died: Counter[int] = Counter()
    drawn = False  # whether there are no more shards
    with _ending(workers):
        while True:
            while (again or not drawn) and workers.has_room():
                shard = again.pop() if again else next(shards, None)
                if shard is None:
                    drawn = True
                else:
                    workers.give(shard)
            if drawn and not (again or workers.at_work()):
                return
            answered = workers.wait()
            if answered is None:
                continue
            shard, reply = answered
            if "error" in reply:
                raise by_name.raised(reply["error"])
            if "died" not in reply:
                yield shard, by_name.done(reply["done"])
                continue
            died[shard.start] += 1
            if died[shard.start] == TRIES:
                raise UserError(_gave_up(job, shard, reply["died"], workers.advice()))
            again.append(shard)


def _gave_up(job: Job, shard: Shard, how: str, advice: str) -> str:
    names = ", ".join(step.name for step in job.steps)
    last = shard.start + shard.rows
    return (
        f"{names}: a worker process {how}, {TRIES} times, at rows {shard.start + 1:,} to "
        f"{last:,} of {len(job.data):,}; what was finished is kept. {advice}; "
        "or see with --executor inline what happens there"
    )
