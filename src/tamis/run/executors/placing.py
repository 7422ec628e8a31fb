"""Where workers run: how many, on which device, with how many threads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tamis.models import TABLES
from tamis.run.executors.by_name import name_of
from tamis.run.session import Run
from tamis.run.shards import Job

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""What numpy, torch, pyarrow, polars, tokenizers and numba read when they are loaded."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""How much of the machine a container may use, where the system says so."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one worker runs: its device as a run names it, and what its environment adds."""

    device: str
    environment: Mapping[str, str]


def cores() -> int:
    """The cores that this process may use."""
    have = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return max(min(have, int(quota) // int(period)), 1)
    except (OSError, ValueError):  # there is none, or it says max
        return have


def on_cores(run: Run, count: int) -> list[Place]:
    """Workers that share the cores; several devices that are no GPUs are handed out in turn."""
    count = count or cores()
    devices = _named(run.device)
    return [Place(devices[at % len(devices)], _threads(count)) for at in range(count)]


def on_gpus(gpus: Sequence[str], count: int) -> list[Place]:
    """Workers with a GPU each, the only one that they see."""
    count = count or len(gpus)
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    places = []
    for at in range(count):
        gpu = gpus[at % len(gpus)]
        number = int(gpu.partition(":")[2] or 0)
        there = [str(number)] if seen is None else seen.split(",")[number : number + 1]
        if any(there):
            alone = {"CUDA_VISIBLE_DEVICES": there[0].strip()}
            places.append(Place("cuda", {**_threads(count), **alone}))
        else:  # there is no such GPU, which the library tells
            places.append(Place(gpu, _threads(count)))
    return places


def loads(job: Job, run: Run) -> bool:
    """Whether a job has a model that takes time to load, and a device if there is one."""
    return _reads(job) or _embeds(job, run)


def gpus(job: Job, run: Run) -> list[str]:
    """The GPUs for a job, as cuda:0; none where its models run on the processor, or it has none."""
    if not loads(job, run):
        return []
    named = _named(run.device)
    if all(name.startswith("cuda") for name in named):
        return named
    # an embedder takes a GPU where there is one, whatever the language model is told
    if (run.device != "auto" and _reads(job)) or find_spec("torch") is None:
        return []
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [f"cuda:{number}" for number in range(count)]


def _reads(job: Job) -> bool:
    return any(step.spec.reads_model or step.spec.grades for step in job.steps)


def _embeds(job: Job, run: Run) -> bool:
    return any(
        kind.__name__ == "Embedder" and name_of(step, "Embedder", run) not in TABLES
        for step in job.steps
        for kind in step.spec.resources.values()
    )


def _named(device: str) -> list[str]:
    return [part.strip() for part in device.split(",")]


def _threads(workers: int) -> dict[str, str]:
    """The share of the cores that one of so many workers has."""
    return threads(max(cores() // workers, 1))


def threads(share: int) -> dict[str, str]:
    """What gives a worker so many threads; a smaller limit stays as it is."""
    found = {}
    for name in THREADS:
        given = os.environ.get(name, "")
        found[name] = str(min(share, int(given)) if given.isdecimal() and int(given) else share)
    return found
