"""Updates of a small model, one after the other, that go on after any death where they stopped.

What an update reads follows from the seed, its number and the examples' keys, and so does what
dropout leaves out: nothing is drawn from a generator that would have to be kept. On a processor a
resumed run ends with the same weights, bit for bit, as one that was never stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from tamis.errors import UserError
from tamis.training.teach_rows import drawn
from tamis.training.teaching import Teaching
from tamis.types import Ints

CHECKPOINT = "checkpoint.pt"
WINDOW = 16
"""Updates whose examples are sorted by length, so that little is padded."""
SECONDS = 60.0
"""Between checkpoints."""


class Task(Protocol):
    """What is learned: a model, its examples by key and length, and the loss of some of them."""

    model: Any
    keys: Sequence[str]
    lengths: Ints

    def loss(self, places: Sequence[int]) -> torch.Tensor: ...


@dataclass
class Going:
    """How far a teaching is: updates done, the loss of each, and the seconds it took."""

    step: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0


def updates(examples: int, teaching: Teaching) -> int:
    """How many updates there are."""
    return max(ceil(ceil(examples / teaching.batch) * teaching.epochs), 1)


def fit(
    task: Task,
    teaching: Teaching,
    folder: Path,
    named: str,
    progress: Callable[[str, int, int], None],
    every: float = SECONDS,
) -> Going:
    """Updates the task's model; `named` says of which teaching a checkpoint in the folder is."""
    total = updates(len(task.keys), teaching)
    optimizer = torch.optim.AdamW(
        task.model.parameters(), lr=teaching.rate, weight_decay=teaching.decay
    )
    going = _restored(folder / CHECKPOINT, named, task.model, optimizer)
    saved = time.monotonic()
    began = saved - going.seconds
    batches: list[Ints] = []
    of_epoch = -1
    task.model.train()
    while going.step < total:
        epoch, place = divmod(going.step, ceil(len(task.keys) / teaching.batch))
        if epoch != of_epoch:
            batches, of_epoch = epoch_batches(task, teaching, epoch), epoch
        _update(task, teaching, optimizer, batches[place].tolist(), going, total)
        going.seconds = time.monotonic() - began
        if time.monotonic() - saved >= every and going.step < total:
            _save(folder / CHECKPOINT, named, task.model, optimizer, going)
            saved = time.monotonic()
        progress("teaching", going.step, total)
    task.model.eval()
    return going


def _update(
    task: Task,
    teaching: Teaching,
    optimizer: torch.optim.Optimizer,
    places: list[int],
    going: Going,
    total: int,
) -> None:
    torch.manual_seed(int(drawn(teaching.teach_seed, "update", going.step) * 2**63))
    for group in optimizer.param_groups:
        group["lr"] = teaching.rate * share_of_rate(going.step, total, teaching.warmup)
    optimizer.zero_grad(set_to_none=True)
    loss = task.loss(places)
    value = float(loss.detach())
    if not isfinite(value):
        raise UserError(
            f"the loss of update {going.step + 1} is {value}: teach with a smaller --rate"
        )
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(task.model.parameters(), teaching.clip)
    optimizer.step()
    going.losses.append(value)
    going.step += 1


def share_of_rate(step: int, total: int, warmup: float) -> float:
    """The share of the highest rate that an update has: up in a line, then down to 0."""
    rising = ceil(warmup * total)
    if step < rising:
        return (step + 1) / rising
    return (total - step) / max(total - rising, 1)


def epoch_batches(task: Task, teaching: Teaching, epoch: int) -> list[Ints]:
    """The examples of each update of an epoch, every example once.

    Their order is drawn by seed, epoch and key. Within a window of updates they are sorted by
    length, and the updates of a window stand in an order drawn as well.
    """
    seed, size = teaching.teach_seed, teaching.batch
    mixed = [drawn(seed, "order", epoch, key) for key in task.keys]
    order = np.lexsort((np.asarray(task.keys, dtype=str), np.asarray(mixed)))
    found = []
    for start in range(0, len(order), size * WINDOW):
        window = order[start : start + size * WINDOW]
        window = window[np.argsort(task.lengths[window], kind="stable")]
        parts = [window[at : at + size] for at in range(0, len(window), size)]
        places = sorted(range(len(parts)), key=lambda at: drawn(seed, "window", epoch, start, at))
        found += [parts[at] for at in places]
    return found


def _save(path: Path, named: str, model: Any, optimizer: Any, going: Going) -> None:
    """Writes all that going on needs, whole or not at all."""
    part = path.with_name(path.name + ".part")
    kept = {
        "named": named,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "going": [going.step, going.losses, going.seconds],
    }
    torch.save(kept, part)
    os.replace(part, path)


def _restored(path: Path, named: str, model: Any, optimizer: Any) -> Going:
    """Where a run that was stopped had got to; another teaching's checkpoint does not count."""
    if not path.is_file():
        return Going()
    kept = torch.load(path, map_location="cpu", weights_only=True)
    if kept["named"] != named:
        return Going()
    model.load_state_dict(kept["model"])
    optimizer.load_state_dict(kept["optimizer"])
    return Going(*kept["going"])


def device_of(given: str) -> str:
    """The device that is taught on: the first of those named."""
    first = given.partition(",")[0].strip()
    if first != "auto":
        return first
    return "cuda:0" if torch.cuda.is_available() else "cpu"
