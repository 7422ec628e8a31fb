"""Workers on a Ray cluster, an existing one or one that begins with the run on this machine.

Each is an actor with as many processors, GPUs and as much memory as the run declares, so Ray finds
the machine. What travels is strings and numbers: rows are written once to the store's place, which
every machine sees, and parts are committed there. So Ray's object store holds nothing of a pool,
and there is nothing to spill. An actor, a machine or the whole run that dies leaves its committed
parts; an actor that Ray cannot place yet keeps no shard waiting.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

from tamis.errors import MissingExtra, UserError
from tamis.run.executors import Asked, by_name, placing, rows
from tamis.run.executors.spread import TRIES, Spread
from tamis.run.session import Run
from tamis.run.shards import Job, Shard

PATIENCE = 30.0
"""Seconds after which it is said that the cluster has no room for a worker."""
LEAVING = 5.0
"""Seconds that workers have to remove their copies of the rows."""


def on_ray(run: Run, asked: Asked) -> Spread:
    """The executor of a run: actors with what each of them needs."""
    where = run.scores.root
    shares = by_name.Shares(partial(rows.put, where), where.address)

    def group(job: Job, run: Run) -> tuple[str, Callable[[], Actors]]:
        connect(asked.address)
        needs = needed(job, run, asked)
        return f"{needs}", lambda: Actors(needs, asked.workers)

    return Spread.of(run, group, lambda job, run: by_name.told(job, run, shares))


def connect(address: str) -> None:
    """Joins the cluster at an address, or what RAY_ADDRESS names, or begins one on this machine."""
    # Ray writes of lost workers on our standard output; tamis tells of them itself. Read on import
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    ray = _ray()
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # tamis sends nothing to anybody
    try:
        # what Ray tells of its workers would stand in our output; it keeps it in its own folder
        ray.init(address=address or None, configure_logging=False, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = address or os.environ.get("RAY_ADDRESS", "")
        raise UserError(
            f"no Ray cluster answers at {where}: {error}. Name one that runs, as "
            "--executor 'ray(address=HOST:6379)', or none: one begins on this machine then"
        ) from error


def _ray() -> Any:
    """The library, which is loaded when it is first asked for something."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("the executor ray", "ray") from error
    return ray


@dataclass(frozen=True, slots=True)
class Needs:
    """What Ray keeps for each worker, and the device that its run names."""

    cpus: float
    gpus: float
    memory: float
    device: str


def needed(job: Job, run: Run, asked: Asked) -> Needs:
    """A GPU for each worker where a model reads the rows and the cluster has some."""
    gpus = 0.0
    if placing.loads(job, run) and (run.device == "auto" or run.device.startswith("cuda")):
        gpus = asked.gpus or min(_ray().cluster_resources().get("GPU", 0.0), 1.0)
    device = "cuda" if gpus else "auto" if run.device.startswith("cuda") else run.device
    return Needs(asked.cpus or 1.0, gpus, asked.memory, device)


@dataclass(eq=False, slots=True)
class Actors:
    """Actors that are asked for one shard at a time each (`tamis.run.executors.spread`)."""

    needs: Needs
    asked: int  # how many; 0: as many as the cluster has room for
    count: int = 0
    said: Mapping[str, Any] = field(default_factory=dict)
    told: set[Any] = field(default_factory=set)  # those that know the job
    starting: dict[Any, Any] = field(default_factory=dict)  # what will answer -> actor
    idle: list[Any] = field(default_factory=list)
    busy: dict[Any, tuple[Any, Shard]] = field(default_factory=dict)
    failed: int = 0  # starts, one after the other

    def begin(self, said: Mapping[str, Any]) -> None:
        self.said, self.told = said, set()
        self.count = self.asked or self._room()

    def has_room(self) -> bool:
        """Whether one is there and free; those that are not there yet are asked for."""
        for _ in range(self.count - len(self.idle) - len(self.busy) - len(self.starting)):
            self._start()
        return bool(self.idle)

    def give(self, shard: Shard) -> None:
        actor = self.idle.pop()
        job = None if actor in self.told else dict(self.said)
        self.told.add(actor)
        reference = actor.answer.remote({"job": job, "shard": by_name.asked(shard)})
        self.busy[reference] = actor, shard

    def at_work(self) -> bool:
        return bool(self.busy)

    def wait(self) -> tuple[Shard, Mapping[str, Any]] | None:
        from ray.exceptions import RayError

        waiting = [*self.busy, *self.starting]
        found, _ = _ray().wait(waiting, timeout=None if self.busy else PATIENCE)
        if not found:
            warnings.warn(_no_room(self.needs), stacklevel=2)
            found, _ = _ray().wait(waiting)
        (reference,) = found
        if reference in self.starting:
            self._started(reference)
            return None
        actor, shard = self.busy.pop(reference)
        try:
            reply: Mapping[str, Any] = _ray().get(reference)
        except RayError as error:
            return shard, {"died": _how(error)}
        self.idle.append(actor)
        return shard, reply

    def end(self) -> None:
        if _ray().is_initialized():
            with suppress(Exception):  # the cluster may be gone
                _ray().wait([actor.leave.remote() for actor in self.idle], timeout=LEAVING)
        actors = [*self.idle, *self.starting.values(), *(actor for actor, _ in self.busy.values())]
        self.idle, self.starting, self.busy = [], {}, {}
        for actor in actors if _ray().is_initialized() else ():
            with suppress(Exception):
                _ray().kill(actor)

    def advice(self) -> str:
        return (
            "Workers that Ray gives more memory are fewer on each machine: "
            "--executor 'ray(memory=16e9)'"
        )

    def _room(self) -> int:
        """How many the whole cluster has room for."""
        have = _ray().cluster_resources()
        wanted = {"CPU": self.needs.cpus, "GPU": self.needs.gpus, "memory": self.needs.memory}
        rooms = [have.get(kind, 0.0) // each for kind, each in wanted.items() if each]
        return max(int(min(rooms)), 1)

    def _start(self) -> None:
        from tamis.run.executors._actor import Actor

        threads = placing.threads(max(math.ceil(self.needs.cpus), 1))
        actor = (
            _ray()
            .remote(Actor)
            .options(
                num_cpus=self.needs.cpus,
                num_gpus=self.needs.gpus or None,
                memory=self.needs.memory or None,
                max_restarts=0,
                scheduling_strategy="SPREAD",
                runtime_env={"env_vars": dict(threads)},
            )
            .remote(self.needs.device)
        )
        self.starting[actor.version.remote()] = actor

    def _started(self, reference: Any) -> None:
        """Takes note of an actor that has come up, or has not."""
        from ray.exceptions import RayError

        actor = self.starting.pop(reference)
        try:
            there = _ray().get(reference)
        except RayError as error:
            self.failed += 1
            if self.failed >= TRIES:
                raise UserError(
                    f"no worker comes up on the Ray cluster: {_last_line(error)}. Every machine of "
                    f"it needs `pip install 'tamis[ray]=={version('tamis')}'` with the same extras"
                ) from error
            return
        self.failed = 0
        if there != version("tamis"):
            raise UserError(
                f"a machine of the Ray cluster has tamis {there}, this one {version('tamis')}: "
                "install the same on all of them"
            )
        self.idle.append(actor)


def _no_room(needs: Needs) -> str:
    parts = [f"{needs.cpus:g} CPU", f"{needs.gpus:g} GPU", f"{needs.memory:g} bytes of memory"]
    given = (needs.cpus, needs.gpus, needs.memory)
    wanted = ", ".join(text for text, value in zip(parts, given, strict=True) if value)
    return f"waiting for the Ray cluster to have {wanted} for a worker; `ray status` shows its load"


def _how(error: Exception) -> str:
    """How an actor has ended, in Ray's words."""
    found = re.search(r"because (its [\w ]+)\.", str(error))
    return f"on the Ray cluster ended ({found[1]})" if found else "on the Ray cluster was lost"


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
