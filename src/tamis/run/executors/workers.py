"""Worker processes as their run sees them: started when there is work, asked, and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Any

from tamis.run.executors import by_name
from tamis.run.executors.placing import Place
from tamis.run.shards import Shard

MAIN = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from tamis.run.executors._process import main; main(sys.argv[2])"
)


@dataclass(eq=False, slots=True)
class Worker:
    """A process, where it runs, and the number of the job that it was told last."""

    process: subprocess.Popen[bytes]
    place: int
    job: int = 0


@dataclass(eq=False, slots=True)
class Processes:
    """Processes that are asked for one shard at a time each (`tamis.run.executors.spread`)."""

    places: Sequence[Place]
    said: Mapping[str, Any] = field(default_factory=dict)
    job: int = 0
    idle: list[Worker] = field(default_factory=list)
    busy: dict[Worker, Shard] = field(default_factory=dict)
    replies: SimpleQueue[tuple[Worker, bytes]] = field(default_factory=SimpleQueue)

    def begin(self, said: Mapping[str, Any]) -> None:
        """The job that the following shards belong to."""
        self.said, self.job = said, self.job + 1

    def has_room(self) -> bool:
        return len(self.busy) < len(self.places)

    def at_work(self) -> bool:
        return bool(self.busy)

    def advice(self) -> str:
        fewer = max(len(self.places) // 2, 1)
        return f"Fewer processes need less memory: --executor processes:{fewer}"

    def give(self, shard: Shard) -> None:
        """Asks an idle worker, or a new one."""
        worker = self.idle.pop() if self.idle else self._started()
        self.busy[worker] = shard
        job = self.said if worker.job != self.job else None
        worker.job = self.job
        line = json.dumps({"job": job, "shard": by_name.asked(shard)}).encode() + b"\n"
        assert worker.process.stdin is not None
        with suppress(OSError):  # it is dead, and its end is on the way
            worker.process.stdin.write(line)
            worker.process.stdin.flush()

    def wait(self) -> tuple[Shard, dict[str, Any]]:
        """The next shard that is answered; `died`, an exit code, where its worker has ended."""
        while True:
            worker, line = self.replies.get()
            if not line and worker in self.idle:
                self.idle.remove(worker)
            if worker not in self.busy:
                continue
            shard = self.busy.pop(worker)
            if not line:
                return shard, {"died": _said(_closed(worker))}
            self.idle.append(worker)
            return shard, json.loads(line)

    def end(self) -> None:
        """Ends every worker, whatever it is at; parts that it has written stay."""
        ended = [*self.idle, *self.busy]
        self.idle, self.busy, self.replies = [], {}, SimpleQueue()
        for worker in ended:
            worker.process.kill()
        for worker in ended:
            _closed(worker)

    def _started(self) -> Worker:
        taken = {worker.place for worker in self.busy}
        place = next(at for at in range(len(self.places)) if at not in taken)
        where = self.places[place]
        paths = json.dumps([str(path) for path in sys.path])
        command = [sys.executable, "-P", "-c", MAIN, paths, where.device]
        environment = {**os.environ, **where.environment}
        pipe = subprocess.PIPE
        with _undisturbed():
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment)
        worker = Worker(process, place)
        Thread(target=_listen, args=(worker, self.replies), daemon=True).start()
        return worker


def _closed(worker: Worker) -> int:
    """The exit code of a worker that is dead or dying."""
    code = worker.process.wait()
    assert worker.process.stdin is not None
    with suppress(OSError):
        worker.process.stdin.close()
    return code


def _said(code: int) -> str:
    """How a process has ended."""
    memory = " (out of memory, most likely)" if code == -9 else ""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return how + memory


def _listen(worker: Worker, replies: SimpleQueue[tuple[Worker, bytes]]) -> None:
    """Hands on what a worker answers, and an empty line when it has ended."""
    assert worker.process.stdout is not None
    with worker.process.stdout as lines:
        for line in lines:
            if line.endswith(b"\n"):  # it may have died within one
                replies.put((worker, line))
    replies.put((worker, b""))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What is started within it hears nothing of Ctrl-C: we do, and end it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
