"""A small model taught to score rows, resumed after any death.

The folder holds the model as transformers and `reward(model=FOLDER)` load it, for scar an encoder
with scar.json and scar.safetensors. In it, teaching/teach.json says what was taught with what, and
how well it foresees what was kept aside, and is written last; teaching/checkpoint.pt is where a
killed run goes on. Neither is part of what names the model.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tamis.errors import MissingExtra, UserError
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.models.hub import Located
from tamis.training import teach_held
from tamis.training.teach_rows import Example, Examples
from tamis.training.teaching import Teaching
from tamis.types import Floats

VERSION = 1
"""Raise it when the same examples and settings give another model."""
ABOUT, MANIFEST = "teaching", "teach.json"
LEAST = 20
"""Examples below which nothing is taught."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A folder that a score reads, and how it came about."""

    model: str
    manifest: Mapping[str, Any] = field(default_factory=dict)


def key_of(kind: str, examples: Examples, teaching: Teaching, model: Located) -> str:
    """What names a teaching: the examples whatever their order, the settings and the model."""
    named = [kind, examples.fingerprint, teaching.told(), model.id, VERSION]
    return hashlib.blake2b(json.dumps(named).encode(), digest_size=10).hexdigest()


def teach(
    kind: str,
    examples: Examples,
    teaching: Teaching,
    model: str,
    out: str | Path,
    *,
    device: str = "auto",
    progress: Callable[[str, int, int], None] = lambda *_: None,
    seconds: float = 60.0,
) -> Taught:
    """The model taught with the examples, or what an earlier run left of it.

    `seconds` lie between two checkpoints.
    """
    from filelock import FileLock

    folder, teaching = opened(out), teaching.of(kind)
    text = ModelTokenizer(model)
    named = key_of(kind, examples, teaching, text.located)
    with FileLock(folder / ABOUT / ".lock"):
        earlier = finished(folder, named)
        if earlier is not None:
            return earlier
        began = time.monotonic()
        learned, aside = examples.divided(teaching.held, teaching.teach_seed)
        enough(examples, learned)
        task = _task(kind, learned, teaching, text)
        enough(examples, task.examples)
        from tamis.training.teach_loop import device_of, fit

        on = device_of(device)
        task.model.to(on)
        going = fit(task, teaching, folder / ABOUT, named, progress, seconds)
        held = _held(kind, task, aside)
        _save(kind, task, teaching, folder)
        manifest = {
            "key": named,
            "kind": kind,
            "base": text.name,
            "base_id": text.id,
            "settings": teaching.told(),
            "data": {**examples.told, "fingerprint": examples.fingerprint},
            "learned": len(task.examples),
            "without_room": len(learned) - len(task.examples),
            "held_out": {"examples": len(aside), **held},
            "new_weights": getattr(getattr(task, "scorer", None), "new", []),
            "updates": going.step,
            "loss": _means(going.losses),
            "seconds": going.seconds,
            "seconds_in_all": time.monotonic() - began,
            "device": on,
            "versions": versions(),
        }
        return finish(folder, manifest)


def opened(out: str | Path) -> Path:
    """The folder, made; one that holds anything but a teaching is refused."""
    from tamis.data.write import made_folder

    folder = Path(out).expanduser()
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ABOUT).is_dir():
        raise UserError(f"{folder} is not empty and holds no teaching: name another with --out")
    made_folder(folder)
    made_folder(folder / ABOUT)
    return folder


def finished(folder: Path, named: str) -> Taught | None:
    """What this teaching left in the folder; None where none ended there."""
    path = folder / ABOUT / MANIFEST
    if not path.is_file():
        return None
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest["key"] != named:
        raise UserError(
            f"{folder} holds a model taught with other rows or settings: name another with --out"
        )
    return Taught(str(folder), manifest)


def finish(folder: Path, manifest: Mapping[str, Any]) -> Taught:
    """Writes the manifest, after which the teaching has ended."""
    path = folder / ABOUT / MANIFEST
    part = path.with_suffix(".part")
    part.write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
    os.replace(part, path)
    (folder / ABOUT / "checkpoint.pt").unlink(missing_ok=True)
    return Taught(str(folder), json.loads(path.read_text(encoding="utf-8")))


def enough(examples: Examples, learned: Sequence[Example]) -> None:
    """Raises UserError where there is too little to learn from, or all numbers are the same."""
    if len(learned) < LEAST:
        why = "; ".join(f"{count:,} {reason}" for reason, count in examples.left_out.items())
        raise UserError(
            f"{len(learned)} examples are left to learn from, and {LEAST} are needed (some "
            f"hundreds are better); of {examples.rows:,} rows: {why or 'all used'}"
        )
    numbers = {one.number for one in learned}
    if len(learned[0].answers) == 1 and len(numbers) == 1:
        raise UserError(
            f"all {len(learned):,} numbers are {numbers.pop():g}, which teaches nothing: "
            "name another field with --label"
        )


def _task(kind: str, learned: Sequence[Example], teaching: Teaching, text: ModelTokenizer) -> Any:
    """What is learned, on the model that is taught."""
    try:
        import torch
    except ImportError:
        raise MissingExtra("teaching a scorer", "lm") from None
    if kind == "scar":
        from tamis.models.scar import StyleRanker, encoder_of
        from tamis.training.scar import ScarTask

        encoder, tokenizer = encoder_of(text.located)
        torch.manual_seed(teaching.teach_seed)
        return ScarTask(StyleRanker(encoder, teaching.linear), tokenizer, learned, teaching)
    from tamis.training.teach_scores import Scorer, ScoreTask

    return ScoreTask(Scorer(text.name, teaching.max_length, teaching.teach_seed), learned)


def _held(kind: str, task: Any, aside: Sequence[Example]) -> dict[str, Any]:
    """How well what was kept aside is foreseen; answers without room are counted."""
    if kind == "scar":
        return teach_held.of_styles(aside, task.scores(aside))
    scores = task.scorer.scores(aside).reshape(len(aside), -1)
    seen = ~np.isnan(scores).any(axis=1)
    scores, aside = scores[seen], [one for one, there in zip(aside, seen, strict=True) if there]
    told = {"without_room": int((~seen).sum())}
    if kind == "pairs":
        return {**told, **teach_held.of_pairs(aside, scores)}
    mean = float(np.mean([one.number for one in task.examples]))
    return {**told, **teach_held.of_numbers(aside, scores.reshape(-1), mean)}


def _save(kind: str, task: Any, teaching: Teaching, folder: Path) -> None:
    """Writes the model's files beside the folder's, then in their places."""
    part = folder / ABOUT / "part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    if kind == "scar":
        from tamis.models.scar import save

        save(task.model, task.tokenizer, teaching.max_length, part)
    else:
        task.scorer.save(part)
    for path in sorted(part.iterdir()):
        os.replace(path, folder / path.name)
    part.rmdir()


def _means(losses: Sequence[float], points: int = 50) -> list[tuple[int, float]]:
    """(update, mean loss since the one before) at some points."""
    size = max(len(losses) // points, 1)
    values: Floats = np.asarray(losses)
    starts = range(0, len(losses), size)
    return [(min(at + size, len(losses)), float(values[at : at + size].mean())) for at in starts]


def versions() -> dict[str, str]:
    """Of what decides a number of the result."""
    from importlib.metadata import version

    return {name: version(name) for name in ("tamis", "torch", "transformers")}
