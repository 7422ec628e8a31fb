"""LESS: the rows whose training step would most lower the loss on a target set.

Formula: score_i = max over tasks of sum_c w_c s_ci, with w_c the learning rates of checkpoints c as
shares, u_ci the direction of Adam's step for row i of the pool, v_cj the gradient of target row j,
both at checkpoint c, and
    combine=cosines    s_ci = mean over the task's rows j of cos(u_ci, v_cj)     official code
    combine=gradients  s_ci = cos(u_ci, mean over the task's rows j of v_cj)     the paper's text
Rows are taken by score, highest first; without `tasks` the target set is one task.
Paper: "LESS" (arXiv:2402.04333): four checkpoints of a LoRA warm-up on a random 5 %, a few rows
for each task, the best 5 % of the pool. Cosines, because the mean loss of a short answer has a long
gradient.
Here a checkpoint is a column, so `of` lists them, and `weights` their learning rates in order:
    less(of=[gradient(direction=adam,model=./c1),gradient(direction=adam,model=./c2)],weights=[6,4])
The default reads the run's model, which must come with the moments of a warm-up (card of
`gradient`); for a model that had none, of=gradient compares plain gradients.
It is a recipe and no score, because the two sides differ: the pool's columns are those of `of`, the
target set's the same with direction=sgd, and nothing else may differ between them. The pool's
gradients stay in the store and serve every later target set. Vectors of any other kind will do in
`of`; they are then the same on both sides.
Official code needs equally many rows a task, in one run each, and knows three benchmarks' tasks;
here they have a label and any number. Its default script takes gradients of 200 rows; here of all.
Rows without a gradient are dropped by name. Ties (within a millionth) go by id.
Oracle: methods.md L2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.registry import find
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.scorers._weights import as_shares
from tamis.spec import recipe
from tamis.types import Column, ColumnName, Dataset, Floats, Mask, Pool, Selection, Vectors

Combine = Literal["cosines", "gradients"]
ROWS = 1024
"""Rows whose vectors are in memory at once."""


@recipe(family="beyond", paper="arXiv:2402.04333")
def less(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: tuple[ColumnName, ...] = ("gradient(direction=adam)",),
    weights: tuple[float, ...] = (),
    tasks: ColumnName = "",
    combine: Combine = "cosines",
) -> Selection:
    """Rows by their largest influence on a task: weighted mean cosine of steps and gradients.

    Args:
        of: the pool's directions, a column for each checkpoint; the target set's are its gradients
        weights: learning rate of each checkpoint, as shares; equal ones where none are given
        tasks: label column of the target set
        combine: cosines averages cosines over a task's rows, gradients averages their gradients
    """
    if run.target is None:
        raise UserError("less compares with a target set: give one with --target FILE")
    shares = as_shares("less", weights, len(of))
    pool = _scored(run, data, of)
    theirs = [of_target(run, name) for name in of]
    target, labels = _target(run, theirs, tasks)
    score = np.zeros((len(pool), len(set(labels))))
    for mine, their, share in zip(of, theirs, shares, strict=True):
        rows, aims = pool.stored_vectors(mine), target.vectors(their)
        if rows.shape[1] != aims.shape[1]:
            raise UserError(f"less: {mine} has {rows.shape[1]} numbers, {their} {aims.shape[1]}")
        score += share * cosines(rows, task_vectors(aims, labels, combine))
    column = _column(pool, of, np.round(score.max(axis=1), 6))
    ranked = replace(pool, columns={**pool.columns, "less": column})
    chosen = run.select(ranked, "top_k(by=less)", budget)
    told = {"tasks": score.shape[1], "target_rows": len(target)}
    return replace(chosen, info={**chosen.info, **told})


def _scored(run: Run, data: Dataset, of: Sequence[str]) -> Pool:
    """The pool's directions; a model without moments is told what less has instead."""
    try:
        return run.score(data, of)
    except UserError as fault:
        if "adam.safetensors" not in str(fault):
            raise
        raise UserError(f"{fault}; for less that is of=gradient") from fault


def of_target(run: Run, name: str) -> str:
    """The target set's column beside a column of the pool: its gradient where that is a step.

    Its length is kept, so that gradients can be averaged before they are scaled.
    """
    reference = parse(name)
    spec = find(reference.method, kinds=("score",), allow_code=run.allow_code)
    if not {"direction", "unit"} <= set(spec.params):
        return name
    other = {"direction": "sgd", "unit": "false"}
    return str(replace(reference, params={**reference.params, **other}))


def task_vectors(vectors: Vectors, labels: Sequence[str], combine: Combine) -> Floats:
    """A vector for each task, by name, whose product with a direction is the task's share."""
    aims = np.asarray(vectors, np.float64)
    if combine == "cosines":
        aims = _directions(aims)
    names = np.array(labels, dtype=str)
    means = np.array([aims[names == name].mean(axis=0) for name in np.unique(names)])
    return means if combine == "cosines" else _directions(means)


def cosines(rows: NDArray[Any], tasks: Floats) -> Floats:
    """Products of the rows' directions with the tasks' vectors, shape (rows, tasks)."""
    found = np.empty((len(rows), len(tasks)))
    for start in range(0, len(rows), ROWS):
        part = slice(start, start + ROWS)
        found[part] = _directions(rows[part].astype(np.float64)) @ tasks.T
    return found


def _directions(vectors: Floats) -> Floats:
    """The vectors with length 1; a zero vector stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float64)


def _target(run: Run, theirs: Sequence[str], tasks: str) -> tuple[Pool, list[str]]:
    """The target rows that have a vector everywhere, and a label where one is asked for."""
    assert run.target is not None
    names = [*theirs, *([tasks] if tasks else [])]
    pool = run.score(run.target, names)
    keep, _ = scored(pool, names)
    if not len(keep):
        raise UserError(f"no row of the target set has a value in {', '.join(names)}")
    pool = pool.take(keep)
    return pool, [str(label) for label in pool.labels(tasks)] if tasks else [""] * len(pool)


def _column(pool: Pool, of: Sequence[str], score: Floats) -> Column:
    """The score as a column; a row without a vector says which and why."""
    problems: dict[str, Mask] = {}
    for name in of:
        why = np.array(pool.column(name).problem.to_pylist(), dtype=object)
        for problem in sorted({reason for reason in why if reason}):
            problems[f"{name}: {problem}"] = why == problem
    return Column.floats(score, **problems)
