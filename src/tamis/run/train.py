"""Trainings of a run: each has a folder that is named by rows, settings and model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tamis.errors import UserError

if TYPE_CHECKING:
    from tamis.models.hf_tokenizer import ModelTokenizer
    from tamis.run.session import Run
    from tamis.training.settings import Training
    from tamis.training.sft import Trained
    from tamis.types import Dataset


def train(
    run: Run, data: Dataset, training: Training | None = None, folder: Path | None = None
) -> Trained:
    """The run's model trained on the rows; nothing is trained that is there already.

    Without a folder the training's own is taken, below the run's folder of models.
    """
    if run.trainer is None and not isinstance(run.model, str):
        raise UserError("to train a model, name it: an object that reads has no weights to train")
    chosen = training or run.training or default()
    started = time.perf_counter()
    if run.trainer is not None:  # a stand-in trains objects too
        name = run.model if isinstance(run.model, str) else run.model.id
        found = run.trainer(data, chosen, name)
    else:
        found = _trained(run, data, chosen, folder)
    spent = time.perf_counter() - started
    took = found.manifest.get("seconds", spent)  # when it was trained, whoever did
    run.log.append({"train": found.model, "rows": len(data), "seconds": spent, "took": took})
    return found


def default() -> Training:
    """How models are trained unless told otherwise."""
    from tamis.training.settings import Training

    return Training()


def _trained(run: Run, data: Dataset, training: Training, folder: Path | None) -> Trained:
    from tamis.training import sft

    assert isinstance(run.model, str)
    folder = folder or folder_of(run, data, training)
    return sft.train(data, training, run.model, folder, device=run.device, progress=run.progress)


def folder_of(run: Run, data: Dataset, training: Training) -> Path:
    """Where such a training is, or will be."""
    from tamis.training.sft import key_of

    return root(run) / key_of(data, training, base_of(run).located)


def base_of(run: Run) -> ModelTokenizer:
    """What the run's model is named by; its files are hashed once a run."""
    from tamis.models.hf_tokenizer import ModelTokenizer

    name = f"base of trainings {run.model}"
    if name not in run.loaded:
        run.loaded[name] = ModelTokenizer(str(run.model))
    found: ModelTokenizer = run.loaded[name]
    return found


def root(run: Run) -> Path:
    """The folder of models that methods train: in the user's cache where scores are elsewhere."""
    from tamis.store import default_root

    if run.models:
        return Path(run.models).expanduser()
    return (run.scores.root.folder or default_root()).parent / "models"
