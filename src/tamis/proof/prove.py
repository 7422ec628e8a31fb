"""Selects, trains and measures every arm, and tells what beat random rows.

Every step is kept by content: columns in the store, subsets in the folder, models in the run's
folder of models. A run that was killed finds all of it and goes on; two arms that come to the same
rows share a training, and so do two comparisons with one folder of models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.costs import Cost
from tamis.errors import UserError
from tamis.proof.design import Arm, Proof, arms
from tamis.proof.results import Results, Trial
from tamis.proof.subsets import Subset, stored, subset
from tamis.proof.table import AGAINST_RANDOM
from tamis.proof.values import Held, answers, losses, preferences
from tamis.run.session import TOKENS, Run
from tamis.run.train import folder_of
from tamis.training.settings import Training
from tamis.types import Dataset

if TYPE_CHECKING:
    from tamis.evaluation.outputs import Output
    from tamis.protocols import Judge


SUBSETS = "subsets"
"""The folder of selected rows in an experiment's."""


@dataclass(frozen=True, slots=True)
class Exam:
    """What models are measured on: rows with answers, and prompts whose answers judges compare."""

    tests: Sequence[Held] = ()
    prompts: Sequence[Held] = ()
    judged: bool = False  # by the run's judge
    answer_tokens: int = 256

    def __post_init__(self) -> None:
        if not self.tests and not self.prompts:
            raise UserError("nothing to measure models on: give test rows, or prompts and a judge")
        if self.prompts and not self.judged:
            raise UserError("answers to prompts are compared by a judge: name one with --judge")


@dataclass
class Experiment:
    """A comparison that goes on: what was asked for, and what there is of it."""

    run: Run
    pool: Dataset
    proof: Proof
    exam: Exam
    training: Training
    folder: Path
    results: Results = field(default_factory=Results)
    subsets: dict[tuple[Arm, int], Subset] = field(default_factory=dict)
    outputs: dict[str, dict[str, list[Output]]] = field(default_factory=dict)

    @property
    def arms(self) -> list[Arm]:
        tokens = self.run.score(self.pool, [TOKENS]).scores(TOKENS)
        return arms(self.proof, len(self.pool), int(np.nansum(tokens)))


def prove(found: Experiment) -> None:
    """Every arm trained and measured, seed by seed, so that what is cut short is balanced.

    All rows of a seed are selected before its first training: a method that fails, fails early.
    """
    run, listed = found.run, found.arms
    for seed in range(found.proof.seeds):
        for arm in listed:
            if arm.kind != "base":
                run.progress(f"selecting by {arm.name}", 0, 0)
                chosen(found, arm, seed)
        for arm in listed:
            if arm.kind == "base" and seed:
                continue
            run.progress(f"seed {seed}: {arm.name}", 0, 0)
            trial = _trial(found, arm, seed)
            found.results.trials.append(trial)
            for measure, values in _measured(found, trial):
                found.results.add(measure, trial, values)
            run.forget(trial.model)


def chosen(found: Experiment, arm: Arm, seed: int) -> Subset:
    """The rows of an arm, selected once."""
    key = (arm, seed)
    if key not in found.subsets:
        matched = chosen(found, _twin(arm), seed).rows if arm.matched else None
        folder = found.folder / SUBSETS
        found.subsets[key] = subset(found.run, found.pool, arm, seed, folder, matched)
    return found.subsets[key]


def known(found: Experiment, arm: Arm, seed: int) -> Subset | None:
    """The rows of an arm if they were selected before."""
    twin = known(found, _twin(arm), seed) if arm.matched else None
    matched = twin.rows if twin else None
    return stored(found.run, found.pool, arm, seed, found.folder / SUBSETS, matched)


def _twin(arm: Arm) -> Arm:
    """The arm whose lengths this one has."""
    return replace(arm, name=arm.matched, kind="method", method=arm.matched, matched="")


def _trial(found: Experiment, arm: Arm, seed: int) -> Trial:
    """One training, or the base model as it is."""
    model = found.run.model
    if arm.kind == "base":
        return Trial(arm, seed, 0, str(model))
    rows = chosen(found, arm, seed)
    settings = replace(found.training, train_seed=found.training.train_seed + seed)
    if arm.kind == "full" and arm.view == "steps":
        settings = replace(settings, steps=_steps(found, arm, seed), tokens=0)
    trained = found.run.train(found.pool.take(rows.rows), settings)
    told = trained.manifest
    training = Cost(float(told.get("seconds", 0.0)), float(told.get("tokens_read", 0)))
    return Trial(
        arm=arm,
        seed=seed,
        rows=len(rows.rows),
        model=trained.model,
        tokens=int(told.get("tokens_read", 0)),
        steps=int(told.get("steps", 0)),
        spent=replace(rows.spent, training=training),
        also=sum(told.get("data", {}).get("left_out", {}).values()),
        losses=tuple((int(step), float(loss)) for step, loss in told.get("loss", ())),
    )


def trained_before(found: Experiment, arm: Arm, seed: int) -> str | None:
    """The model of an arm if it is there already; of rows that were not selected there is none."""
    from tamis.training.sft import finished

    if arm.kind == "full" and arm.view == "steps":
        return None
    rows = known(found, arm, seed)
    if rows is None or not isinstance(found.run.model, str):
        return None
    settings = replace(found.training, train_seed=found.training.train_seed + seed)
    there = finished(folder_of(found.run, found.pool.take(rows.rows), settings))
    return there.model if there else None


def _steps(found: Experiment, arm: Arm, seed: int) -> int:
    """Updates of the random rows' training of the same size."""
    twin = _random(found, Trial(arm, seed, 0, ""))
    assert twin is not None  # random rows come first
    return twin.steps


def _measured(found: Experiment, trial: Trial) -> Iterator[tuple[str, Any]]:
    """(measure, values) of a trial, higher is better."""
    for test in found.exam.tests:
        yield f"loss on {test.name}", losses(found.run, test, trial.model, found.training)
    if trial.arm.kind == "base":
        return
    for prompts in found.exam.prompts:
        ours = _answers(found, prompts, trial.model)
        twin = _random(found, trial)
        if twin is None or twin is trial:
            continue
        theirs = _answers(found, prompts, twin.model)
        same = np.full(len(ours), 0.5)  # of the same model's answers there is nothing to ask
        judge: Judge = found.run.resource("Judge")
        values = same if twin.model == trial.model else preferences(ours, theirs, judge)
        yield f"{AGAINST_RANDOM} by {judge.id} on {prompts.name}", values


def _answers(found: Experiment, prompts: Held, model: str) -> list[Output]:
    known = found.outputs.setdefault(prompts.name, {})
    if model not in known:
        tokens = found.exam.answer_tokens
        known[model] = answers(found.run, prompts, model, found.training, tokens)
    return known[model]


def _random(found: Experiment, trial: Trial) -> Trial | None:
    """The training on random rows of the same size and seed."""
    wanted = ("random", trial.arm.group, trial.seed)
    for other in found.results.trials:
        if (other.arm.kind, other.arm.group, other.seed) == wanted:
            return other
    return None
