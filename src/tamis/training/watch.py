"""What goes on beside a training: progress, checkpoints by the clock, and models that are kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from tamis.training.settings import Training

STATE = "trainer_state.json"
"""The last file of a checkpoint: one without it was cut off."""


class Watch(TrainerCallback, ExportableState):  # type: ignore[misc]  # the library calls nothing else
    """Tells how far a training is, has it saved every so many seconds, and keeps models.

    Args:
        folder: where models on the way are kept
        training: says which
        save: writes (model, optimizer, path)
        progress: called with a title, updates done and updates in all
        every: seconds between checkpoints
    """

    def __init__(
        self,
        folder: Path,
        training: Training,
        save: Callable[[Any, Any, Path], None],
        progress: Any,
        every: float,
    ) -> None:
        self.folder, self.training, self.save_model = folder, training, save
        self.progress, self.every = progress, every
        self.before = 0.0  # seconds of the runs before this one
        self.began = self.saved = time.monotonic()
        self.places: list[tuple[int, float]] = []  # step and epoch of each model kept
        self.ends: list[float] = []  # of the updates of this process

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.began

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of this."""
        return {"args": {}, "attributes": {"before": self.seconds, "places": self.places}}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        found = state.stateful_callbacks.get(type(self).__name__)
        if isinstance(found, dict) and found.get("attributes"):
            self.before = float(found["attributes"].get("before", 0.0))
            self.places = [(int(s), float(e)) for s, e in found["attributes"].get("places", [])]

    @property
    def seconds_a_step(self) -> float | None:
        """Of an update, the median without the first one, which warms up; None of a single one."""
        took = sorted(b - a for a, b in pairwise(self.ends))
        return took[len(took) // 2] if took else None

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.ends.append(time.monotonic())
        if self.progress:
            self.progress("training", state.global_step, state.max_steps)
        every = self.training.keep_every
        if every and state.global_step % every == 0:
            self._keep(state, **given)
        if time.monotonic() - self.saved >= self.every and state.global_step < state.max_steps:
            control.should_save = True
            self.saved = time.monotonic()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if self.training.keep == "epochs":
            self._keep(state, **given)

    def _keep(self, state: Any, model: Any, optimizer: Any, **_: Any) -> None:
        if any(step == state.global_step for step, _ in self.places):
            return
        self.save_model(model, optimizer, self.folder / f"step-{state.global_step}")
        self.places.append((state.global_step, float(state.epoch)))

    def kept(self, scheduler: Any) -> list[dict[str, Any]]:
        """The models kept, as a manifest lists them; rates are those of the schedule."""
        found, before = [], 0
        for step, epoch in self.places:
            rates = [_rate(scheduler, at) for at in range(before, step)]
            found.append(
                {
                    "model": f"{self.folder.name}/step-{step}",
                    "step": step,
                    "epoch": epoch,
                    "rate": sum(rates) / len(rates),
                }
            )
            before = step
        return found

    @staticmethod
    def losses(log: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
        """(step, mean loss since the one before) as the library logged it."""
        return [(int(one["step"]), float(one["loss"])) for one in log if "loss" in one]


def _rate(scheduler: Any, step: int) -> float:
    return float(scheduler.base_lrs[0] * scheduler.lr_lambdas[0](step))


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; those that were cut off are removed."""
    found = []
    for path in folder.glob("checkpoint-*"):
        if (path / STATE).is_file() and (path / STATE).stat().st_size:
            found.append((int(path.name.rpartition("-")[2]), path))
        else:
            shutil.rmtree(path, ignore_errors=True)
    return str(max(found)[1]) if found else None
