"""What commands around fine-tuning do with their flags, and what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tamis import api
from tamis.cli import flags, show
from tamis.cli.running import read, running
from tamis.training.settings import Training

SHOWN = 600
"""Characters of a run of text in the example."""


def train(given: dict[str, Any]) -> None:
    """Fine-tune a model on rows, loss on answers only; a run that was killed goes on."""
    files = given["files"] or []
    training = Training(**flags.values_of(Training, given))
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


def example(runs: Sequence[tuple[str, bool]]) -> None:
    """The first row as the model reads it; what it learns to write is marked."""
    from rich.text import Text

    shown = Text()
    for text, learned in runs:
        short = text if len(text) <= SHOWN else text[: SHOWN // 2] + " ... " + text[-SHOWN // 2 :]
        shown.append(f"[{short}]" if learned else short, style="bold green" if learned else "dim")
    show.console().print("The first row; in brackets what is learned:", style="bold")
    show.console().print(shown)
