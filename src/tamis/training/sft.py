"""Supervised fine-tuning with TRL's SFTTrainer and PEFT (extra `train`), resumed after any death.

    FOLDER/model/          the trained model: weights, or a low-rank adapter, with the tokenizer
    FOLDER/kept/step-N/    models on the way, where they are asked for
    FOLDER/train.json      what was trained on what, and how it went; written last
    FOLDER/checkpoints/    where a killed run goes on; gone when it has ended

A model kept on the way of LoRA has the optimiser's moments beside it, as LESS asks for them
(models/lora.py). On a processor a resumed run ends with the same weights, bit for bit, as one that
was not killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tamis.data.write import replacing
from tamis.errors import MissingExtra, UserError
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.models.hub import ADAPTER, REFERENCE, Located
from tamis.training.rows import Tokenised, tokenise
from tamis.training.settings import Training
from tamis.types import Dataset, Ints

VERSION = 1
"""Raise it when the same rows and settings give another model."""
MANIFEST = "train.json"
PER_PASS = {"cpu": 256, "cuda": 1 << 14}
"""Tokens in a forward pass, about: rows of an update beyond it are added up over several. A
processor gains nothing from more, and loses what is padded."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A model on the way: `rate` is the mean learning rate of the updates since the one before."""

    model: str
    step: int
    epoch: float
    rate: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: a folder that loads as a language model, and how it came about."""

    model: str
    kept: tuple[Kept, ...]
    manifest: Mapping[str, Any]


def key_of(data: Dataset, training: Training, model: Located) -> str:
    """What names a training: the rows whatever their order, the settings and the model."""
    named = {
        "rows": by_id(data).fingerprint,
        "training": training.told(),
        "model": model.id,
        "version": VERSION,
    }
    text = json.dumps(named, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def train(
    data: Dataset,
    training: Training,
    model: str,
    folder: Path,
    *,
    device: str = "auto",
    progress: Any = None,
    checkpoint_seconds: float = 300.0,
) -> Trained:
    """The model trained on the rows, or what an earlier run left of it; ends where that ended.

    Rows are read in an order that depends on the seed and their ids alone.
    """
    from filelock import FileLock

    text = ModelTokenizer(model)
    named = key_of(data, training, text.located)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        earlier = finished(folder)
        if earlier is not None:
            if earlier.manifest["key"] != named:
                raise UserError(f"{folder} holds another training: name another folder")
            return earlier
        _begin(folder, named)
        rows = tokenise(by_id(data), text, training, folder / "rows.arrow")
        from tamis.models._quiet import quiet

        with quiet(), warnings.catch_warnings():  # two libraries about each other's settings
            warnings.simplefilter("ignore", FutureWarning)
            return _fit(rows, training, text, folder, named, device, progress, checkpoint_seconds)


def finished(folder: Path) -> Trained | None:
    """What a training left in a folder; None where it did not end."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    manifest = json.loads(path.read_text(encoding="utf-8"))
    kept = tuple(Kept(**{**one, "model": str(folder / one["model"])}) for one in manifest["kept"])
    return Trained(str(folder / "model"), kept, manifest)


def _begin(folder: Path, named: str) -> None:
    """Makes the folder this training's: another one's checkpoints do not count."""
    path = folder / "key"
    if path.is_file() and path.read_text() == named:
        return
    if path.is_file():
        raise UserError(f"{folder} holds another training that did not end: name another folder")
    for name in ("checkpoints", "kept", "model"):
        shutil.rmtree(folder / name, ignore_errors=True)
    path.write_text(named)


def by_id(data: Dataset) -> Dataset:
    """The rows in the order of their ids: that of the file decides nothing."""
    return data.take(np.argsort(np.asarray(data.ids.to_pylist(), dtype=str), kind="stable"))


def _fit(
    rows: Tokenised,
    training: Training,
    text: ModelTokenizer,
    folder: Path,
    named: str,
    device: str,
    progress: Any,
    checkpoint_seconds: float,
) -> Trained:
    trl, datasets, transformers = _libraries()
    from tamis.training.build import build, peft_config
    from tamis.training.watch import Watch, last_checkpoint

    model, on = build(text, training, device)
    arguments = trl.SFTConfig(**settings(rows, training, folder, on))
    save = _saver(text, training)
    watch = Watch(folder / "kept", training, save, progress, checkpoint_seconds)
    trainer = trl.SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=datasets.Dataset.from_file(str(rows.path)),
        processing_class=text.tokenizer,
        peft_config=peft_config(training) if training.tune == "lora" else None,
        callbacks=[watch],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train(resume_from_checkpoint=last_checkpoint(folder / "checkpoints"))
    save(trainer.model, None, folder / "model")
    manifest = {
        "key": named,
        "base": text.name,
        "base_id": text.id,
        "training": training.told(),
        "data": rows.told,
        "example": rows.example,
        "steps": trainer.state.global_step,
        "epochs": trainer.state.epoch,
        "tokens_read": int(trainer.state.num_input_tokens_seen),
        "seconds": watch.seconds,
        "seconds_a_step": watch.seconds_a_step,
        "peak_bytes": peak_bytes(on),
        "device": on,
        "loss": watch.losses(trainer.state.log_history),
        "kept": watch.kept(trainer.lr_scheduler),
        "versions": _versions(),
    }
    _write(folder / MANIFEST, manifest)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    rows.path.unlink(missing_ok=True)
    found = finished(folder)
    assert found is not None
    return found


def settings(rows: Tokenised, training: Training, folder: Path, on: str) -> dict[str, Any]:
    """The trainer's own settings."""
    passes = passes_of(rows.lengths, training.batch, PER_PASS.get(on, PER_PASS["cuda"]))
    steps = updates(rows.lengths, training)
    usual = "float32" if on.startswith("cpu") else "bfloat16"
    mixed = (usual if training.precision == "auto" else training.precision) == "bfloat16"
    return {
        "output_dir": str(folder / "checkpoints"),
        "per_device_train_batch_size": training.batch // passes,
        "gradient_accumulation_steps": passes,
        "max_steps": steps,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.schedule
        if training.schedule != "constant"
        else "constant_with_warmup",
        "warmup_steps": int(training.warmup * steps),  # the first one learns nothing
        "weight_decay": training.decay,
        "bf16": mixed,
        "use_cpu": on == "cpu",
        "gradient_checkpointing": on != "cpu",  # less memory, one more pass
        "max_length": None,  # rows are cut where they are written
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "save_strategy": "no",  # the watch says when
        "save_total_limit": 2,
        "logging_steps": max(steps // 50, 1),
        "report_to": "none",
        "disable_tqdm": True,
        "include_num_input_tokens_seen": "non_padding",
        "seed": training.train_seed,
        "data_seed": training.train_seed,
    }


def passes_of(lengths: Ints, batch: int, tokens: int) -> int:
    """Into how many equal forward passes an update's rows are cut; it divides `batch`."""
    typical = max(float(np.mean(lengths)), float(lengths.max()) / 4)
    least = -(-batch // max(min(int(tokens / typical), batch), 1))
    return next(passes for passes in range(least, batch + 1) if batch % passes == 0)


def updates(lengths: Ints, training: Training) -> int:
    """How many updates a training has: as many as it says, or what epochs or tokens amount to."""
    if training.steps:
        return training.steps
    if training.tokens:
        return max(round(training.tokens / (float(np.mean(lengths)) * training.batch)), 1)
    return max(int(np.ceil(-(-len(lengths) // training.batch) * training.epochs)), 1)


def _saver(text: ModelTokenizer, training: Training) -> Any:
    """Writes a model, whole or not at all, as tamis and others load it."""

    def save(model: Any, optimizer: Any, path: Path) -> None:
        if path.is_dir():
            return
        part = path.with_name(path.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        model.save_pretrained(part)
        (part / "README.md").unlink(missing_ok=True)  # a form that nobody filled in
        text.tokenizer.save_pretrained(part)
        if training.tune == "lora":
            _name_base(part / ADAPTER, text.located)
            if optimizer is not None:
                from tamis.training.moments import write_moments

                write_moments(model, optimizer, part)
        os.replace(part, path)

    return save


def _name_base(path: Path, model: Located) -> None:
    """The adapter names its base as it was given; a folder by its whole path."""
    said = json.loads(path.read_text(encoding="utf-8"))
    name, _, _ = model.name.partition(":") if model.revision else (model.name, "", "")
    known = name if model.revision or name == REFERENCE else str(model.folder)
    said |= {"base_model_name_or_path": known, "revision": model.revision}
    path.write_text(json.dumps(said, indent=1, default=list) + "\n", encoding="utf-8")


def peak_bytes(on: str) -> int:
    """Most memory in use: of the GPU where there is one, else of this process."""
    if on != "cpu":
        import torch

        return int(torch.cuda.max_memory_allocated())
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def _libraries() -> tuple[Any, Any, Any]:
    try:
        import datasets
        import peft  # noqa: F401
        import transformers
        import trl
    except ImportError:
        raise MissingExtra("training", "train") from None
    return trl, datasets, transformers


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("tamis", "torch", "transformers", "trl", "peft")}


def _write(path: Path, manifest: Mapping[str, Any]) -> None:
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str)
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogatepass")
