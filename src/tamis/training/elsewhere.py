"""The same training in another trainer: rows and a configuration, in a folder that can be moved.

    FOLDER/rows/ or rows.parquet    the rows as tokens, labels where something is learned
    FOLDER/llamafactory.yaml or axolotl.yaml

By default the rows are written as tokens, by the function that training here reads them with: every
template, the start token, the cut and the places of the loss are then what they are here, and the
other trainer has nothing left to decide about them. `messages` writes conversations instead, to
which the trainer applies a template of its own: what that changes is said in the file and on the
screen, and where it has no such template it is refused.

Updates are counted here, so a training by epochs or by tokens has as many of them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from tamis.data.export import export
from tamis.data.write import made_folder, replacing
from tamis.data.yaml_text import as_yaml
from tamis.errors import UserError, nearest
from tamis.models.hf_tokenizer import ModelTokenizer
from tamis.training import _axolotl, _llamafactory
from tamis.training._rows_elsewhere import arrow_folder, parquet
from tamis.training._the_same import Same
from tamis.training.rows import tokenise
from tamis.training.settings import Training
from tamis.training.sft import by_id as by_id
from tamis.training.sft import settings
from tamis.types import Dataset

Form = Literal["tokens", "messages"]

ROWS = {"llamafactory": "rows", "axolotl": "rows.parquet"}
"""Where the rows lie as tokens, beside the configuration."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was written: the configuration, the command that runs it, and in what it differs."""

    config: Path
    command: str
    notes: tuple[str, ...]
    told: Mapping[str, Any]


def write_elsewhere(
    data: Dataset, training: Training, model: str, folder: Path, *, to: str, form: Form = "tokens"
) -> Elsewhere:
    """Writes the rows and a configuration that trains `model` on them in another trainer."""
    if to not in TRAINERS:
        raise UserError(f"no trainer {to!r} to write for; {nearest(to, TRAINERS)}")
    if form not in ("tokens", "messages"):
        raise UserError(f"form is tokens or messages, not {form!r}")
    trainer = TRAINERS[to]
    if form == "messages":
        trainer.check_messages(training)
    text = ModelTokenizer(model)
    same = _the_same(data, training, text, made_folder(folder), to, form)
    said, notes = trainer.configuration(same)
    if form == "messages":
        _messages(by_id(data), folder, to)
    notes = [*_of_all(same), *notes]
    config = folder / f"{to}.yaml"
    with replacing(config) as part:
        part.write_text(as_yaml(said, _header(same, trainer.COMMAND, notes)), "utf-8")
    told: dict[str, Any] = {
        "to": to,
        "form": form,
        "config": str(config),
        "command": trainer.COMMAND,
        "base": model,
        "training": training.told(),
        "data": dict(same.counts),
        "steps": same.settings["max_steps"],
        "notes": notes,
        "example": same.example,
    }
    return Elsewhere(config, trainer.COMMAND, tuple(notes), told)


def _the_same(
    data: Dataset, training: Training, text: ModelTokenizer, folder: Path, to: str, form: Form
) -> Same:
    """What has to be the same: the rows as tokens, and the settings of the trainer here."""
    model = text.located
    if model.adapter:
        raise UserError(
            f"{text.name} is a low-rank adapter, and {to} would train another one beside it or "
            "none: merge it into its base and name that folder"
        )
    if training.tune == "lora" and training.lora_alpha != int(training.lora_alpha):
        raise UserError(f"alpha is a whole number in {to}, got {training.lora_alpha:g}")
    rows = tokenise(by_id(data), text, training, folder / ".rows.arrow")
    try:
        if form == "tokens":
            (arrow_folder if to == "llamafactory" else parquet)(rows.path, folder / ROWS[to])
    finally:
        rows.path.unlink(missing_ok=True)
    name = text.name.partition(":")[0] if model.revision else str(model.folder)
    return Same(
        model=name,
        revision=model.revision,
        training=training,
        settings=settings(rows, training, folder, "cuda"),
        length=min(training.max_length, text.context),
        counts=rows.told,
        example=rows.example,
        rows=ROWS[to] if form == "tokens" else "",
        end=str(text.tokenizer.eos_token),
        padded=text.tokenizer.pad_token is not None,
    )


def _messages(data: Dataset, folder: Path, to: str) -> None:
    """The conversations in the trainer's own form; where it cannot take one, nothing."""
    try:
        export(data, np.arange(len(data)), folder, to=to)
    except UserError as error:
        reason = str(error).removesuffix(". With skip they are left out and listed")
        raise UserError(f"{reason}; form=tokens takes every row") from None
    (folder / "subset.axolotl.yaml").unlink(missing_ok=True)  # it stands in the configuration


def _of_all(same: Same) -> Iterable[str]:
    """What both trainers do otherwise."""
    if same.revision is None:
        yield "the model is a folder of this machine: elsewhere, change its name"
    if same.training.keep == "epochs" and same.training.keep_every:
        yield f"models are kept every {same.training.keep_every} updates, not after epochs too"
    if same.rows:
        return
    if same.counts["cut"]:
        yield f"{same.counts['cut']:,} rows are too long, and where they are cut is decided there"
    left_out = sum(same.counts["left_out"].values())
    if left_out:
        reasons = ", ".join(f"{n:,} {why}" for why, n in same.counts["left_out"].items())
        yield f"{left_out:,} rows are in the file that are not learned here: {reasons}"
    if same.training.tokens:
        yield "the updates are those that read so many tokens here"


def _header(same: Same, command: str, notes: Iterable[str]) -> list[str]:
    """What the file begins with."""
    from importlib.metadata import version

    batch = same.training.batch
    return [
        f"Written by tamis {version('tamis')}: the training of `tamis train` on the same rows.",
        f"Run it in this folder on one GPU; on several, keep {batch} rows an update: {command}",
        *(f"Note: {one}." for one in notes),
    ]


class Trainer(Protocol):
    """What a module about another trainer has."""

    COMMAND: str

    def check_messages(self, training: Training) -> None:
        """Refuses conversations that it would write down as another training."""

    def configuration(self, same: Same) -> tuple[dict[str, Any], list[str]]:
        """Its settings, and in what they are another training."""
        ...


TRAINERS: Mapping[str, Trainer] = {"llamafactory": _llamafactory, "axolotl": _axolotl}
