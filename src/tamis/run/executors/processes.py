"""Processes of this machine, one a core or one a GPU, that share the shards of a job.

A worker is a fresh interpreter that is told strings, numbers and paths in lines of JSON. It maps
the rows from the file that this process maps, loads each model once, and writes parts to the store;
what comes back is what it took. Not `multiprocessing`: nothing of `__main__` is run again, so a
script needs no guard, and a notebook or `python -` will do.

Claims on shards stay with this process. So a worker that dies leaves nothing locked, its shard is
given to another, and workers need no file locks.
"""

from __future__ import annotations

import warnings
import weakref
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from tamis.errors import UserError
from tamis.run.execute import inline
from tamis.run.executors import by_name, placing
from tamis.run.executors.workers import Workers, ending
from tamis.run.session import Run
from tamis.run.shards import Done, Job, Shard

TRIES = 3
"""How often a shard is given to a worker that dies of it."""


@dataclass(eq=False, slots=True, weakref_slot=True)
class Processes:
    """The executor; its workers stay for the next job, and end with the run."""

    run: weakref.ref[Run]
    count: int  # of workers; 0: by cores or GPUs
    groups: dict[str, Workers] = field(default_factory=dict)
    shares: by_name.Shares = field(default_factory=by_name.Shares)
    told: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, run: Run, count: int) -> Processes:
        found = cls(weakref.ref(run), count)
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
            yield from inline(job, ahead)  # one shard is not worth a process
            return
        said = by_name.told(job, run, self.shares)
        for shard, done in _spread(self._group(job, run), said, job, ahead):
            for kind, value in done.spent.items():
                if kind != "seconds":  # those that pass are the same for all
                    run.elsewhere[kind] = run.elsewhere.get(kind, 0.0) + value
            yield shard, done

    def _goes(self, job: Job, run: Run) -> bool:
        """Whether other processes can compute the job; says once why not."""
        if any(by_name.stays(step, run) for step in job.steps):
            return False
        for step in job.steps:
            for setting in by_name.objects(step, run):
                if setting not in self.told:
                    self.told.add(setting)
                    warnings.warn(
                        f"{step.name} is computed in one process: its {setting} was given as an "
                        "object, which other processes cannot load; give a name or a folder",
                        stacklevel=2,
                    )
                return False
        return True

    def _group(self, job: Job, run: Run) -> Workers:
        """The workers that a job is for: those of the GPUs where it has a model there."""
        gpus = placing.gpus(job, run)
        name = ",".join(gpus)
        if name not in self.groups:
            places = (
                placing.on_gpus(gpus, self.count) if gpus else placing.on_cores(run, self.count)
            )
            self.groups[name] = Workers(places)
        return self.groups[name]


def _end(groups: Mapping[str, Workers]) -> None:
    for workers in groups.values():
        workers.end()


def _spread(
    workers: Workers, said: Mapping[str, Any], job: Job, shards: Iterator[Shard]
) -> Generator[tuple[Shard, Done], None, None]:
    """Gives each worker a shard, and another when it is done with it."""
    workers.begin(said)
    again: list[Shard] = []
    died: Counter[int] = Counter()
    with ending(workers):
        while True:
            while workers.has_room():
                shard = again.pop() if again else next(shards, None)
                if shard is None:
                    break
                workers.give(shard)
            if not workers.busy:
                return
            shard, reply = workers.wait()
            if "error" in reply:
                raise by_name.raised(reply["error"])
            if "died" not in reply:
                yield shard, by_name.done(reply["done"])
                continue
            died[shard.start] += 1
            if died[shard.start] == TRIES:
                raise UserError(_gave_up(job, shard, reply["died"], len(workers.places)))
            again.append(shard)


def _gave_up(job: Job, shard: Shard, code: int, workers: int) -> str:
    names = ", ".join(step.name for step in job.steps)
    last = shard.start + shard.rows
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    memory = " (out of memory, most likely)" if code == -9 else ""
    return (
        f"{names}: a worker process {how}{memory}, {TRIES} times, at rows {shard.start + 1:,} to "
        f"{last:,} of {len(job.data):,}; what was finished is kept. Fewer processes need less "
        f"memory: --executor processes:{max(workers // 2, 1)}; or see with --executor inline what "
        "happens there"
    )
