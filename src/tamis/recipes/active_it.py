"""Active Instruction Tuning: whole tasks, those whose answers depend most on how they are worded.

Round t: train the base model on the rows of all tasks picked so far; score `sample` rows of every
other task by that model; a task's score is their mean; add the `add` tasks with the highest. The
first `start` tasks are drawn at random. After `rounds` trainings the last order of tasks goes on.
Paper and code (arXiv:2311.00288): tasks of Super-NaturalInstructions, a T5 of 770M parameters,
prompt uncertainty (card of `prompt_uncertainty`) over 10 rows a task, 5 rounds, classification and
generation tasks in a fixed ratio. Its rivals:
    by=prompt_uncertainty              the paper's own
    by=perplexity,first=high or low    in the paper of the model's own answer, here of the row's
    by=                                random tasks, and no training at all
The authors warn of a large variance and average several seeds.
Here `tasks` is a label column, field(name=task); kinds of tasks in a ratio are a quota. A task's
rows come in an order drawn by the seed, at most `per_task` of them (0 is all), and the first
`sample` of these are scored. A budget may end inside of a task. Rows without an answer to learn or
without a label are dropped by name; so are tasks of which no sampled row has a score.
Ties between tasks go by name. The manifest tells the model of each round, its tasks and scores.
A selection of fewer rows is the start of a larger one, and no round is trained that it does not ask
for.
Cost: a round is a training and `sample` rows of each other task, each read copies + 1 times.
Oracle: methods.md A1 in `prompt_uncertainty`; rounds by hand on given scores.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.recipes._rounds import (
    Picked,
    at_random,
    column_of,
    forget,
    in_rounds,
    learnable,
    settings,
    told,
)
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.selectors.random import uniform
from tamis.spec import recipe
from tamis.training.settings import Training
from tamis.types import ColumnName, Dataset, Ints, Pool, Selection


@recipe(family="trainable-llm", paper="arXiv:2311.00288")
def active_it(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    tasks: ColumnName,
    by: ColumnName = "prompt_uncertainty",
    first: Literal["high", "low"] = "high",
    start: int = 10,
    add: int = 10,
    rounds: int = 5,
    sample: int = 10,
    per_task: int = 0,
    epochs: float = 3.0,
    rate: float = 0.0,
    seed: int = 0,
) -> Selection:
    """Tasks with the highest mean score by a model trained on those picked before, round by round.

    Args:
        tasks: label column that says which task a row is of
        by: score of a row, read with the model of the round; none draws tasks at random
        first: which end of the score is taken
        start: tasks drawn at random for the first training
        add: tasks that each round adds
        rounds: most trainings
        sample: rows of a task that are scored
        per_task: most rows of a task; 0 is all
        epochs: how often a training reads its rows
        rate: highest learning rate; 0 is the run's
        seed: decides the first tasks, and which rows stand for a task
    """
    if min(start, add, rounds, sample) < 1 or per_task < 0:
        raise UserError(
            "active_it: start, add, rounds and sample are at least 1 and per_task at least 0, got "
            f"{start}, {add}, {rounds}, {sample} and {per_task}"
        )
    training = settings(run, epochs=epochs, rate=rate)
    there, dropped = learnable(run, data, training)
    whole, limit = run.payable(data, [tasks], budget)
    keep, unlabelled = scored(whole.take(there), [tasks])
    pool = whole.take(there[keep])
    found = rows_of(pool, tasks, per_task, seed)
    sign = 1.0 if first == "high" else -1.0
    walk = Tasks(run, pool, found, (by, sign), training, sample)
    chosen = in_rounds(pool, limit, walk.picks((start, add, rounds), seed))
    info = {**chosen.info, "tasks": len(found), "rounds": walk.told}
    gone = {**dropped, **unlabelled, **walk.unscored()}
    return replace(chosen, rows=pool.rows[chosen.rows], info=info, dropped=gone)


def rows_of(pool: Pool, tasks: str, most: int, seed: int) -> dict[str, Ints]:
    """The rows of each task by name, in an order that their ids and the seed decide."""
    names = np.array([str(label) for label in pool.labels(tasks)], dtype=str)
    order = at_random(pool.data, np.arange(len(pool)), seed)
    found = {name: order[names[order] == name] for name in sorted(set(names.tolist()))}
    return {name: rows[: most or len(rows)] for name, rows in found.items()}


@dataclass(slots=True)
class Tasks:
    """Rounds over the tasks of a pool, and what there is to tell of each.

    Args:
        run: what trains and scores
        pool: the rows that can be learned
        rows: the rows of each task
        by: a row's score and the sign that makes the best one the highest
        training: how a round trains
        sample: rows of a task that are scored
        told: an entry a round
        silent: tasks without a score in the last round
    """

    run: Run
    pool: Pool
    rows: Mapping[str, Ints]
    by: tuple[str, float]
    training: Training
    sample: int
    told: list[dict[str, Any]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def picks(self, sizes: tuple[int, int, int], seed: int) -> Generator[Picked, list[int], None]:
        """The rows of the first tasks, then of those that each round adds."""
        start, add, rounds = sizes
        names = list(self.rows)
        drawn = [names[at] for at in np.argsort(uniform(names, seed), kind="stable")]
        if not self.by[0]:
            yield [(int(row), 0.0) for name in drawn for row in self.rows[name]]
            return
        picked = yield [(int(row), 0.0) for name in drawn[:start] for row in self.rows[name]]
        left = sorted(drawn[start:])
        while left and picked:
            scores = self._scores(picked, left)
            self.silent = [name for name in left if name not in scores]
            order = sorted(scores, key=lambda name: (-scores[name], name))
            chosen = order if len(self.told) >= rounds else order[:add]
            if not chosen:
                return
            self.told[-1]["tasks"] = [[name, self.by[1] * scores[name]] for name in chosen]
            left = [name for name in left if name not in chosen]
            new = [(int(row), scores[name]) for name in chosen for row in self.rows[name]]
            picked = picked + (yield new)
            if len(self.told) >= rounds:
                return

    def unscored(self) -> dict[str, Ints]:
        """The rows of the tasks that no round could score, by reason."""
        if not self.silent:
            return {}
        rows = np.concatenate([self.rows[name] for name in self.silent])
        return {f"{self.by[0]}: no score in the task": np.sort(self.pool.rows[rows])}

    def _scores(self, picked: list[int], left: list[str]) -> dict[str, float]:
        """The mean score of each task's sample, by a model trained on what was picked."""
        by, sign = self.by
        trained = self.run.train(self.pool.data.take(np.array(picked)), self.training)
        self.told.append(told(trained, len(picked)))
        column = column_of(self.run, by, trained.model, self.training)
        parts = [self.rows[name][: self.sample] for name in left]
        some = self.pool.data.take(np.concatenate(parts))
        values = self.run.score(some, [column]).scores(column)
        forget(self.run, trained.model, (some, column))
        split = np.split(values, np.cumsum([len(part) for part in parts])[:-1])
        return {
            name: sign * float(np.nanmean(part))
            for name, part in zip(left, split, strict=True)
            if not np.isnan(part).all()
        }
