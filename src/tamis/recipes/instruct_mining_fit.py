"""INSTRUCTMINING's rule fitted to runs of one's own: least squares of log loss on mean indicators.

1. `subsets` subsets of `rows` rows are drawn, so that their mean indicators differ. Of each four
   one is plainly random; for the others every row gets the key strength * (w . z) + g, z its
   indicators as normal scores of their ranks, made uncorrelated and of variance 1, w a direction
   drawn for the subset, g Gumbel noise by its id, strength one third, two thirds and all of `tilt`;
   the rows with the highest keys are in. So no direction is tilted harder than another, and means
   of subsets go together as much as indicators of rows do, and no more.
2. The run's model is trained on each, and its loss on the target set read.
3. log loss = a + sum of b_j * mean of indicator j over the subset, by ordinary least squares.
4. The rule is applied to each row, and those with the lowest expected loss are picked.
Paper (arXiv:2307.06290): 129 subsets of four datasets of known kinds, each fine-tuned; nine
indicators (reward, perplexity, lengths of question and answer, MTLD, KNN-i and UniEval's three), of
which v3 of its rule keeps four, the default here; loss on prompts that GPT-4 answered. It has no
code. Its subsets differ by where they come from; those of one pool have nearly the same means when
they are drawn at random, and the fit would be noise: therefore the tilt.
The manifest tells the rule (`rule`, which save=FILE writes for instruct_mining(rule=FILE)), each
coefficient with its 95 % interval, standard error and variance inflation (above 10 the indicator
says little that the others do not say), R^2 and R^2 for runs left out one by one, and each run. An
R^2 left out that is not above 0 says that the rule predicts no better than the mean loss: then the
selection is worth nothing, and the recipe does not hide that.
Fewer runs than coefficients and one are refused; ten runs for each coefficient is a usual minimum.
The rule is fitted to means of subsets and applied to single rows, as in the paper, far outside of
what it saw; it holds for this model, this training and this pool.
Rows without one of the indicators are dropped by name. Trainings and losses are kept by content: a
recipe that was killed goes on where it was.
Cost: the indicators of all rows, `subsets` trainings on `rows` rows, and the target set as often.
Oracle: a stand-in trainer whose loss is a known rule gives that rule back; numpy's pinv.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.notation import parse
from tamis.recipes._held_out_loss import trained_loss
from tamis.recipes._least_squares import Fit, fit
from tamis.run.execute import scored
from tamis.run.session import Run
from tamis.scorers._rules import PUBLISHED, Rule
from tamis.scorers.instruct_mining import predicted
from tamis.selectors.gumbel_top_k import gumbel
from tamis.spec import recipe
from tamis.types import Column, ColumnName, Dataset, Floats, Ints, Pool, Selection, order_by

NAME = "instruct_mining_fit"
LEAST_VARIANCE = 1e-3
"""Share of the largest variance below which a direction is no longer stretched to variance 1."""
STRENGTHS = (0.0, 1 / 3, 2 / 3, 1.0)
"""Shares of the tilt, one subset after the other."""


@recipe(family="indicators", paper="arXiv:2307.06290")
def instruct_mining_fit(
    run: Run,
    data: Dataset,
    budget: Budget,
    *,
    of: tuple[ColumnName, ...] = tuple(PUBLISHED["v3"].coefficients),
    subsets: int = 40,
    rows: int = 1000,
    tilt: float = 1.0,
    save: str = "",
    seed: int = 0,
) -> Selection:
    """Rows with the lowest loss by a rule that is fitted to trainings on subsets of the pool.

    Args:
        of: the indicators
        subsets: how many are drawn and trained on
        rows: rows of each, at most half of the pool
        tilt: how far the subsets are drawn apart; 0 draws all of them at random
        save: file that the rule is written to, for instruct_mining(rule=FILE)
        seed: decides the subsets
    """
    if run.target is None:
        raise UserError(f"{NAME} reads losses on a target set: give one with --target FILE")
    names = tuple(dict.fromkeys(str(parse(name)) for name in of))
    pool, limit = run.payable(data, names, budget)
    keep, dropped = scored(pool, names)
    inside = pool.take(keep)
    _check(len(inside), subsets, rows, tilt, len(names))
    if save and not Path(save).expanduser().parent.is_dir():
        raise UserError(f"{NAME}: save={save}: there is no such folder")
    values = np.column_stack([inside.scores(name) for name in names])
    drawn = draw(values, inside.ids, subsets, rows, tilt, seed)
    losses = []
    for done, part in enumerate(drawn):
        run.progress("trainings for the rule", done, subsets)
        losses += trained_loss(run, data.take(inside.rows[part]), [_train_seed(run)])
    run.progress("trainings for the rule", subsets, subsets)
    means = np.array([values[part].mean(axis=0) for part in drawn])
    found = fit(names, means, _logs(losses))
    rule = Rule(float(found.values[0]), dict(zip(names, found.values[1:].tolist(), strict=True)))
    info = {"rule": rule.text(), **found.told(), "trained": _runs(names, means, losses)}
    if save:
        write(Path(save), rule, found, rows)
    column = Column.floats(predicted(inside, rule))
    ranked: Pool = replace(inside, columns={**inside.columns, NAME: column})
    chosen = run.select(ranked, f"bottom_k(by={NAME})", limit)
    return replace(chosen, info={**chosen.info, **info}, dropped={**dropped, **chosen.dropped})


def draw(values: Floats, ids: Any, subsets: int, rows: int, tilt: float, seed: int) -> list[Ints]:
    """Positions of each subset's rows; a row's key depends on its id, the seed and its ranks."""
    ranks = whitened(normal_scores(values))
    found = []
    for number in range(subsets):
        own = seed * 1_000_003 + number
        random = np.random.default_rng([seed % 2**32, number])
        direction = random.standard_normal(ranks.shape[1])
        along = ranks @ direction / np.linalg.norm(direction)
        strength = tilt * STRENGTHS[number % len(STRENGTHS)]
        keys = strength * along + gumbel(ids.tolist(), own)
        found.append(order_by(keys, ids)[:rows])
    return found


def whitened(scores: Floats) -> Floats:
    """The columns turned so that they are uncorrelated, each as near as can be to what it was."""
    middle = scores - scores.mean(axis=0)
    values, vectors = np.linalg.eigh(middle.T @ middle / len(scores))
    floor = LEAST_VARIANCE * max(float(values[-1]), 1.0)  # of what follows from the others
    turn = vectors / np.sqrt(np.maximum(values, floor)) @ vectors.T
    found: Floats = middle @ turn
    return found


def normal_scores(values: Floats) -> Floats:
    """Each column as the normal quantiles of its ranks, equal values at their mean rank."""
    found = np.empty(values.shape)
    for at, column in enumerate(values.T):
        _, where, count = np.unique(column, return_inverse=True, return_counts=True)
        rank = (np.cumsum(count) - count / 2) / len(column)
        score = np.array([NormalDist().inv_cdf(share) for share in rank.tolist()])
        found[:, at] = score[where]
    return found


def write(path: Path, rule: Rule, found: Fit, rows: int) -> None:
    """The rule with where it comes from, as `instruct_mining` reads it."""
    said = {**json.loads(rule.text()), "rows": rows, "fit": found.told()}
    path.expanduser().write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _logs(losses: list[float]) -> Floats:
    """Logarithms of losses; raises UserError where there is none."""
    if min(losses) <= 0:
        raise UserError(
            f"a training left a loss of {min(losses):g} on the target set: no log of it"
        )
    return np.log(losses)


def _train_seed(run: Run) -> int:
    return run.training.train_seed if run.training else 0


def _check(there: int, subsets: int, rows: int, tilt: float, count: int) -> None:
    """Raises UserError before anything is trained."""
    if subsets < count + 2:
        raise UserError(
            f"{NAME}: {subsets} subsets cannot tell {count + 1} coefficients and an error: "
            f"set subsets to at least {count + 2}, better {10 * (count + 1)}"
        )
    if not 1 <= rows <= there // 2:
        raise UserError(
            f"{NAME}: subsets of {rows:,} rows out of {there:,} with all indicators would be much "
            f"alike: set rows to at most {there // 2:,}"
        )
    if not 0 <= tilt <= 100:
        raise UserError(f"{NAME}: tilt is a number from 0 to 100, got {tilt}")


def _runs(names: tuple[str, ...], means: Floats, losses: list[float]) -> list[dict[str, Any]]:
    """Mean indicators and loss of each run."""
    return [
        {**dict(zip(names, mean.tolist(), strict=True)), "loss": loss}
        for mean, loss in zip(means, losses, strict=True)
    ]
