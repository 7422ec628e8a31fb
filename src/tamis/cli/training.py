"""What commands around fine-tuning do with their flags, and what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tamis import api
from tamis.cli import flags, show
from tamis.cli.running import read, running
from tamis.notation import argument_help
from tamis.training.settings import Training
from tamis.verbs.exporting import export_training

ELSEWHERE = [
    flags.flag("to", str | None, None, argument_help(export_training)["to"]),
    *flags.flags_of(export_training, "data", "to", "out", "training", "run"),
]
"""Flags of `train` for another trainer."""

SHOWN = 600
"""Characters of a run of text in the example."""


def train(given: dict[str, Any]) -> None:
    """Fine-tune a model on rows, loss on answers only; a run that was killed goes on."""
    files = given["files"] or []
    training = Training(**flags.values_of(Training, given))
    if given["to"]:
        return _elsewhere(given, training)
    with running(given) as run:
        data = read(files, given, run)
        found = api.train(data, out=given["out"], training=training, run=run)
    told = found.manifest
    if given["json"]:
        return show.as_json({**told, "model": found.model})
    rows = [
        ("rows", told["data"]["rows"]),
        *((f"  left out: {why}", count) for why, count in told["data"]["left_out"].items()),
        ("  cut at max_length", told["data"]["cut"]),
        ("updates", told["steps"]),
        ("tokens read", told["tokens_read"]),
        ("seconds", float(told["seconds"])),
        ("loss at the start", told["loss"][0][1]),
        ("loss at the end", told["loss"][-1][1]),
    ]
    show.table(f"{told['base']} trained, {training.tune}", ("", ""), rows, right=(1,))
    example(told["example"])
    show.say(f"written to {found.model}: use it as --model {found.model}")
    return None


def _elsewhere(given: dict[str, Any], training: Training) -> None:
    """Rows and a configuration for another trainer, and what it will do otherwise."""
    with running(given) as run:
        data = read(given["files"] or [], given, run)
        settings = flags.values_of(export_training, given)
        found = export_training(data, **settings, training=training, run=run)
    if given["json"]:
        return show.as_json(found.told)
    counts = found.told["data"]
    rows = [
        ("rows", counts["rows"]),
        *((f"  left out: {why}", count) for why, count in counts["left_out"].items()),
        ("updates", found.told["steps"]),
    ]
    show.table(f"{found.told['base']} in {found.told['to']}", ("", ""), rows, right=(1,))
    if found.told["form"] == "tokens":
        example(found.told["example"])
    for one in found.notes:
        show.say(f"note: {one}")
    return show.say(f"written to {found.config}: in its folder, {found.command}")


def example(runs: Sequence[tuple[str, bool]]) -> None:
    """The first row as the model reads it; what it learns to write is marked."""
    from rich.text import Text

    shown = Text()
    for text, learned in runs:
        short = text if len(text) <= SHOWN else text[: SHOWN // 2] + " ... " + text[-SHOWN // 2 :]
        shown.append(f"[{short}]" if learned else short, style="bold green" if learned else "dim")
    show.console().print("The first row; in brackets what is learned:", style="bold")
    show.console().print(shown)
