"""A worker process: lines of JSON come in, a line goes out for each.

It ends by itself as soon as nobody is left who could write to it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from tamis.run.executors import by_name
from tamis.run.session import Run
from tamis.run.shards import Job


def main(device: str) -> None:
    """Answers shards until its input ends."""
    faulthandler.enable()
    asked: SimpleQueue[bytes] = SimpleQueue()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what methods print goes to the error stream
    Thread(target=_listen, args=(os.fdopen(os.dup(0), "rb"), asked), daemon=True).start()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    run, job = Run(device=device), None
    while True:
        said = json.loads(asked.get())
        try:
            if said["job"]:
                job = None  # where it cannot begin, its shards are not another job's
                run, job = _begun(said["job"], run)
            assert job is not None
            reply = {"done": by_name.work(job, said["shard"])}
        except BaseException as error:  # it is raised where the shard was asked for
            reply = {"error": by_name.fault(error)}
        out.write(json.dumps(reply).encode() + b"\n")
        out.flush()


def _begun(said: dict[str, Any], run: Run) -> tuple[Run, Job]:
    """The job, and the run with its settings; what is loaded stays loaded while they are as before.

    The scorers of a job see the folder of the run that asks, for paths of files and models.
    """
    os.chdir(said["folder"])
    if any(getattr(run, name) != value for name, value in said["run"].items()):
        run = replace(run, **said["run"], loaded={})
    return run, by_name.begin(said, run)


def _listen(source: BinaryIO, asked: SimpleQueue[bytes]) -> None:
    """Hands on what is asked; at its end nobody waits for an answer, so all stops there."""
    for line in source:
        asked.put(line)
    sys.stderr.flush()
    os._exit(0)
