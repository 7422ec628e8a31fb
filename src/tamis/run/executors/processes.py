"""Processes of this machine, one a core or one a GPU, that share the shards of a job.

A worker is a fresh interpreter that is told lines of JSON. Not `multiprocessing`: nothing of
`__main__` is run again, so a script needs no guard, and a notebook or `python -` will do.
"""

from __future__ import annotations

from collections.abc import Callable

from tamis.run.executors import Asked, by_name, placing
from tamis.run.executors.spread import Spread
from tamis.run.executors.workers import Processes
from tamis.run.session import Run
from tamis.run.shards import Job


def processes(run: Run, asked: Asked) -> Spread:
    """The executor of a run: so many processes, or by cores and GPUs."""
    shares = by_name.Shares()

    def group(job: Job, run: Run) -> tuple[str, Callable[[], Processes]]:
        gpus = placing.gpus(job, run)
        on = placing.on_gpus(gpus, asked.workers) if gpus else placing.on_cores(run, asked.workers)
        return ",".join(gpus), lambda: Processes(on)

    return Spread.of(run, group, lambda job, run: by_name.told(job, run, shares))
