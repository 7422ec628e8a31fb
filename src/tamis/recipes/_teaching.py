"""Scorers that are taught: what each kind makes of rows, and where it is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from tamis.errors import UserError, nearest
from tamis.run.session import Run
from tamis.training.teach_rows import Examples, paired, rated, styled
from tamis.training.teaching import Teaching, TeachKind
from tamis.types import Dataset

if TYPE_CHECKING:
    from tamis.training.teach import Taught


@dataclass(frozen=True, slots=True)
class Asked:
    """What is taught, from which fields, and where it goes."""

    kind: str
    out: str
    label: str = "score"
    table: str = ""
    worse: str = "rejected"
    prompt: str = "quality"
    seeds: int = 0
    rounds: int = 5


def taught(run: Run, data: Dataset, asked: Asked, teaching: Teaching | None = None) -> Taught:
    """The run's model taught with the rows, or what an earlier run left of that."""
    settings = teaching or Teaching()
    if asked.kind not in get_args(TeachKind):
        raise UserError(f"kind: {nearest(asked.kind, get_args(TeachKind))}")
    if not isinstance(run.model, str):
        raise UserError("to teach a model, name it: an object that reads has no weights to train")
    if asked.kind == "ratings":
        from tamis.recipes._taught_ratings import Source, teach_ratings

        source = Source(asked.label, asked.table, asked.seeds, asked.rounds)
        return teach_ratings(run, data, asked.out, asked.prompt, source, settings)
    from tamis.training.teach import teach

    examples = examples_of(data, asked, settings)
    return teach(
        asked.kind,
        examples,
        settings,
        run.model,
        asked.out,
        device=run.device,
        progress=run.progress,
    )


def examples_of(data: Dataset, asked: Asked, teaching: Teaching) -> Examples:
    """What a kind learns from these rows."""
    if asked.kind == "scar":
        return styled(data, teaching)
    if asked.kind == "pairs":
        return paired(data, asked.label, asked.worse, teaching, asked.table)
    return rated(data, asked.label, asked.table)
