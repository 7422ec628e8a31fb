"""A worker's side: what it is told becomes a job, and a shard that it is asked for is computed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tamis.run.executors import by_name, rows
from tamis.run.session import Run
from tamis.run.shards import Job


@dataclass(slots=True)
class Answering:
    """What a worker keeps between shards: models that are loaded, and the job."""

    run: Run
    job: Job | None = None
    known: set[str] = field(default_factory=set)  # names of the rows that it was told of

    def answer(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Computes and commits a shard: `done`, or `error` with what is to be raised.

        `job` is told with a job's first shard, and null with the others.
        """
        try:
            if said["job"]:
                self.job = None  # where it cannot begin, its shards are not another job's
                self.job = self._begun(said["job"])
            assert self.job is not None
            return {"done": by_name.work(self.job, said["shard"])}
        except BaseException as error:  # it is raised where the shard was asked for
            return {"error": by_name.fault(error)}

    def _begun(self, said: Mapping[str, Any]) -> Job:
        """The job; what is loaded stays loaded while the run's settings are as before.

        Its scorers see the folder of the run that asks, for paths of files and models.
        """
        with suppress(FileNotFoundError):  # on another machine
            os.chdir(said["folder"])
        if any(getattr(self.run, name) != value for name, value in said["run"].items()):
            self.run = replace(self.run, **said["run"], loaded={})
        self.known |= {one["name"] for one in (said["data"], said["target"]) if one}
        return by_name.begin(said, self.run)

    def leave(self) -> None:
        """Removes the copies of rows that this machine was sent."""
        for name in self.known:
            rows.forget(name)
